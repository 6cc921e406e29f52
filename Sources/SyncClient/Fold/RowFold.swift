import RoostCore
import SyncProtocol

/// A row as the app sees it: what is pending, merged over what the server has.
///
/// The merges are the protocol's, with nothing compared. They are for showing: what the server
/// makes of an edit replaces this with the commit that has it.
struct RowFold {
  /// Nil where there is no such row.
  private(set) var fields: JSONObject?
  private let plan: CollectionPlan?
  private let stamps: [String: Stamp]
  private var clocks: [String: FieldClocks] = [:]

  init(_ synced: SyncedRow?, _ plan: CollectionPlan?) {
    fields = synced?.fields
    stamps = synced?.clocks ?? [:]
    self.plan = plan
  }

  /// A row that never leaves the device.
  init(local: JSONObject?, _ plan: CollectionPlan?) {
    fields = local
    stamps = [:]
    self.plan = plan
  }

  /// Merges an operation on this row; of a field only where `isPending` of its tier.
  mutating func apply(
    _ operation: ClientOperation, at stamp: Stamp, isPending: (Lane) -> Bool = { _ in true }
  ) {
    switch operation {
    case .create(_, _, let values):
      guard fields == nil, isPending(plan?.home ?? .live) else { return }
      create(values, at: stamp)
    case .update(_, _, let values, _):
      guard fields != nil else { return }
      for (name, argument) in values where isPending(plan?.tier(of: name) ?? .live) {
        update(name, argument, at: stamp)
      }
    case .delete:
      if isPending(plan?.home ?? .live) { fields = nil }
    case .action, .resolve: break
    }
  }

  private mutating func create(_ values: JSONObject, at stamp: Stamp) {
    var made = JSONObject()
    for (name, value) in values {
      clocks[name] = FieldClocks(origin: stamp)
      made[name] = plan?.fields[name]?.shown(value) ?? value
    }
    for (name, value) in plan?.initial ?? [] where made[name] == nil { made[name] = value }
    fields = made
  }

  private mutating func update(_ name: String, _ argument: JSON, at stamp: Stamp) {
    guard let field = plan?.fields[name] else {
      fields?[name] = argument
      return
    }
    let clocks =
      self.clocks[name] ?? FieldClocks(origin: .zero, stamp: stamps[name] ?? .zero)
    guard let merged = field.merge(argument, into: fields?[name], clocks, at: stamp) else { return }
    fields?[name] = merged.value
    self.clocks[name] = merged.clocks
  }
}
