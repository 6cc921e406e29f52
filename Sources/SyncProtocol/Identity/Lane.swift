/// A queue of mutations of one client; each tier has its own, with its own sequence and chain.
///
/// The raw value is the tier's name. LOCAL_ONLY and SERVER_ONLY have no lane.
package enum Lane: String, Hashable, Sendable, CaseIterable, Comparable {
  case live = "LIVE"
  case hourly = "HOURLY"
  case daily = "DAILY"
  case onDemand = "ON_DEMAND"

  /// Urgency: the most urgent lane first.
  package static func < (left: Lane, right: Lane) -> Bool { left.rank < right.rank }

  /// By rank: an enumeration with names is otherwise hashed by the text of its name.
  package func hash(into hasher: inout Hasher) { hasher.combine(rank) }

  private var rank: Int {
    switch self {
    case .live: 0
    case .hourly: 1
    case .daily: 2
    case .onDemand: 3
    }
  }
}
