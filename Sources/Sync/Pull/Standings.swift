import Records
import RoostCore
import Rules
import SyncProtocol
import Synchronization

/// Which streams callers held, and where these ended, at the last commit that was heard of.
///
/// Somebody who is told of a change asks at once for the next one: while no commit has come since the
/// look that told them, another look would find the same, and they wait without it.
final class Standings: Sendable {
  /// What a look found.
  struct Standing: Sendable {
    let epoch: UUID
    /// What a commit of this look carries.
    let mark: String?
    let held: HeldScopes
    let heads: [StreamHead]

    init(epoch: UUID, mark: String?, held: HeldScopes, heads: [StreamHead]) {
      self.epoch = epoch
      self.mark = mark
      self.held = held
      self.heads = heads
    }

    /// Whether a client that says this is in step with it, as a look would find.
    func isInStep(_ hello: Hello) -> Bool {
      // Marks and epochs may tell of a loss, and pages of purges: that needs a look.
      guard hello.epoch == nil || hello.epoch == epoch, hello.mark == nil || hello.mark == mark,
        hello.staged.isEmpty
      else { return false }
      return PullPlan(hello, heads, isForeign: false, isPageWhole: true).isEmpty
    }
  }

  private struct State {
    /// The number of the commit that all are of.
    var commits: UInt64 = 0
    var since: UInt64 = 0
    var standings: [Caller: Standing] = [:]
  }

  private static let most = 10_000
  /// Floors rise and epochs begin without a commit: they are found when so much time has passed.
  private static let lifetimeNanoseconds: UInt64 = 5_000_000_000
  private let state = Mutex(State())

  init() {}

  /// What a look found that began when so many commits had been heard of.
  func note(_ standing: Standing, of caller: Caller, commits: UInt64, at now: UInt64) {
    state.withLock { state in
      guard commits >= state.commits else { return }
      if commits > state.commits || state.standings.count >= Standings.most
        || now &- state.since >= Standings.lifetimeNanoseconds
      {
        state.standings = [:]
        state.commits = commits
        state.since = now
      }
      state.standings[caller] = standing
    }
  }

  /// What was found for a caller, if no more than `commits` have been heard of since.
  func find(_ caller: Caller, commits: UInt64, at now: UInt64) -> Standing? {
    state.withLock { state in
      guard state.commits == commits, now &- state.since < Standings.lifetimeNanoseconds else {
        return nil
      }
      return state.standings[caller]
    }
  }
}
