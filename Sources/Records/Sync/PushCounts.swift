import RoostCore
package import SyncProtocol
import Synchronization

/// What this process did with the changes that devices brought, since it started.
package struct PushStatistics: Sendable, Equatable {
  /// Pushes that were answered.
  package fileprivate(set) var pushes = 0
  /// Those of them that were not taken in whole, because lineages had parted or some were missing.
  package fileprivate(set) var forked = 0
  package fileprivate(set) var gaps = 0
  /// Mutations by what became of them; a repeat counts as `dup`, whatever it is answered.
  package fileprivate(set) var mutations: [MutationResult.Outcome: Int] = [:]

  /// The same with every result by its name, in a steady order.
  package var byResult: [(result: String, count: Int)] {
    [MutationResult.Outcome.ok, .merged, .dup, .rejected, .conflict].map { outcome in
      (result: outcome.rawValue, count: mutations[outcome] ?? 0)
    }
  }
}

/// Counts them.
final class PushCounts: Sendable {
  private let counts = Mutex(PushStatistics())

  var current: PushStatistics { counts.withLock { $0 } }

  func count(_ pushed: Pushed, repeats: Int) {
    counts.withLock { counts in
      counts.pushes += 1
      switch pushed.state {
      case .taken: break
      case .forked: counts.forked += 1
      case .gap: counts.gaps += 1
      }
      counts.mutations[.dup, default: 0] += repeats
    }
  }

  func count(_ outcome: MutationResult.Outcome) {
    counts.withLock { $0.mutations[outcome, default: 0] += 1 }
  }
}
