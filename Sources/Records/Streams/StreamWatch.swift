package import RoostCore
package import Rules
import Synchronization

/// Tells those who wait at streams that something has come.
///
/// A hint: whoever is woken looks, and may find nothing; whoever wrote in another process is heard of
/// through `wakeAll`.
package final class StreamWatch: Sendable {
  /// One who waits.
  private struct Waiter {
    let held: HeldScopes
    /// In nanoseconds of the steady clock.
    let deadline: UInt64
    let continuation: CheckedContinuation<UInt64?, Never>
  }

  private struct State {
    var waiters: [UInt64: Waiter] = [:]
    var next: UInt64 = 0
    /// Commits so far that wrote to streams, by this process or, as far as was heard, by others.
    var commits: UInt64 = 0
    var isOpen = true
    /// Entries of the log that this process wrote, and those of others when it last looked.
    var own: Int64 = 0
    var foreign: Int64 = 0
  }

  private let time: any TimeSource
  private let state = Mutex(State())

  package init(time: any TimeSource) { self.time = time }

  /// How many commits were heard of; who finds nothing new waits for what comes behind this number.
  package var commits: UInt64 { state.withLock { $0.commits } }

  /// Whether anybody may still wait.
  package var isOpen: Bool { state.withLock { $0.isOpen } }

  /// How many wait.
  package var waiting: Int { state.withLock { $0.waiters.count } }

  /// Returns when something came to a stream that `held` holds, when grants changed, at `wakeAll`,
  /// when the task is cancelled, at the first `expire` behind `deadline`, or at once if there were
  /// commits since `commits`.
  ///
  /// Gives when the commit of this process ended that woke it, in nanoseconds of the steady clock;
  /// nil where it was something else.
  @discardableResult
  package func wait(
    for held: HeldScopes, since commits: UInt64, until deadline: UInt64
  ) async -> UInt64? {
    let number = state.withLock { state in
      state.next += 1
      return state.next
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isNow = state.withLock { state in
          guard state.isOpen, state.commits == commits, !Task.isCancelled else { return true }
          state.waiters[number] = Waiter(
            held: held, deadline: deadline, continuation: continuation)
          return false
        }
        if isNow { continuation.resume(returning: nil) }
      }
    } onCancel: {
      state.withLock { $0.waiters.removeValue(forKey: number) }?
        .continuation.resume(returning: nil)
    }
  }

  /// Hears how long the log is, of which this process has written `own`; wakes everyone where others
  /// have written since.
  package func heard(_ length: Int64) {
    let isForeign = state.withLock { state in
      let foreign = length - state.own
      defer { state.foreign = foreign }
      return foreign != state.foreign
    }
    if isForeign { wakeAll() }
  }

  /// Wakes everyone, for a change that may concern anyone.
  package func wakeAll() { wakeAll(at: nil) }

  private func wakeAll(at moment: UInt64?) {
    let woken = state.withLock { state in
      state.commits += 1
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in woken { waiter.continuation.resume(returning: moment) }
  }

  /// Wakes those whose deadline lies before `now`, in nanoseconds of the steady clock.
  package func expire(_ now: UInt64) {
    let woken = state.withLock { state in
      let numbers = state.waiters.filter { $0.value.deadline <= now }.map(\.key)
      return numbers.compactMap { state.waiters.removeValue(forKey: $0) }
    }
    for waiter in woken { waiter.continuation.resume(returning: nil) }
  }

  /// Wakes everyone, and lets nobody wait any more.
  package func close() {
    state.withLock { $0.isOpen = false }
    wakeAll()
  }

  /// Wakes those whom a commit concerns.
  func committed(_ changes: [RowChange], conflictsOf accounts: [UUID] = []) {
    let isAwaited = state.withLock { state in
      state.own += Int64(changes.count)
      guard state.waiters.isEmpty else { return true }
      // Whoever looks just now and is about to wait hears of it by the number.
      state.commits += 1
      return false
    }
    guard isAwaited else { return }
    let moment = time.monotonicNanoseconds()
    if changes.contains(where: { $0.moves.changesGrants }) { return wakeAll(at: moment) }
    var scopes: Set<ScopeConjunction> = []
    for change in changes {
      for entry in change.moves.puts { scopes.insert(entry.scope) }
      for entry in change.moves.leaves { scopes.insert(entry.scope) }
    }
    for account in accounts { scopes.insert(ConflictRows.scope(of: account)) }
    guard !scopes.isEmpty else { return }
    let woken = state.withLock { state in
      state.commits += 1
      let numbers = state.waiters.filter { entry in
        scopes.contains { entry.value.held.holds($0) }
      }.map(\.key)
      return numbers.compactMap { state.waiters.removeValue(forKey: $0) }
    }
    for waiter in woken { waiter.continuation.resume(returning: moment) }
  }
}
