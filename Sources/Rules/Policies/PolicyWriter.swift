import Queries
import Schema

/// The policies of one collection.
struct PolicyWriter {
  private let rules: AccessRules
  private let functions: PolicyFunctions
  private let roles: SQL
  private let writer: PredicateWriter

  init(_ rules: AccessRules, _ functions: PolicyFunctions, roles: SQL) {
    self.rules = rules
    self.functions = functions
    self.roles = roles
    writer = PredicateWriter(model: rules.model, policies: functions)
  }

  private var table: SQL {
    "\(functions.tables).\(identifier: rules.declaration.name)"
  }

  private static let owner: SQL = "roost_owner"
  private static let readers: SQL = "roost_readers"

  /// The names of the policies that refuse.
  private func denial(_ number: Int) -> SQL { "roost_deny_\(SQL.constant(Int64(number)))" }

  var statements: [SQL] {
    let about = rules.rules.filter { $0.operations.contains(.read) }
    let denials = rules.denials.filter { $0.operations.contains(.read) }
    var statements: [SQL] = [
      "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY",
      // Without it the owner of a table, and every function that runs as the owner, would pass.
      "ALTER TABLE \(table) FORCE ROW LEVEL SECURITY",
      "CREATE POLICY \(PolicyWriter.owner) ON \(table) TO CURRENT_USER USING (true) WITH CHECK (true)",
    ]
    guard !about.isEmpty else { return statements }
    let alternatives = about.map { rule in "(\(text(test(rule))))" as SQL }.joined(by: " OR ")
    statements.append(
      """
      CREATE POLICY \(PolicyWriter.readers) ON \(table) FOR SELECT TO \(roles) \
      USING (\(identifier: "deletedAt") IS NULL AND (\(alternatives)))
      """)
    for (number, denial) in denials.enumerated() {
      statements.append(
        """
        CREATE POLICY \(self.denial(number)) ON \(table) AS RESTRICTIVE FOR SELECT TO \(roles) \
        USING ((\(text(test(denial)))) IS NOT TRUE)
        """)
    }
    let columns = shown(about).map { SQL.identifier($0) }.joined(by: ", ")
    statements.append("GRANT SELECT (\(columns)) ON \(table) TO \(roles)")
    return statements
  }

  /// What takes away what `statements` made, also for fewer denials than there were.
  var removal: [SQL] {
    let names =
      [PolicyWriter.owner, PolicyWriter.readers]
      + (0..<AccessRules.maximumRules).map { denial($0) }
    return names.map { "DROP POLICY IF EXISTS \($0) ON \(table)" } + [
      "ALTER TABLE \(table) NO FORCE ROW LEVEL SECURITY",
      "ALTER TABLE \(table) DISABLE ROW LEVEL SECURITY",
    ]
  }

  /// The columns that every rule shows: policies cannot hide one of a row that they show.
  private func shown(_ about: [Rule]) -> [String] {
    let fields = rules.declaration.fields.indices.filter { field in
      about.allSatisfy { $0.mask.contains(field) }
    }
    return RowColumn.systemNames + ["deletedAt"] + fields.map { rules.declaration.fields[$0].name }
  }

  private func test(_ rule: Rule) -> Template {
    var tests = callerTests(rule.audience, rule.callerTest)
    if let roles = rule.roles {
      tests.append(
        Template("(")
          + roles.map { Template.slot(.hasRole($0)) + Template(" = 1") }.joined(by: " OR ")
          + Template(")"))
    }
    tests.append(writer.holds(rule, rules.collection, .row))
    return tests.joined(by: " AND ")
  }

  private func test(_ denial: Denial) -> Template {
    var tests = callerTests(.everyone, denial.callerTest)
    for role in denial.exceptRoles {
      tests.append(.slot(.hasRole(role)) + Template(" = 0"))
    }
    if let when = denial.when {
      tests.append(
        Template("(") + writer.expression(when, rules.collection, .row, isPositive: true)
          + Template(")"))
    }
    return tests.isEmpty ? Template("TRUE") : tests.joined(by: " AND ")
  }

  private func callerTests(
    _ audience: AllowRule.Audience, _ test: Expression?
  ) -> [Template] {
    var tests: [Template] = []
    switch audience {
    case .everyone: break
    case .user: tests.append(.slot(.uid) + Template(" IS NOT NULL"))
    case .anonymous: tests.append(.slot(.isAnonymous) + Template(" = 1"))
    }
    if let test {
      tests.append(
        Template("(") + writer.expression(test, rules.collection, .row, isPositive: true)
          + Template(")"))
    }
    return tests
  }

  private func text(_ template: Template) -> SQL { functions.text(template) }
}

extension PolicyFunctions {
  /// A predicate as text: what differs by caller is asked of the functions.
  func text(_ template: Template) -> SQL {
    template.sql.withLiterals(template.slots.map { literal($0) })
  }

  private func literal(_ slot: Slot) -> SQL {
    switch slot {
    case .uid: "(SELECT \(functions).uid())"
    case .isAnonymous: "(SELECT \(functions).is_anonymous())"
    case .hasRole(let role): "(SELECT \(functions).has_role(\(SQL.literal(.text(role)))))"
    case .claims: "(SELECT \(functions).claims())"
    case .roles: "(SELECT \(functions).roles())"
    case .value(let value): SQL.literal(value)
    case .column, .argument: "NULL"
    }
  }
}
