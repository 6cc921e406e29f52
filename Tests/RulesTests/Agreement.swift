import Queries
import RoostCore
import Rules
import Schema

/// Where two outputs do not say the same.
struct Disagreement: Error, CustomStringConvertible {
  let description: String
}

/// One random schema with its rows and callers, asked through every output of the rules.
struct Agreement {
  let seed: UInt64
  let fault: Fault?
  let world: World
  let oracle: Oracle
  let callers: [OracleCaller]
  let memory: RuleBook
  let sql: RuleBook
  let scopes: ScopeOutput
  /// The scopes of each rule by itself, for the fault that does not join masks.
  let scopesByRule: [[ScopeOutput]]
  let database: any RowDatabase
  var random: Randomness
  /// A collection, a caller and a live row, compared over all outputs.
  var cases = 0
  var shown = 0
  var streamed = 0
  var filters = 0
  /// Forms of scopes, by what their texts hold.
  static let forms = [
    "several atoms": "&", "path": "#", "path that begins with a list": "#i", "having": "[",
    "first hop test": "!", "role": "role:", "claim": "claim:", "account": "account",
    "user": "user:",
  ]
  /// How many rows were seen through each form of scope.
  var forms: [String: Int] = [:]

  init(seed: UInt64, fault: Fault? = nil) async throws {
    self.seed = seed
    self.fault = fault
    var maker = SchemaMaker(random: Randomness(seed: seed))
    let plan = maker.make()
    var random = maker.random
    world = World(plan, &random)
    self.random = random
    oracle = Oracle(world)
    callers = world.callers.map { OracleCaller($0, plan) }
    memory = try Agreement.book(fault?.memory(plan) ?? plan)
    sql = try Agreement.book(fault?.sql(plan) ?? plan)
    scopes = ScopeOutput(
      ScopeBook(try Agreement.book(fault?.scopes(plan) ?? plan)), world, fault)
    scopesByRule =
      fault == .scopesKeepTheMaskOfOneRule ? try Agreement.scopesByRule(plan, world) : []
    database = try await RowDatabases.make(world)
  }

  static func book(_ plan: SchemaPlan) throws -> RuleBook {
    do {
      return try RuleBook(try SchemaModel.load(source: plan.source, stage: .everything))
    } catch {
      throw Disagreement(description: "\(error)\n\(plan.source)")
    }
  }

  private static func scopesByRule(_ plan: SchemaPlan, _ world: World) throws -> [[ScopeOutput]] {
    try plan.collections.indices.map { index in
      try plan.collections[index].allows.indices.map { kept in
        var single = plan
        for number in plan.collections[index].allows.indices where number != kept {
          single.collections[index].allows[number].operations = [.delete]
          single.collections[index].allows[number].check = nil
        }
        return ScopeOutput(ScopeBook(try book(single)), world, nil)
      }
    }
  }

  /// Compares everything, and gives the database back.
  mutating func run() async throws {
    do {
      try await compareAll()
    } catch {
      await database.close()
      throw error
    }
    await database.close()
  }

  private mutating func compareAll() async throws {
    for index in world.plan.collections.indices {
      for (number, caller) in world.callers.enumerated() {
        try await compareReads(index, caller, callers[number])
        try await compareWrites(index, caller, callers[number])
      }
    }
    for _ in 0..<4 { try await compareFilter() }
  }

  func live(_ index: Int) -> [RowImage] { world.rows[index].filter { !$0.isDeleted } }

  func fail(
    _ what: String, _ row: RowImage?, _ caller: OracleCaller, _ found: String, _ expected: String,
    _ text: String = ""
  ) -> Disagreement {
    var lines = [
      "seed \(seed): \(what)",
      "  caller \(caller.uid.map { "\($0)" } ?? "none") anonymous \(caller.isAnonymous) "
        + "roles \(caller.roles.sorted()) claims \(caller.claims.sorted())",
      "  found \(found)", "  expected \(expected)",
    ]
    if let row {
      let fields = world.plan.collections[row.collection].fields
      let values = zip(fields, row.values).map { "\($0.name): \($1)" }.joined(separator: ", ")
      lines.append("  row \(row.id) of C\(row.collection), version \(row.version): \(values)")
    }
    if !text.isEmpty { lines.append("  \(text)") }
    lines.append(world.plan.source)
    return Disagreement(description: lines.joined(separator: "\n"))
  }

  // MARK: Reading

  private mutating func compareReads(
    _ index: Int, _ caller: Caller, _ asked: OracleCaller
  ) async throws {
    let rows = live(index)
    var expected: [UUID: Set<String>] = [:]
    for row in rows { expected[row.id] = oracle.members(row, asked) }
    cases += rows.count
    shown += expected.count
    try compareMemory(rows, caller, asked, expected)
    try await compareSelects(index, rows, caller, asked, expected)
    try await compareBound(rows, .read, caller, asked)
    try compareScopes(index, rows, caller, asked)
  }

  private func names(_ mask: FieldSet, _ index: Int) -> Set<String> {
    Set(mask.members.map { world.plan.collections[index].members[$0] })
  }

  private func compareMemory(
    _ rows: [RowImage], _ caller: Caller, _ asked: OracleCaller, _ expected: [UUID: Set<String>]
  ) throws {
    let related = WorldRows(world: world, fault: fault)
    for stored in rows {
      let access = memory.collections[stored.collection].access(.read, caller)
      let row = fault?.row(stored) ?? stored
      var mask = access.members(of: row, related)
      if fault == .memoryShowsTheMaskOfOneRule, mask != nil {
        mask = access.rulesHolding(for: row, related).first?.mask
      }
      let found = mask.map { names($0, row.collection) }
      guard found == expected[row.id] else {
        throw fail(
          "the members in memory", stored, asked, "\(found?.sorted() ?? [])",
          "\(expected[row.id]?.sorted() ?? ["hidden"])")
      }
      guard access.allows(row, related) == (expected[row.id] != nil) else {
        throw fail("allows", stored, asked, "the opposite", "\(expected[row.id] != nil)")
      }
    }
  }

  private mutating func compareSelects(
    _ index: Int, _ rows: [RowImage], _ caller: Caller, _ asked: OracleCaller,
    _ expected: [UUID: Set<String>]
  ) async throws {
    let access = sql.collections[index].access(.read, caller)
    let writer = PredicateWriter(model: sql.model, dialect: database.dialect)
    let fields = world.plan.collections[index].fields
    var select = Template("SELECT \(PredicateWriter.Table(number: 0).name).id")
    for field in fields.indices {
      select += Template(", ") + writer.shown(.field(field), access, .alias(0))
    }
    for group in access.plan.groups.indices {
      select += Template(", ") + writer.flag(group, access.plan, .alias(0))
    }
    let from =
      Template(
        " FROM \(writer.table(index)) AS \(PredicateWriter.Table(number: 0).name) WHERE "
          + PredicateWriter.Table(number: 0).isLive) + Template(" AND (")
    let statement = select + from + writer.predicate(access.plan, .alias(0)) + Template(")")
    let found = try await execute(
      statement, access, columns: 1 + fields.count + access.plan.groups.count)
    var seen: Set<UUID> = []
    for result in found {
      guard case .uuid(let id) = result[0], let row = world.row(index, id),
        let members = expected[id]
      else {
        throw fail("a row that SQL shows", nil, asked, "\(result[0])", "none", statement.sql.text)
      }
      seen.insert(id)
      for field in fields.indices {
        let value = members.contains(fields[field].name) ? Value(row.values[field]) : .null
        guard result[field + 1] == value else {
          throw fail(
            "the column \(fields[field].name)", row, asked, "\(result[field + 1])", "\(value)",
            statement.sql.text)
        }
      }
      for (number, group) in access.plan.groups.enumerated() {
        let isShown = names(group.fields, index).isSubset(of: members)
        guard result[fields.count + 1 + number] == .bool(isShown) else {
          throw fail("the flag \(number)", row, asked, "the opposite", "\(isShown)")
        }
      }
    }
    guard seen == Set(expected.keys) else {
      throw fail(
        "the rows by SQL", rows.first { expected[$0.id] != nil && !seen.contains($0.id) }, asked,
        "\(seen.sorted())", "\(expected.keys.sorted())", statement.sql.text)
    }
    let plain = Template("SELECT \(PredicateWriter.Table(number: 0).name).id")
    let narrowing =
      writer.raw(.version, index, .alias(0)) + Template(" >= ") + .slot(.value(.int(2)))
    let narrowed =
      plain + from + writer.predicate(access.plan, .alias(0), narrowing: narrowing) + Template(")")
    let narrow = Set(try await execute(narrowed, access).map { $0[0] })
    let kept = Set(
      rows.filter { expected[$0.id] != nil && $0.version >= 2 }.map { Value.uuid($0.id) })
    guard narrow == kept else {
      throw fail("narrowed rows", nil, asked, "\(narrow)", "\(kept)", narrowed.sql.text)
    }
  }

  private func execute(
    _ template: Template, _ access: Access, columns: Int = 1
  ) async throws -> [[Value]] {
    let text = fault?.text(template.sql.text) ?? template.sql.text
    return try await database.run(
      text, template.bound(access.facts).bindings, columns: columns)
  }

  // MARK: Rows in memory, asked by SQL

  private func compareBound(
    _ rows: [RowImage], _ operation: Schema.Operation, _ caller: Caller, _ asked: OracleCaller
  ) async throws {
    guard let index = rows.first?.collection else { return }
    let access = sql.collections[index].access(operation, caller)
    let plan = access.plan
    let writer = PredicateWriter(model: sql.model, dialect: database.dialect)
    var select = Template("SELECT ") + writer.predicate(plan, .bound)
    for rule in plan.rules { select += Template(", ") + writer.holds(rule, plan, .bound) }
    for rule in plan.rules {
      select +=
        Template(", ") + writer.accepts(rule, plan, isCreate: operation == .create, .bound)
    }
    for denial in plan.denials { select += Template(", ") + writer.applies(denial, plan, .bound) }
    let related = WorldRows(world: world, fault: fault)
    for row in rows {
      let text = fault?.text(select.sql.text) ?? select.sql.text
      let result = try await database.run(
        text, select.bound(access.facts, row).bindings,
        columns: 1 + 2 * plan.rules.count + plan.denials.count)[0]
      let numbers = plan.rules.map(\.number)
      let count = numbers.count
      func chosen(_ offset: Int) -> [Int] {
        numbers.indices.filter { result[offset + $0] == .int(1) }.map { numbers[$0] }
      }
      let holding = oracle.rulesHolding(row, asked, operation)
      let accepting = oracle.rulesAccepting(row, asked, operation)
      let isDenied = oracle.isDenied(row, asked, operation)
      let isAllowed = !isDenied && !holding.isEmpty
      guard (result[0] == .int(1)) == isAllowed else {
        throw fail(
          "\(operation) of a row in memory by SQL", row, asked, "\(result[0])", "\(isAllowed)", text
        )
      }
      guard result[(2 * count + 1)...].contains(.int(1)) == isDenied || holding.isEmpty else {
        throw fail("denials by SQL", row, asked, "\(result)", "\(isDenied)", text)
      }
      let inMemory = memory.collections[index].access(operation, caller)
      let image = fault?.row(row) ?? row
      for (what, found, expected) in [
        ("rules that hold by SQL", chosen(1), holding),
        ("rules that accept by SQL", chosen(1 + count), accepting),
        (
          "rules that hold in memory", inMemory.rulesHolding(for: image, related).map(\.number),
          holding
        ),
        (
          "rules that accept in memory",
          inMemory.rulesAccepting(image, isCreate: operation == .create, related).map(\.number),
          accepting
        ),
      ] where found != expected {
        throw fail("\(operation): \(what)", row, asked, "\(found)", "\(expected)", text)
      }
    }
  }

  private mutating func compareWrites(
    _ index: Int, _ caller: Caller, _ asked: OracleCaller
  ) async throws {
    let operation = random.pick([Schema.Operation.create, .update, .delete])
    try await compareBound(world.candidates[index], operation, caller, asked)
    try await compareBound(live(index), operation, caller, asked)
  }

  // MARK: Scopes

  private mutating func compareScopes(
    _ index: Int, _ rows: [RowImage], _ caller: Caller, _ asked: OracleCaller
  ) throws {
    let held = scopes.held(by: caller)
    let online = Set(
      scopes.book.onlineOnly.compactMap { item -> Int? in
        if item.collection == index, case .rule(let rule) = item.what { rule.number } else { nil }
      })
    for row in world.rows[index] {
      var entries = scopes.entries(of: row)
      if fault == .scopesKeepTheMaskOfOneRule {
        var single: [ScopeConjunction: ScopeEntry] = [:]
        for output in scopesByRule[index] {
          for entry in output.entries(of: row) { single[entry.scope] = entry }
        }
        entries = Array(single.values)
      }
      guard Set(entries.map(\.scope.text)).count == entries.count,
        entries.allSatisfy({ ScopeConjunction(text: $0.scope.text) == $0.scope })
      else { throw fail("entries", row, asked, "\(entries.map(\.scope.text))", "one a scope") }
      let visible = entries.filter { held.holds($0.scope) }
      let found =
        visible.isEmpty
        ? nil : visible.reduce(into: Set<String>()) { $0.formUnion(names($1.mask, index)) }
      let expected =
        row.isDeleted || scopes.book.isClosed(index)
        ? nil : oracle.members(row, asked) { !online.contains($0) }
      guard found == expected else {
        throw fail(
          "the members by scopes", row, asked, "\(found?.sorted() ?? ["hidden"])",
          "\(expected?.sorted() ?? ["hidden"])",
          "entries \(entries.map { "\($0.scope.text) \(names($0.mask, index).sorted())" }), "
            + "held \(held.atoms.map(\.text).sorted())")
      }
      if found != nil { streamed += 1 }
      for entry in visible { count(entry.scope.text) }
    }
  }

  private mutating func count(_ scope: String) {
    for (form, mark) in Agreement.forms where scope.contains(mark) {
      forms[form, default: 0] += 1
    }
  }

  // MARK: Filters

  private mutating func compareFilter() async throws {
    let index = random.below(world.plan.collections.count)
    let number = random.below(callers.count)
    let caller = world.callers[number]
    let asked = callers[number]
    var maker = ConditionMaker(
      plan: world.plan, random: random, allowsCaller: false, allowsPaths: true)
    let text = maker.condition(index)
    random = maker.random
    let filter = try ExpressionChecker(model: sql.model, collection: index, scope: .rule)
      .expression(text, .filter)
    let lens: Oracle.Lens = { [oracle] row in
      guard let members = oracle.members(row, asked) else { return nil }
      let fields = oracle.plan.collections[row.collection].fields
      return row.with(
        values: zip(fields, row.values).map { members.contains($0.name) ? $1 : .null })
    }
    let expected = live(index).filter { row in
      lens(row).map { oracle.truth(text, $0, asked, lens) == true } ?? false
    }.map(\.id)
    let book = sql
    var readAccess: (@Sendable (Int) -> Access)? = { @Sendable (collection: Int) -> Access in
      book.collections[collection].access(.read, caller)
    }
    if fault == .filtersReadHiddenColumns { readAccess = nil }
    let writer = PredicateWriter(
      model: book.model, dialect: database.dialect, readAccess: readAccess)
    let access = book.collections[index].access(.read, caller)
    let table = PredicateWriter.Table(number: 0)
    var statement = Template(
      "SELECT \(table.name).id FROM \(writer.table(index)) AS \(table.name) WHERE ")
    statement += Template(table.isLive)
    statement += Template(" AND (")
    statement += PredicateWriter(model: book.model, dialect: database.dialect).predicate(
      access.plan, .alias(0))
    statement += Template(") AND (")
    statement += writer.expression(filter, index, .alias(0), isPositive: true)
    statement += Template(")")
    let found = try await execute(statement, access).compactMap { row -> UUID? in
      if case .uuid(let id) = row[0] { id } else { nil }
    }
    filters += 1
    guard Set(found) == Set(expected) else {
      throw fail(
        "the filter \(text)", nil, asked, "\(found)", "\(expected)", statement.sql.text)
    }
  }
}
