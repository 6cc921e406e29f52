import RoostCore
import Synchronization

/// Whether the server can be reached, by what became of the last attempts to connect to it.
///
/// The connections of several threads report here. A failure counts until one of them has connected
/// in an attempt that began later, or until all have been content for a while: whoever lacks a
/// connection tries again every few seconds.
final class ServerReach: Sendable {
  private struct State {
    /// When the last failed attempt ended, of the monotonic clock in nanoseconds.
    var failedAt: UInt64?
    /// When an attempt succeeded for the last time.
    var connectedAt: UInt64 = 0
    /// Attempts under way; one that nobody answers takes as long as connecting may take.
    var attempts = 0
  }

  /// Above the longest pause between two attempts of one thread.
  private static let quietNanoseconds: UInt64 = 10_000_000_000

  private let time: any TimeSource
  private let state = Mutex(State())

  init(_ time: any TimeSource) { self.time = time }

  /// Notes how an attempt to connect ends.
  func attempt<Result>(
    _ body: () throws(PostgresFailure) -> Result
  ) throws(PostgresFailure) -> Result {
    let began = time.monotonicNanoseconds()
    state.withLock { $0.attempts += 1 }
    defer { state.withLock { $0.attempts -= 1 } }
    do {
      let result = try body()
      let now = time.monotonicNanoseconds()
      state.withLock {
        $0.connectedAt = now
        $0.failedAt = nil
      }
      return result
    } catch {
      failed(since: began)
      throw error
    }
  }

  /// Notes that the server has not answered since the time `began`.
  func failed(since began: UInt64) {
    let now = time.monotonicNanoseconds()
    state.withLock { state in
      // Another connection was made in the meantime: the server was only just away.
      guard began >= state.connectedAt else { return }
      state.failedAt = now
    }
  }

  var isOut: Bool {
    let now = time.monotonicNanoseconds()
    return state.withLock { state in
      guard let failedAt = state.failedAt else { return false }
      return state.attempts > 0 || now &- failedAt < ServerReach.quietNanoseconds
    }
  }
}
