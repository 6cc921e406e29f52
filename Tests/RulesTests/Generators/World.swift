import RoostCore
import Rules
import Schema

/// Random rows and callers of a schema.
struct World {
  let plan: SchemaPlan
  /// The rows of each collection, deleted ones too.
  let rows: [[RowImage]]
  let callers: [Caller]
  /// Rows that are about to be written: new ones, and stored ones with other values.
  let candidates: [[RowImage]]
  private let byID: [ResolvedRows.Key: RowImage]

  static let people = (1...4).map { UUID(high: 0xA000, low: UInt64($0)) }

  init(_ plan: SchemaPlan, _ random: inout Randomness, rowsEach: Int = 7) {
    self.plan = plan
    var rows: [[RowImage]] = []
    for index in plan.collections.indices {
      rows.append(
        (0..<rowsEach).map { number in
          World.row(plan, index, World.id(index, number), rowsEach, &random)
        })
    }
    candidates = plan.collections.indices.map { index in
      (0..<2).map { number in
        let id = World.id(index, number == 0 ? rowsEach + 10 : random.below(rowsEach))
        return World.row(plan, index, id, rowsEach, &random, isDeleted: false)
      }
    }
    self.rows = rows
    var byID: [ResolvedRows.Key: RowImage] = [:]
    for row in rows.joined() { byID[ResolvedRows.Key(row.collection, row.id)] = row }
    self.byID = byID
    callers = World.callers(&random)
  }

  private static func callers(_ random: inout Randomness) -> [Caller] {
    func words(_ choices: [String], _ random: inout Randomness) -> Set<String> {
      random.chance(55) ? Set(random.some(choices, 2)) : []
    }
    var callers = [Caller.everyone]
    for (number, id) in people.enumerated() {
      callers.append(
        Caller(
          uid: id, isAnonymous: number == 3, roles: words(SchemaPlan.roles + ["admin"], &random),
          claims: words(ConditionMaker.texts, &random).union(words(SchemaPlan.kinds, &random))))
    }
    callers.append(
      Caller(
        uid: nil, roles: words(SchemaPlan.roles, &random),
        claims: words(ConditionMaker.texts, &random)))
    return callers
  }

  private static func id(_ collection: Int, _ number: Int) -> UUID {
    UUID(high: 0xC000 + UInt64(collection), low: UInt64(number + 1))
  }

  private static func row(
    _ plan: SchemaPlan, _ index: Int, _ id: UUID, _ count: Int, _ random: inout Randomness,
    isDeleted: Bool? = nil
  ) -> RowImage {
    let values = plan.collections[index].fields.map { field -> FieldValue in
      if !field.isRequired, random.chance(18) { return .null }
      return value(field, count, &random)
    }
    let times = ConditionMaker.times.values.sorted()
    return RowImage(
      collection: index, id: id, version: Int64(1 + random.below(3)),
      createdAt: Timestamp(milliseconds: random.pick(times)),
      updatedAt: Timestamp(milliseconds: random.pick(times)),
      isDeleted: isDeleted ?? random.chance(18), values: values)
  }

  private static func value(
    _ field: FieldPlan, _ count: Int, _ random: inout Randomness
  ) -> FieldValue {
    switch field.kind {
    case .boolean: return .bool(random.chance(60))
    case .kind: return .text(random.pick(SchemaPlan.kinds))
    case .int: return .int(Int64(random.below(4)))
    case .float: return .double(random.pick([0.5, 1, 1.5, 2]))
    case .text: return .text(random.pick(ConditionMaker.texts))
    case .time:
      return .int(random.pick(ConditionMaker.times.values.sorted()) + Int64(random.below(3) - 1))
    case .texts, .kinds:
      let choices = field.kind == .kinds ? SchemaPlan.kinds : ConditionMaker.texts
      if random.chance(20) { return .json(.array([])) }
      return .json(.array(random.some(choices, 3).map { .string($0) }))
    case .user: return .uuid(random.pick(people))
    case .reference(let target):
      // One in fourteen names a row that there never was.
      return .uuid(id(target, random.chance(7) ? count + 3 : random.below(count)))
    }
  }

  func row(_ collection: Int, _ id: UUID) -> RowImage? { byID[ResolvedRows.Key(collection, id)] }
}
