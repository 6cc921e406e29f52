import RoostCore
import SyncProtocol

/// The order in which a request brings mutations: the most urgent lane first, but nothing before
/// what it builds on.
///
/// A mutation builds on those that made the rows which it changes or names, in whichever lane they
/// wait; and one that reaches into slower tiers builds on what waits in their lanes for the same
/// rows. What it builds on was made before it, so there are no circles.
struct FlushOrder {
  private let plan: ClientPlan
  /// What waits in each lane, in its order.
  private let waiting: [Lane: [ClientMutation]]
  /// How many of them are in the order already.
  private var taken: [Lane: Int] = [:]
  /// Where rows are made.
  private var makers: [UUID: (lane: Lane, index: Int)] = [:]
  /// Where rows are touched, in the order of each lane.
  private var touches: [RowKey: [(lane: Lane, index: Int)]] = [:]
  private var order: [(lane: Lane, mutation: ClientMutation)] = []
  private let most: Int

  private init(_ waiting: [Lane: [ClientMutation]], _ plan: ClientPlan, most: Int) {
    self.waiting = waiting
    self.plan = plan
    self.most = most
    guard waiting.count > 1 else { return }
    for lane in Lane.allCases {
      for (index, mutation) in (waiting[lane] ?? []).enumerated() {
        for operation in mutation.operations {
          guard let key = operation.row else { continue }
          if case .create(_, let id, _) = operation { makers[id] = (lane, index) }
          touches[key, default: []].append((lane, index))
        }
      }
    }
  }

  /// At most `most` mutations of the lanes that are `wanted`, and of others as they are needed.
  static func make(
    _ waiting: [Lane: [ClientMutation]], wanted: Set<Lane>, plan: ClientPlan, most: Int
  ) -> [(lane: Lane, mutation: ClientMutation)] {
    var order = FlushOrder(waiting.filter { !$0.value.isEmpty }, plan, most: most)
    for lane in Lane.allCases where wanted.contains(lane) {
      let count = order.waiting[lane]?.count ?? 0
      guard order.flush(lane, through: count - 1) else { break }
    }
    return order.order
  }

  /// Takes a lane up to a place; false where the request is full before.
  private mutating func flush(_ lane: Lane, through index: Int) -> Bool {
    guard let mutations = waiting[lane] else { return true }
    for next in (taken[lane] ?? 0)..<max(taken[lane] ?? 0, index + 1) {
      let mutation = mutations[next]
      for need in needs(of: mutation, in: lane) where need.lane != lane {
        guard flush(need.lane, through: need.index) else { return false }
      }
      guard order.count < most else { return false }
      order.append((lane, mutation))
      taken[lane] = next + 1
    }
    return true
  }

  private func needs(of mutation: ClientMutation, in lane: Lane) -> [(lane: Lane, index: Int)] {
    guard waiting.count > 1 else { return [] }
    var needs: [(lane: Lane, index: Int)] = []
    func add(_ place: (lane: Lane, index: Int)) {
      guard place.lane != lane, let other = waiting[place.lane]?[place.index],
        Lanes.isEarlier((other, place.lane), (mutation, lane))
      else { return }
      needs.append(place)
    }
    for operation in mutation.operations {
      if let key = operation.row {
        if let maker = makers[key.id] { add(maker) }
        if plan.tiers(of: operation).contains(where: { $0 > lane }) {
          for place in touches[key] ?? [] where place.lane > lane { add(place) }
        }
      }
      switch operation {
      case .create(_, _, let values), .update(_, _, let values, _), .action(_, let values):
        visit(.object(values)) { id in if let maker = makers[id] { add(maker) } }
      case .delete, .resolve: break
      }
    }
    return needs
  }

  /// Calls `body` with every identifier in a value, whatever field or argument holds it.
  private func visit(_ value: JSON, _ body: (UUID) -> Void) {
    switch value {
    case .string(let text):
      if text.utf8.count == 36, let id = UUID(text) { body(id) }
    case .array(let elements): for element in elements { visit(element, body) }
    case .object(let object): for (_, member) in object { visit(member, body) }
    case .null, .bool, .int, .double: break
    }
  }
}
