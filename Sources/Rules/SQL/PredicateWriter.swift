package import Queries
import RoostCore
package import Schema

/// Writes expressions, paths and rules as SQL for one engine: the first and the second output.
///
/// Rows are reached by uncorrelated `IN (SELECT …)` wherever only TRUE matters, so that membership
/// is looked up once a statement and not once a row (measured with a million rows: 0.04 ms against
/// 433). A predicate speaks of a table by its alias, or of a row in memory whose columns are bound.
package struct PredicateWriter {
  /// Where the columns of a row come from.
  package enum Source: Sendable, Equatable {
    /// `t<n>`.
    case alias(Int)
    /// A row in memory.
    case bound
    /// The row that a policy is about.
    case row

    /// A table inside of a subquery of this one: no name of a table around it is taken again.
    var inner: Table {
      switch self {
      case .alias(let number): Table(number: number + 1)
      case .bound, .row: Table(number: 1)
      }
    }
  }

  /// A table in a statement.
  package struct Table: Sendable {
    let number: Int

    package init(number: Int) { self.number = number }

    package var source: Source { .alias(number) }
    /// The alias.
    package var name: SQL { .identifier("t\(number)") }
    package var isLive: SQL { "\(name).\(identifier: "deletedAt") IS NULL" }
  }

  package let model: SchemaModel
  package let dialect: Dialect
  /// How a filter may read a column that is not its own collection's: by the rules of that
  /// collection.
  ///
  /// Nil in rules, which read everything.
  package let readAccess: (@Sendable (_ collection: Int) -> Access)?
  /// The rule of which it is known that it holds for the rows of the first table.
  package let alternative: Alternative?
  /// Where policies look into other tables; nil in statements, which do so themselves.
  let policies: PolicyFunctions?

  package init(
    model: SchemaModel, dialect: Dialect = .sqlite,
    readAccess: (@Sendable (_ collection: Int) -> Access)? = nil, alternative: Alternative? = nil
  ) {
    self.model = model
    self.dialect = dialect
    self.readAccess = readAccess
    self.alternative = alternative
    policies = nil
  }

  /// Writes for policies on the row, of PostgreSQL.
  init(model: SchemaModel, policies: PolicyFunctions) {
    self.model = model
    dialect = .postgres
    readAccess = nil
    alternative = nil
    self.policies = policies
  }

  // MARK: Names

  package func table(_ collection: Int) -> SQL {
    let name = SQL.identifier(model.collections[collection].name)
    guard let policies else { return name }
    return "\(policies.tables).\(name)"
  }

  /// A column as the row has it.
  package func raw(_ column: RowColumn, _ collection: Int, _ source: Source) -> Template {
    switch source {
    case .bound: return typed(.column(column), collection)
    case .row: return Template(.identifier(column.name(in: model.collections[collection])))
    case .alias(let number):
      let name = column.name(in: model.collections[collection])
      return Template("\(Table(number: number).name).\(identifier: name)")
    }
  }

  /// A column as the reader of a filter sees it: NULL where it is hidden.
  func column(_ column: RowColumn, _ collection: Int, _ source: Source) -> Template {
    guard let readAccess else { return raw(column, collection, source) }
    return shown(column, readAccess(collection), source)
  }

  /// A column under the mask of `access`.
  package func shown(_ column: RowColumn, _ access: Access, _ source: Source) -> Template {
    let collection = access.plan.owner.collection
    guard case .field(let index) = column else { return raw(column, collection, source) }
    switch access.plan.visibility(index) {
    case .always: return raw(column, collection, source)
    case .never: return nothing(column, collection)
    case .sometimes(let group):
      if let alternative, source == .alias(0), alternative.plan === access.plan {
        if alternative.shows(group) { return raw(column, collection, source) }
        if alternative.apart == group {
          return Template("CASE WHEN 1 = 0 THEN ") + raw(column, collection, source)
            + Template(" END")
        }
      }
      // Rules read every column, or the test of a mask would ask for masks itself, without an end.
      let rules = PredicateWriter(model: model, dialect: dialect)
      return Template("CASE WHEN ") + rules.flag(group, access.plan, source) + Template(" THEN ")
        + raw(column, collection, source) + Template(" END")
    }
  }

  // MARK: Plans

  /// Whether the row is one that `plan` allows: each rule is an alternative, and no denial is TRUE.
  ///
  /// `narrowing` is put into every alternative, so that the engine can choose an index for each with
  /// all that is known of the rows; it stands alone where every row is allowed.
  package func predicate(
    _ plan: AccessPlan, _ source: Source, narrowing: Template? = nil
  ) -> Template {
    if plan.isNever { return Template(falsity) }
    var parts: [Template] = []
    var alternatives: [Template] = []
    // A rule for every row makes the others superfluous.
    let rules = plan.rules.contains { !$0.isAboutRow } ? [] : plan.rules
    for rule in rules {
      var tests = tests(rule, plan.owner.collection, source)
      if rules.count > 1, case .alias(let number) = source {
        // SQLite uses an index among live rows for an alternative only if that says so itself.
        tests.append(Template(Table(number: number).isLive))
      }
      if let narrowing { tests.append(narrowing) }
      alternatives.append(bracketed(tests.joined(by: " AND ")))
    }
    if alternatives.isEmpty {
      if let narrowing { parts.append(narrowing) }
    } else {
      parts.append(
        alternatives.count == 1 ? alternatives[0] : bracketed(alternatives.joined(by: " OR ")))
    }
    parts += denied(plan, source)
    return parts.isEmpty ? Template(truth) : parts.joined(by: " AND ")
  }

  /// That no denial is TRUE of the row.
  func denied(_ plan: AccessPlan, _ source: Source) -> [Template] {
    plan.denials.map { denial in
      guard let when = denial.when else { return Template(falsity) }
      let test = expression(when, plan.owner.collection, source, isPositive: true)
      return bracketed(test) + Template(" IS NOT TRUE")
    }
  }

  /// What a rule asks of a row that is there.
  func tests(
    _ rule: Rule, _ collection: Int, _ source: Source, path known: Template? = nil
  ) -> [Template] {
    var tests: [Template] = []
    if let path = rule.path {
      tests.append(known ?? self.path(path, rule.having, collection, source))
    }
    if let when = rule.when {
      tests.append(bracketed(expression(when, collection, source, isPositive: true)))
    }
    return tests
  }

  /// Whether one rule holds for a row that is there; never NULL.
  package func holds(_ rule: Rule, _ plan: AccessPlan, _ source: Source) -> Template {
    holds(rule, plan.owner.collection, source)
  }

  /// The same of a row of the collection at that place of the schema.
  func holds(_ rule: Rule, _ collection: Int, _ source: Source) -> Template {
    certain(tests(rule, collection, source))
  }

  /// Whether one rule holds for a row as it will be: its path and `check`, and in a create `when` too.
  package func accepts(
    _ rule: Rule, _ plan: AccessPlan, isCreate: Bool, _ source: Source
  ) -> Template {
    var tests: [Template] = []
    if let path = rule.path {
      tests.append(self.path(path, rule.having, plan.owner.collection, source))
    }
    for test in [rule.check, isCreate ? rule.when : nil] {
      guard let test else { continue }
      tests.append(
        bracketed(expression(test, plan.owner.collection, source, isPositive: true)))
    }
    return certain(tests)
  }

  /// Whether a denial applies to a row; never NULL.
  package func applies(_ denial: Denial, _ plan: AccessPlan, _ source: Source) -> Template {
    certain(
      denial.when.map {
        [bracketed(expression($0, plan.owner.collection, source, isPositive: true))]
      } ?? [])
  }

  /// Whether the members of a group are shown; never NULL.
  package func flag(_ group: Int, _ plan: AccessPlan, _ source: Source) -> Template {
    let alternatives = plan.groups[group].rules.map {
      bracketed(tests($0, plan.owner.collection, source).joined(by: " AND "))
    }
    return certain([
      alternatives.count == 1 ? alternatives[0] : bracketed(alternatives.joined(by: " OR "))
    ])
  }

  private func certain(_ tests: [Template]) -> Template {
    if tests.isEmpty { return Template(truth) }
    return bracketed(tests.joined(by: " AND ")) + Template(" IS TRUE")
  }

  func bracketed(_ template: Template) -> Template {
    Template("(") + template + Template(")")
  }

  // MARK: Values

  /// A slot whose type the dialect can tell, whatever stands beside it; `collection` is where the
  /// columns of a bound row are.
  func typed(_ slot: Slot, _ collection: Int) -> Template {
    guard let kind = kind(of: slot, collection) else { return .slot(slot) }
    return Template(dialect.typed(kind), slots: [slot])
  }

  private func kind(of slot: Slot, _ collection: Int) -> CellType? {
    switch slot {
    case .uid: return .id
    case .isAnonymous, .hasRole: return .integer
    case .claims, .roles: return .text
    case .value(let value):
      switch value {
      case .null: return nil
      case .int: return .integer
      case .double: return .real
      case .text: return .text
      case .blob: return .blob
      case .uuid: return .id
      }
    case .column(let column): return kind(of: column, collection)
    case .argument: return nil
    }
  }

  private func kind(of column: RowColumn, _ collection: Int) -> CellType {
    guard case .field(let index) = column else { return column == .id ? .id : .integer }
    let field = model.collections[collection].fields[index]
    if field.isList { return .text }
    switch field.type {
    case .boolean, .int, .int64, .money, .dateTime, .duration: return .integer
    case .float: return .real
    case .reference, .user: return .id
    case .string, .id, .email, .url, .date, .enumeration, .json, .geoPoint, .file: return .text
    }
  }

  /// NULL, of the column's type.
  private func nothing(_ column: RowColumn, _ collection: Int) -> Template {
    guard dialect == .postgres else { return Template("NULL") }
    switch kind(of: column, collection) {
    case .integer: return Template("CAST(NULL AS bigint)")
    case .real: return Template("CAST(NULL AS double precision)")
    case .text: return Template("CAST(NULL AS text)")
    case .id: return Template("CAST(NULL AS uuid)")
    case .blob: return Template("CAST(NULL AS bytea)")
    }
  }

  private var truth: SQL { dialect == .sqlite ? "1" : "TRUE" }
  private var falsity: SQL { dialect == .sqlite ? "0" : "FALSE" }
}
