import RoostCore
import Synchronization

/// The sessions whose access tokens are refused though they have not expired yet.
///
/// In memory, since each request asks; filled from the sessions' rows at start. An id is kept for the
/// longest life of an access token by the monotonic clock, so that setting the wall clock frees no
/// token.
final class RevokedSessions: Sendable {
  private let time: any TimeSource
  private let lifeNanoseconds: UInt64
  private let ends = Mutex<[UUID: UInt64]>([:])

  init(lifeSeconds: Int64, time: any TimeSource) {
    self.time = time
    lifeNanoseconds = UInt64(max(0, lifeSeconds)) * 1_000_000_000
  }

  func contains(_ sessionID: UUID) -> Bool { ends.withLock { $0[sessionID] != nil } }

  func insert(_ sessionIDs: [UUID]) {
    guard !sessionIDs.isEmpty else { return }
    let end = time.monotonicNanoseconds() + lifeNanoseconds
    ends.withLock { ends in
      for sessionID in sessionIDs { ends[sessionID] = end }
    }
  }

  /// Forgets the sessions whose last access token has expired.
  func prune() {
    let now = time.monotonicNanoseconds()
    ends.withLock { ends in ends = ends.filter { $0.value > now } }
  }

  var count: Int { ends.withLock { $0.count } }
}
