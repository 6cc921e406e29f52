import RoostCore
package import Schema
package import SyncProtocol

/// What a device needs to know of its app's schema: the tier of each collection and field, and how
/// edits of each field are merged.
package struct ClientPlan: Sendable {
  let collections: [String: CollectionPlan]

  package init(_ schema: SchemaModel) {
    var collections: [String: CollectionPlan] = [:]
    for collection in schema.collections {
      collections[collection.name] = CollectionPlan(collection)
    }
    self.collections = collections
  }

  /// The collection of that name; nil for one that this version of the app does not know.
  package subscript(collection: String) -> CollectionPlan? { collections[collection] }

  /// The tier of a collection's rows; LIVE for one that is not known.
  func home(_ collection: String) -> Lane { collections[collection]?.home ?? .live }

  /// Whether rows of the collection never leave the device.
  func isLocal(_ collection: String) -> Bool { collections[collection]?.isLocal ?? false }

  /// The tiers of what an operation changes.
  func tiers(of operation: ClientOperation) -> Set<Lane> {
    switch operation {
    case .create(let collection, _, let fields):
      guard let plan = self[collection] else { return [.live] }
      return fields.reduce(into: [plan.home]) { $0.insert(plan.tier(of: $1.key)) }
    case .update(let collection, _, let fields, _):
      guard let plan = self[collection] else { return [.live] }
      let tiers = fields.reduce(into: Set<Lane>()) { $0.insert(plan.tier(of: $1.key)) }
      return tiers.isEmpty ? [plan.home] : tiers
    case .delete(let collection, _):
      guard let plan = self[collection] else { return [.live] }
      return plan.tiers
    case .action, .resolve: return [.live]
    }
  }

  /// The tiers of the rows and values in which operations show.
  func shownTiers(of operations: [ClientOperation]) -> Set<Lane> {
    operations.reduce(into: []) { tiers, operation in
      switch operation {
      case .create(let collection, _, _), .update(let collection, _, _, _):
        tiers.formUnion(self.tiers(of: operation))
        tiers.insert(home(collection))
      case .delete(let collection, _): tiers.insert(home(collection))
      case .action, .resolve: break
      }
    }
  }

  /// The lane of a mutation: that of the most urgent tier among what it changes.
  func lane(of operations: [ClientOperation]) -> Lane {
    operations.flatMap { operation -> Set<Lane> in
      if case .delete(let collection, _) = operation { return [home(collection)] }
      return tiers(of: operation)
    }.min() ?? .live
  }
}

/// A collection as a device sees it.
package struct CollectionPlan: Sendable {
  /// Its rows never leave the device.
  package let isLocal: Bool
  /// The tier of its rows; LIVE where they have none, which the server then says.
  package let home: Lane
  package let fields: [String: FieldPlan]
  /// The tiers of everything in it.
  let tiers: Set<Lane>
  /// What a row that is made without them has, in the order of the schema.
  let initial: [(name: String, value: JSON)]

  init(_ collection: Collection) {
    isLocal = collection.sync.tier == .localOnly
    home = Lane(rawValue: collection.sync.tier.rawValue) ?? .live
    var fields: [String: FieldPlan] = [:]
    var tiers: Set<Lane> = [home]
    for field in collection.fields {
      let plan = FieldPlan(field, of: collection)
      fields[field.name] = plan
      if let tier = plan.tier { tiers.insert(tier) }
    }
    self.fields = fields
    self.tiers = tiers
    initial = collection.fields.compactMap { field in
      guard let plan = fields[field.name], !plan.isLocal else { return nil }
      return plan.initial.map { (field.name, $0) }
    }
  }

  /// The tier of a field's values.
  func tier(of field: String) -> Lane { fields[field]?.tier ?? home }

  /// Whether the field's values never leave the device.
  func isLocal(_ field: String) -> Bool { isLocal || fields[field]?.isLocal == true }
}

/// A field as a device sees it.
package struct FieldPlan: Sendable {
  package let field: Field
  package let rule: MergeRule
  /// Its own tier; nil where it is the collection's.
  package let tier: Lane?
  /// Its values never leave the device.
  package let isLocal: Bool
  /// What a row that is made without it has; nil where the server finds that out.
  let initial: JSON?

  init(_ field: Field, of collection: Collection) {
    self.field = field
    var rule = MergeRule(
      field, field.merge ?? collection.merge,
      field.merge == nil ? collection.mergeOptions : field.mergeOptions)
    if rule.strategy == .counter {
      rule.least = field.constraint?.min
      rule.most = field.constraint?.max
    }
    self.rule = rule
    tier = field.sync.flatMap { Lane(rawValue: $0.tier.rawValue) }
    isLocal = field.sync?.tier == .localOnly
    initial = field.defaultValue.map { FieldPlan.json($0, field) }
  }

  /// Whether `$increment` adds to it.
  var isNumber: Bool {
    guard !field.isList else { return false }
    switch field.type {
    case .int, .int64, .float, .money: return true
    default: return false
    }
  }

  /// What stands after an edit as the server would merge it; nil where nothing changes.
  ///
  /// `argument` and the value are in the form in which they travel. Nothing is compared with a
  /// base, and a LATEST_VALID value counts as valid: the server's result replaces what is shown.
  func merge(
    _ argument: JSON, into value: JSON?, _ clocks: FieldClocks, at stamp: Stamp
  ) -> (value: JSON, clocks: FieldClocks)? {
    guard let operation = operation(argument) else { return nil }
    let before = value.map(stored) ?? .null
    let merged = rule.suited(to: operation, on: before).merge(
      FieldEdit(operation, stamp: stamp), into: FieldState(value: before, clocks: clocks))
    switch merged.outcome {
    case .rejected, .conflict: return nil
    case .applied, .merged, .ignored: break
    }
    return (wire(merged.state.value), merged.state.clocks)
  }

  /// What an argument asks for, over values in the form in which they are compared; nil for an
  /// intent that is none of this field.
  func operation(_ argument: JSON) -> FieldOperation? {
    switch FieldOperation(argument, isNumber: isNumber, isList: field.isList) {
    case .set(let value): .set(stored(value))
    case .increment(let amount): .increment(stored(amount))
    case .edit(let add, let remove):
      .edit(
        add: stored(.array(add)).array ?? add, remove: stored(.array(remove)).array ?? remove)
    case nil: nil
    }
  }

  /// A value as it travels back from the server.
  func shown(_ value: JSON) -> JSON {
    switch field.decode(value, pointer: "") {
    case .success(let value): FieldPlan.json(value, field)
    case .failure: value
    }
  }

  /// A value that was compared, as it travels.
  func wire(_ stored: JSON) -> JSON { FieldPlan.json(FieldValue(merged: stored, field), field) }

  /// The value in the form in which it is compared; as it is where it is none of this field.
  func stored(_ value: JSON) -> JSON {
    switch field.decode(value, pointer: "") {
    case .success(let value): value.merged
    case .failure: value
    }
  }

  /// A value as it travels.
  private static func json(_ value: FieldValue, _ field: Field) -> JSON {
    switch field.type {
    case .dateTime, .duration, .int64: break
    default: return value.merged
    }
    var writer = JSONWriter(capacity: 64)
    field.encode(value, into: &writer)
    return (try? JSON.parse(writer.bytes)) ?? value.merged
  }
}
