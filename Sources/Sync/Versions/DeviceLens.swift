import Records
import RoostCore
import Schema
import SyncProtocol

/// Rows and results in the words of a device of an older major version, and its changes in those of
/// now: by the lenses that REST looks through.
struct DeviceLens: Sendable {
  let schema: FormerSchema
  /// The older names of collections by those of now, and the other way round.
  let naming: StreamNaming
  private let byNow: [String: FormerCollection]
  /// The collections that entries of conflicts come from.
  private static let conflicts = "_conflicts"

  init(_ schema: FormerSchema) {
    self.schema = schema
    var byNow: [String: FormerCollection] = [:]
    var former: [String: String] = [DeviceLens.conflicts: DeviceLens.conflicts]
    for collection in schema.collections {
      guard let now = collection.now else { continue }
      byNow[now.name] = collection
      former[now.name] = collection.old.name
    }
    self.byNow = byNow
    naming = StreamNaming(former: former)
  }

  // MARK: Rows

  /// A delta as the device knows it; entries of collections that it does not know are left out.
  func delta(_ bytes: [UInt8], isHome: (String) -> Bool) throws -> [UInt8] {
    guard case .delta(var delta) = try FrameReader(limits: DeviceLens.anySize).frame(bytes) else {
      return bytes
    }
    delta.entries = delta.entries.compactMap { entry in
      var entry = entry
      if entry.row.collection == DeviceLens.conflicts { return conflict(entry) }
      guard let collection = byNow[entry.row.collection] else { return nil }
      if entry.kind == .put {
        entry.fields = fields(
          entry.fields, of: collection, withGone: isHome(entry.row.collection))
        entry.clocks = named(entry.clocks, in: collection)
      }
      entry.row = RowKey(collection: collection.old.name, id: entry.row.id)
      return entry
    }
    return Frame.delta(delta).encoded
  }

  /// The values of an entry; those of fields that are gone with it, where it is the record's own.
  private func fields(
    _ values: JSONObject, of collection: FormerCollection, withGone: Bool
  ) -> JSONObject {
    var shown: Set<String> = []
    for field in collection.fields {
      if let now = field.now {
        if values[now.name] != nil { shown.insert(field.old.name) }
      } else if withGone {
        shown.insert(field.old.name)
      }
    }
    var lost: Set<String> = []
    let record = FormerAnswer(schema: schema).record(
      .object(values), of: collection, shown, &lost)
    return record.object ?? JSONObject()
  }

  private func named(
    _ clocks: [String: Stamp], in collection: FormerCollection
  ) -> [String: Stamp] {
    var named: [String: Stamp] = [:]
    for (name, stamp) in clocks {
      if let field = collection.field(now: name) { named[field.old.name] = stamp }
    }
    return named
  }

  private func conflict(_ entry: StreamEntry) -> StreamEntry? {
    guard entry.kind == .put else { return entry }
    guard let name = entry.fields["coll"]?.string, let collection = byNow[name],
      let field = entry.fields["field"]?.string.flatMap({ collection.field(now: $0) })
    else { return nil }
    var entry = entry
    entry.fields["coll"] = .string(collection.old.name)
    entry.fields["field"] = .string(field.old.name)
    if let mine = entry.fields["mine"], mine.object == nil || field.old.type == .json {
      entry.fields["mine"] = field.backward(mine).value
    }
    return entry
  }

  /// Masks of the collections that the device knows, with its names; what is gone is in each.
  func masks(_ masks: [Int64: SyncProtocol.Mask]) -> [Int64: SyncProtocol.Mask] {
    masks.compactMapValues { mask in
      guard let collection = byNow[mask.collection] else { return nil }
      let fields = collection.fields.filter { field in
        field.now.map { mask.fields.contains($0.name) } ?? true
      }
      return SyncProtocol.Mask(
        collection: collection.old.name, fields: fields.map(\.old.name))
    }
  }

  private static var anySize: FrameLimits {
    var limits = FrameLimits()
    limits.bytes = .max
    return limits
  }

  // MARK: Changes

  /// The operations of a mutation in the words of now.
  ///
  /// Throws what cannot be said in them. What the device does not know is not in them, and stays.
  func lift(_ mutation: ClientMutation) throws -> LiftedMutation {
    var lifted = LiftedMutation()
    for (index, operation) in mutation.operations.enumerated() {
      try lift(operation, index, &lifted)
    }
    return lifted
  }

  private func lift(
    _ operation: ClientOperation, _ index: Int, _ lifted: inout LiftedMutation
  ) throws {
    switch operation {
    case .create(let name, let id, let values):
      let collection = try former(name)
      let fields = try forward(values, collection, isCreate: true, index, &lifted)
      lifted.operations.append(.create(collection: collection.now, id: id, fields: fields))
    case .update(let name, let id, let values, let base):
      let collection = try former(name)
      let fields = try forward(values, collection, isCreate: false, index, &lifted)
      if fields.isEmpty, !values.isEmpty {
        throw RoostError(
          .invalid, "What this change is about is gone: update the app on this device.",
          issues: lifted.lost)
      }
      var named: [String: Stamp] = [:]
      for (field, stamp) in base {
        if let now = collection.former.field(named: field)?.now { named[now.name] = stamp }
      }
      lifted.operations.append(
        .update(collection: collection.now, id: id, fields: fields, base: named))
    case .delete(let name, let id):
      lifted.operations.append(.delete(collection: try former(name).now, id: id))
    case .action: lifted.operations.append(operation)
    case .resolve:
      lifted.operations.append(operation)
      lifted.choice = choice
    }
  }

  /// The values of choices, whose collection and field are known by their names of now.
  private var choice: ChoiceLens {
    ChoiceLens(
      forward: { value, collection, field in
        guard let former = byNow[collection], let known = former.field(now: field) else {
          throw RoostError(
            .invalid,
            "Version \(schema.version) of the app does not have what is to be decided: update the "
              + "app on this device.")
        }
        let (body, _) = try FormerBody(schema: schema, collection: former, isCreate: false)
          .forward(.object(JSONObject(uniqueMembers: [(known.old.name, value)])))
        return body.object?[field] ?? value
      },
      backward: { value, collection, field in
        guard let known = byNow[collection]?.field(now: field) else { return nil }
        return (known.old.name, known.backward(value).value)
      })
  }

  private func former(_ name: String) throws -> (former: FormerCollection, now: String) {
    guard name != ConflictRows.name else { throw ConflictRows.refusal }
    guard let collection = schema.collection(named: name) else {
      throw RoostError(
        .invalid, "Version \(schema.version) of the app has no collection \"\(name.prefix(60))\".")
    }
    guard let now = collection.now else {
      throw RoostError(
        .invalid, "The collection \(name.prefix(60)) is gone: update the app on this device.")
    }
    return (collection, now.name)
  }

  private func forward(
    _ values: JSONObject, _ collection: (former: FormerCollection, now: String), isCreate: Bool,
    _ index: Int, _ lifted: inout LiftedMutation
  ) throws -> JSONObject {
    let place = "/ops/\(index)/args"
    do {
      let (body, lost) = try FormerBody(
        schema: schema, collection: collection.former, isCreate: isCreate
      ).forward(.object(values))
      lifted.lost += lost.map { name in
        FieldIssue(
          pointer: "\(place)/\(JSONPointer.escape(name))", code: "dropped_field",
          message: "\(name) is gone: its value was not kept.")
      }
      return body.object ?? JSONObject()
    } catch let error as RoostError {
      throw RoostError(
        error.code, error.detail,
        issues: error.issues.map { issue in
          FieldIssue(pointer: place + issue.pointer, code: issue.code, message: issue.message)
        })
    }
  }

  // MARK: Results

  /// A result in the words in which its mutation was made.
  func result(_ result: MutationResult, of mutation: ClientMutation) -> MutationResult {
    var result = result
    result.issues = result.issues.map { issue in
      let parts = issue.pointer.split(separator: "/", maxSplits: 3)
      guard parts.count > 3, parts[0] == "ops", parts[2] == "args", let index = Int(parts[1]),
        let problem = problem(of: mutation, at: index)
      else { return issue }
      let own = problem.former(
        FieldIssue(pointer: "/" + parts[3], code: issue.code, message: issue.message))
      return FieldIssue(
        pointer: "/ops/\(index)/args\(own.pointer)", code: own.code, message: own.message)
    }
    if let message = result.message, let problem = problem(of: mutation, at: 0) {
      result.message = problem.former(message)
    }
    if !result.values.isEmpty, let collection = collection(of: mutation, at: 0) {
      result.values = fields(result.values, of: collection, withGone: false)
    }
    return result
  }

  private func collection(of mutation: ClientMutation, at index: Int) -> FormerCollection? {
    guard mutation.operations.indices.contains(index) else { return nil }
    return mutation.operations[index].row.flatMap { schema.collection(named: $0.collection) }
  }

  private func problem(of mutation: ClientMutation, at index: Int) -> FormerProblem? {
    collection(of: mutation, at: index).map { FormerProblem(schema: schema, collection: $0) }
  }
}
