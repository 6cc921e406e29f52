/// What must hold in every world, numbered as in the design of sync.
package enum Invariant: Int, CaseIterable, Sendable {
  case convergence = 1
  case snapshot = 2
  case oneEffect = 3
  case nothingLost = 4
  case counters = 5
  case merges = 6
  case durability = 7
  case monotony = 8
  case inclusion = 9
  case authority = 10
  case noReturn = 11
  case density = 12
  case completeness = 13
  case removals = 14
  case secrecy = 15
  case clocks = 16
  case lenses = 17
  case blobs = 18
  case conflicts = 19
  case healing = 20
  case engines = 21
  case liveness = 22

  package var says: String {
    switch self {
    case .convergence: "at rest a device has the server's rows that it may see, value by value"
    case .snapshot: "every applied commit is one moment of the server"
    case .oneEffect: "an operation has at most one effect"
    case .nothingLost: "what a surviving device made is applied or visibly rejected"
    case .counters: "a counter is the sum of the accepted increments"
    case .merges: "a merged value is that of the reference, whatever the order of arrival"
    case .durability: "what was acknowledged or published survives a crash"
    case .monotony: "one reads what one wrote, and cursors never go back within an epoch"
    case .inclusion: "a change is in a commit exactly where the commit's last says so"
    case .authority: "no row and no field travels to who may not see it"
    case .noReturn: "a deleted row never comes back"
    case .density: "sequences are dense, and in the order of commits"
    case .completeness: "a delta from a cursor at or above the floor is complete"
    case .removals: "a removal carries nothing but the row's id"
    case .secrecy: "values that stay on a device are in no frame, database or log"
    case .clocks: "no stored clock is more than 60 s ahead of its arrival"
    case .lenses: "a change made in an older schema keeps the fields that it does not know"
    case .blobs: "a file that a row refers to is never deleted"
    case .conflicts: "a conflict is resolved once, and both values can be had"
    case .healing: "a restored server gets back what a living device retains"
    case .engines: "a seed gives the same state on SQLite and on PostgreSQL"
    case .liveness: "once faults heal, every queue drains in bounded rounds"
    }
  }

  /// Why it is not checked; nil where it is.
  package var missing: String? {
    switch self {
    case .blobs: "files of rows do not exist yet"
    default: nil
    }
  }
}

/// An invariant that did not hold.
package struct Breach: Sendable {
  package let invariant: Invariant
  package let detail: String

  init(_ invariant: Invariant, _ detail: String) {
    self.invariant = invariant
    self.detail = detail
  }
}
