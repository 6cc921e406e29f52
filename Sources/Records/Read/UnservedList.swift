import Queries
import RoostCore
import Rules
import Schema

/// The refusal of a list that was ended because it was too much work: what it asks for that no index
/// serves, and which one would.
struct UnservedList {
  /// What was being read.
  enum Part {
    case rows
    case expansion
    case count
  }

  let statement: PageStatement
  let query: ListQuery
  let part: Part

  private var collection: CompiledCollection { statement.collection }

  /// 422 with the parameters that make the work.
  var error: RoostError {
    switch part {
    case .expansion:
      return .invalid(
        "?expand", "too_much_work",
        "expand was stopped because it reads too many records: lower limit, or ask for the relation "
          + "by itself.")
    case .count:
      return .invalid(
        "?count", "too_much_work",
        "The count was stopped because it looks at too many records: leave it out, take "
          + "count=estimated, or narrow the list by a filter on a field with an index.")
    case .rows: return .invalid(issues)
    }
  }

  private var issues: [FieldIssue] {
    let filtered = names(query.filter?.operands ?? [])
    let sorted = statement.order.leading.map { $0.column.name(in: collection.model) }
    var issues: [FieldIssue] = []
    if query.filter != nil {
      let fields = filtered.isEmpty ? "what it tests" : filtered.joined(separator: ", ")
      issues.append(
        issue("?filter", "The filter looks at too many records: no index finds \(fields)."))
    }
    if !sorted.isEmpty {
      issues.append(
        issue(
          "?sort",
          "The order reads too many records: no index of this list is in the order of "
            + "\(sorted.joined(separator: ", "))."))
    }
    if issues.isEmpty, query.search != nil {
      issues.append(issue("?search", "The search finds too many records."))
    }
    if issues.isEmpty {
      issues.append(issue("?filter", "The list looks at too many records for what you may see."))
    }
    return issues
  }

  private func issue(_ pointer: String, _ what: String) -> FieldIssue {
    FieldIssue(pointer: pointer, code: "no_index", message: "\(what) \(advice)")
  }

  /// The fields of the collection that a filter names.
  private func names(_ operands: [Operand]) -> [String] {
    var names: [String] = []
    for operand in operands {
      let name: String
      switch operand {
      case .column(let column): name = column.name(in: collection.model)
      case .path(let path):
        name = path.steps.first.map { collection.fields[$0.field].name } ?? ""
      case .value, .uid, .anonymous: continue
      }
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  // MARK: Advice

  private var advice: String {
    let missing = indexes
    guard !missing.isEmpty else {
      return "Narrow the list by == on a field with an index."
    }
    let directives = missing.map { fields in
      "@index(fields: [" + fields.map { "\"\($0)\"" }.joined(separator: ", ") + "])"
    }
    return
      "Add \(directives.joined(separator: " and ")) to the type \(collection.model.typeName), or "
      + "narrow the list by == on a field with an index."
  }

  /// The indexes that would serve the list, beyond what the schema has: for each alternative of the
  /// rules what it looks up, then what the filter holds equal, then the order.
  private var indexes: [[String]] {
    let conjuncts = query.filter?.conjuncts ?? []
    var asked = conjuncts.compactMap { $0.column(by: [.equal]) }
    asked += statement.order.leading.map(\.column)
    if statement.order.leading.isEmpty,
      let range = conjuncts.compactMap({
        $0.column(by: [.less, .lessOrEqual, .greater, .greaterOrEqual])
      }).first
    {
      asked.append(range)
    }
    let fields = asked.filter(isIndexable)
    guard !fields.isEmpty else { return [] }
    let starts =
      statement.rules.isEmpty
      ? [[]] : statement.rules.prefix(2).map { start($0).filter(isIndexable) }
    var indexes: [[String]] = []
    for start in starts {
      var names: [String] = []
      for column in (query.parent.map { [.field($0.field)] } ?? []) + start + fields {
        let name = column.name(in: collection.model)
        if !names.contains(name) { names.append(name) }
      }
      let isThere = collection.model.indexes.contains { $0.fields.starts(with: names) }
      if !isThere, !indexes.contains(names) { indexes.append(names) }
    }
    return indexes
  }

  /// What a rule looks its rows up by.
  private func start(_ rule: Rule) -> [RowColumn] {
    switch rule.path?.steps.first {
    case .toOne(let field, _): return [.field(field)]
    case .toMany: return []
    case nil: break
    }
    if let path = rule.path { return [.field(path.user)] }
    return (rule.when?.conjuncts ?? []).compactMap { $0.column(by: [.equal]) }
  }

  private func isIndexable(_ column: RowColumn) -> Bool {
    guard case .field(let field) = column else { return false }
    return !collection.fields[field].isList && collection.isSortable(column)
      && statement.access.plan.visibility(field) != .never
  }
}

extension Expression {
  /// The column that is compared, by one of `comparisons`, with what is known before the row is.
  fileprivate func column(by comparisons: Set<Comparison>) -> RowColumn? {
    switch self {
    case .truth(.column(let column)): return comparisons.contains(.equal) ? column : nil
    case .compare(let comparison, .column(let column), let other),
      .compare(let comparison, let other, .column(let column)):
      switch other {
      case .value, .uid, .anonymous: return comparisons.contains(comparison) ? column : nil
      case .column, .path: return nil
      }
    default: return nil
    }
  }
}
