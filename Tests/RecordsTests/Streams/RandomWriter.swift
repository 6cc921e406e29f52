import RoostCore
import Rules
import Schema

@testable import Records

/// Makes, changes and deletes rows of any schema by the dice.
struct RandomWriter {
  enum Step: String {
    case create
    case update
    case delete
  }

  /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
  private var state: UInt64
  let users: [UUID]
  /// Fields whose constraints ask for more than their type; those with no values are left alone.
  let special: [String: [JSON]]

  init(seed: UInt64, users: [UUID], special: [String: [JSON]] = [:]) {
    state = seed &* 0x9E37_79B9_7F4A_7C15
    self.users = users
    self.special = special
  }

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }

  private mutating func pick<T>(_ choices: [T]) -> T? {
    choices.isEmpty ? nil : choices[below(choices.count)]
  }

  /// One write by the server itself; returns what it was, nil where it was refused.
  mutating func write(_ house: RecordsHouse) async throws -> Step? {
    let live = try await StreamAudit.rows(house).filter { !$0.isDeleted }
    var ids: [Int: [UUID]] = [:]
    for row in live { ids[row.collection, default: []].append(row.id) }
    let model = house.records.catalogue.model
    guard let collection = pick(house.records.catalogue.collections) else { return nil }
    let own = ids[collection.index] ?? []
    let die = below(100)
    let step: Step = own.count < 2 || die < 35 ? .create : die < 88 ? .update : .delete
    let fields = collection.fields.filter { special[$0.name]?.isEmpty != true }
    var body = JSONObject()
    let changing = step == .create ? fields : fields.filter { !$0.isImmutable }
    let some = step == .create ? changing : changing.filter { _ in below(3) == 0 }
    for field in some {
      if let value = value(of: field, model, ids) { body[field.name] = value }
    }
    let json = JSON.object(body)
    do {
      switch step {
      case .create: _ = try await house.records.create(collection, json, by: .system)
      case .update:
        guard let id = pick(own), !body.isEmpty else { return nil }
        _ = try await house.records.update(collection, id, json, expecting: .any, by: .system)
      case .delete:
        guard let id = pick(own) else { return nil }
        try await house.records.delete(collection, id, expecting: .any, by: .system)
      }
      return step
    } catch is RoostError {
      return nil
    }
  }

  private mutating func value(
    of field: Field, _ model: SchemaModel, _ ids: [Int: [UUID]]
  ) -> JSON? {
    if let values = special[field.name] { return pick(values) }
    if !field.isRequired, below(6) == 0 { return .null }
    if field.isList { return .array([.string(["a", "b"][below(2)])]) }
    switch field.type {
    case .boolean: return .bool(below(2) == 0)
    case .int, .int64, .money: return .int(Int64(1 + below(3)))
    case .string: return .string(["a", "b", "c"][below(3)])
    case .enumeration(_, let values): return pick(values).map { .string($0) }
    case .user: return pick(users).map { .string($0.description) }
    case .reference(let typeName):
      guard let target = model.collections.firstIndex(where: { $0.typeName == typeName }) else {
        return nil
      }
      return pick(ids[target] ?? []).map { .string($0.description) }
    case .json: return .object(JSONObject())
    default: return nil
    }
  }
}
