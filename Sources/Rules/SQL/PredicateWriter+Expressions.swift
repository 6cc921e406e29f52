import Queries
import RoostCore
import Schema

extension PredicateWriter {
  /// An expression over a row.
  ///
  /// With `isPositive` only TRUE matters, and FALSE and NULL may be taken for each other: that allows
  /// tests of referenced rows to be looked up once. Below `not` both matter.
  package func expression(
    _ expression: Expression, _ collection: Int, _ source: Source, isPositive: Bool
  ) -> Template {
    func operand(_ operand: Operand) -> Template {
      self.operand(operand, collection, source)
    }
    switch expression {
    case .constant(let value):
      return Template(dialect == .sqlite ? (value ? "1" : "0") : (value ? "TRUE" : "FALSE"))
    case .truth(let value):
      if isPositive, let test = referenced(expression, collection, source) {
        return test
      }
      // In the form of a comparison SQLite finds an index, and PostgreSQL takes a number.
      return operand(value) + Template(" = 1")
    case .compare(let comparison, let left, let right):
      if isPositive, let test = referenced(expression, collection, source) {
        return test
      }
      return operand(left) + Template(PredicateWriter.sign(comparison)) + operand(right)
    case .isNull(let value): return operand(value) + Template(" IS NULL")
    case .isIn(let value, let values):
      if isPositive, let test = referenced(expression, collection, source) {
        return test
      }
      let list = values.map { typed(.value(Value($0)), collection) }.joined(by: ", ")
      return operand(value) + Template(" IN (") + list + Template(")")
    case .contains(let list, let element):
      return contains(operand(list), element)
    case .inClaims(let value): return isWord(operand(value), .claims, isPositive)
    case .inRoles(let value): return isWord(operand(value), .roles, isPositive)
    case .hasRole(let role):
      let holds = typed(.hasRole(role), collection)
      return dialect == .sqlite ? holds : holds + Template(" = 1")
    case .and(let parts): return joined(parts, " AND ", collection, source, isPositive)
    case .or(let parts): return joined(parts, " OR ", collection, source, isPositive)
    case .not(let inner):
      return Template("NOT (")
        + self.expression(inner, collection, source, isPositive: false)
        + Template(")")
    }
  }

  private func joined(
    _ parts: [Expression], _ separator: SQL, _ collection: Int, _ source: Source,
    _ isPositive: Bool
  ) -> Template {
    parts.map { part in
      Template("(")
        + expression(part, collection, source, isPositive: isPositive)
        + Template(")")
    }.joined(by: separator)
  }

  private static func sign(_ comparison: Comparison) -> SQL {
    switch comparison {
    case .equal: " = "
    case .notEqual: " <> "
    case .less: " < "
    case .lessOrEqual: " <= "
    case .greater: " > "
    case .greaterOrEqual: " >= "
    }
  }

  /// Whether a text is among words of the caller.
  private func isWord(_ value: Template, _ slot: Slot, _ isPositive: Bool) -> Template {
    let test = value + words(slot)
    // NULL is in no empty list: FALSE, where every other comparison with NULL is NULL.
    return isPositive
      ? test
      : Template("CASE WHEN ") + value + Template(" IS NOT NULL THEN ") + test + Template(" END")
  }

  private func words(_ slot: Slot) -> Template {
    switch dialect {
    case .sqlite: Template(" IN (SELECT value FROM json_each(") + .slot(slot) + Template("))")
    case .postgres:
      Template(" = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(") + typed(slot, 0)
        + Template(" AS jsonb))))")
    }
  }

  private func contains(_ list: Template, _ element: FieldValue) -> Template {
    // In the form in which lists hold it.
    let item: Template
    if case .uuid(let id) = element {
      item = typed(.value(.text(id.description)), 0)
    } else {
      item = typed(.value(Value(element)), 0)
    }
    switch dialect {
    case .sqlite:
      // NULL elements are left out, or a list that has one would make the test NULL.
      return Template("CASE WHEN ") + list + Template(" IS NOT NULL THEN ") + item
        + Template(" IN (SELECT value FROM json_each(") + list
        + Template(") WHERE value IS NOT NULL) END")
    case .postgres:
      let isTruth = if case .bool = element { true } else { false }
      return Template("CAST(") + list + Template(" AS jsonb) @> jsonb_build_array(") + item
        + Template(isTruth ? " = 1)" : ")")
    }
  }

  private func operand(
    _ operand: Operand, _ collection: Int, _ source: Source
  ) -> Template {
    switch operand {
    case .value(let value): return typed(.value(Value(value)), collection)
    case .uid: return typed(.uid, collection)
    case .anonymous: return typed(.isAnonymous, collection)
    case .column(let column): return self.column(column, collection, source)
    case .path(let path):
      return scalar(path, 0, collection, source)
    }
  }

  /// The column at the end of a path, looked up for each row; NULL where a row on the way is missing,
  /// deleted, or hidden from the reader of a filter.
  private func scalar(
    _ path: ReferencePath, _ position: Int, _ collection: Int, _ source: Source
  ) -> Template {
    guard position < path.steps.count else {
      return column(path.column, collection, source)
    }
    let step = path.steps[position]
    let reference = column(.field(step.field), collection, source)
    let inner = source.inner
    if let policies {
      let select =
        Template("SELECT ") + scalar(path, position + 1, step.target, inner.source)
        + Template(
          """
           FROM \(table(step.target)) AS \(inner.name) WHERE \(inner.name).id = $1 \
          AND \(inner.isLive)
          """)
      let type = PolicyFunctions.type(of: path, in: model)
      return Template(
        policies.value(policies.text(select), type: type, of: policies.text(reference)))
    }
    return Template("(SELECT ")
      + scalar(path, position + 1, step.target, inner.source)
      + Template(" FROM \(table(step.target)) AS \(inner.name) WHERE \(inner.name).id = ")
      + reference + Template(" AND \(inner.isLive)")
      + readable(step.target, inner.source) + Template(")")
  }

  /// ` AND …` for the rows that the reader of a filter may see; nothing in rules.
  private func readable(_ collection: Int, _ source: Source) -> Template {
    guard let readAccess else { return Template() }
    let access = readAccess(collection)
    guard !access.isUnconditional else { return Template() }
    let rules = PredicateWriter(model: model, dialect: dialect)
    return Template(" AND (") + rules.predicate(access.plan, source) + Template(")")
  }

  /// A test of one path against a value of the caller or a constant, looked up once for all rows; nil
  /// where it is of another form.
  private func referenced(
    _ test: Expression, _ collection: Int, _ source: Source
  ) -> Template? {
    let paths = test.operands.compactMap { operand -> ReferencePath? in
      if case .path(let path) = operand { path } else { nil }
    }
    guard paths.count == 1, let path = paths.first,
      !test.operands.contains(where: { if case .column = $0 { true } else { false } })
    else { return nil }
    return referenced(test, path, 0, collection, source)
  }

  private func referenced(
    _ test: Expression, _ path: ReferencePath, _ position: Int, _ collection: Int,
    _ source: Source
  ) -> Template {
    guard position < path.steps.count else {
      return expression(
        test.replacingPath(by: .column(path.column)), collection, source, isPositive: true)
    }
    let step = path.steps[position]
    let reference = column(.field(step.field), collection, source)
    let inner = source.inner
    let select =
      Template(
        """
        SELECT \(inner.name).id FROM \(table(step.target)) AS \(inner.name) \
        WHERE \(inner.isLive) AND 
        """)
      + referenced(test, path, position + 1, step.target, inner.source)
      + readable(step.target, inner.source)
    return membership(reference, select)
  }
}

extension Expression {
  /// A test of one path, made a test of a column of the row at its end.
  fileprivate func replacingPath(by column: Operand) -> Expression {
    func replaced(_ operand: Operand) -> Operand {
      if case .path = operand { column } else { operand }
    }
    switch self {
    case .truth(let operand): return .truth(replaced(operand))
    case .compare(let comparison, let left, let right):
      return .compare(comparison, replaced(left), replaced(right))
    case .isIn(let operand, let values): return .isIn(replaced(operand), values)
    default: return self
    }
  }
}
