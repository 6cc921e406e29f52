import Queries
package import Rules
import Schema

/// The order of a list with its keyset conditions: from which row on a page goes.
///
/// Null sorts before every value, on every engine.
struct SortOrder {
  let collection: CompiledCollection
  let access: Access
  /// The keys, up to and with the id.
  let keys: [SortKey]
  /// The keys in front of the id.
  let leading: [SortKey]
  /// The rule whose rows are put in order, where each rule's are by themselves.
  private(set) var alternative: PredicateWriter.Alternative?

  init(_ collection: CompiledCollection, _ access: Access, _ sort: [SortKey]) {
    self.collection = collection
    self.access = access
    var keys: [SortKey] = []
    for key in sort {
      keys.append(key)
      if key.column == .id { break }
    }
    if keys.last?.column != .id {
      keys.append(SortKey(column: .id, descending: keys.last?.descending ?? false))
    }
    self.keys = keys
    leading = Array(keys.dropLast())
  }

  /// The order of the rows of one rule.
  func of(_ alternative: PredicateWriter.Alternative) -> SortOrder {
    var order = self
    order.alternative = alternative
    return order
  }

  /// The first group of members in the order that not every row shows.
  var apart: Int? {
    for key in leading {
      guard case .field(let index) = key.column,
        case .sometimes(let group) = access.plan.visibility(index)
      else { continue }
      return group
    }
    return nil
  }

  private func expression(_ key: SortKey) -> Template {
    let writer = PredicateWriter(
      model: collection.rules.model, dialect: collection.writer.dialect, alternative: alternative)
    return writer.shown(key.column, access, .alias(0))
  }

  private func isNullable(_ key: SortKey) -> Bool {
    guard case .field(let index) = key.column else { return false }
    let isShown = alternative?.shows(field: index) ?? (access.plan.visibility(index) == .always)
    return !collection.fields[index].isRequired || !isShown
  }

  /// Whether the key is NULL in every row.
  private func isHidden(_ key: SortKey) -> Bool {
    guard case .field(let index) = key.column else { return false }
    return alternative?.hides(index) ?? false
  }

  /// `, expression` for each leading key, to be selected behind the other columns.
  var columns: Template {
    leading.reduce(into: Template()) { $0 += Template(", ") + expression($1) }
  }

  /// The same for the leading keys that are not among the columns of `RowShape` as they stand.
  var furtherColumns: Template {
    leading.reduce(into: Template()) { columns, key in
      if ownColumn(key) == nil { columns += Template(", ") + expression(key) }
    }
  }

  /// The names of those keys among `namedColumns`, by `furtherColumns`' order.
  var furtherNames: [SQL] {
    leading.indices.filter { ownColumn(leading[$0]) == nil }.map { SortOrder.name($0) }
  }

  /// In which column of a page's row the value of each leading key is: one of the record's own, or
  /// one of `furtherColumns`, which begin at `first`.
  func places(furtherFrom first: Int) -> [Int] {
    var next = first
    return leading.map { key in
      if let own = ownColumn(key) { return own }
      defer { next += 1 }
      return next
    }
  }

  /// The column of `RowShape` that holds a key just as the order sees it; nil for a field that not
  /// every row shows, which the order reads under its mask.
  private func ownColumn(_ key: SortKey) -> Int? {
    switch key.column {
    case .id: 0
    case .version: 1
    case .createdAt: 2
    case .updatedAt: 3
    case .field(let index):
      access.plan.visibility(index) == .always ? RecordColumns.firstField + index : nil
    }
  }

  /// `, expression AS k<n>` for each leading key.
  var namedColumns: Template {
    leading.enumerated().reduce(into: Template()) { columns, key in
      columns +=
        Template(", ") + expression(key.element)
        + Template(" AS \(SortOrder.name(key.offset))")
    }
  }

  /// The name of a leading key among `namedColumns`.
  static func name(_ index: Int) -> SQL { .identifier("k\(index)") }

  var clause: Template {
    keys.filter { !isHidden($0) }.map { key in
      expression(key) + Template(direction(key))
    }.joined(by: ", ")
  }

  /// The order by the names of `namedColumns`, of the table `table` where one is given.
  func namedClause(_ table: SQL?) -> SQL {
    let prefix: SQL = table.map { "\($0)." } ?? ""
    return keys.enumerated().map { index, key -> SQL in
      let name: SQL = index == keys.count - 1 ? "id" : SortOrder.name(index)
      return "\(prefix)\(name)\(direction(key))"
    }.joined(by: ", ")
  }

  private func direction(_ key: SortKey) -> SQL {
    guard key.column != .id else { return key.descending ? " DESC" : " ASC" }
    return collection.writer.dialect.order(descending: key.descending)
  }

  /// The rows behind a place; the values of the leading keys and then the id are the arguments from
  /// `first` on.
  ///
  /// `nulls` says which of the values are null.
  func condition(_ nulls: [Bool], first: Int) -> Template {
    var compared: [Int] = []
    // What comes of the rows that are like the place as far as they are compared.
    var rest: Bool?
    for index in keys.indices {
      guard isHidden(keys[index]) else {
        compared.append(index)
        continue
      }
      if nulls[index] { continue }
      rest = keys[index].descending
      break
    }
    let arguments = keys.indices.map { Template.argument(first + $0) }
    let directions = Set(keys.map(\.descending))
    // The place may be that of a row of another alternative, which hides a key that is never NULL here.
    if rest == nil, compared.count == keys.count, directions.count == 1,
      !leading.contains(where: isNullable), !nulls.contains(true)
    {
      let beyond: SQL = keys[0].descending ? "<" : ">"
      if keys.count == 1 { return expression(keys[0]) + Template(" \(beyond) ") + arguments[0] }
      return Template("(") + keys.map(expression).joined(by: ", ") + Template(") \(beyond) (")
        + arguments.joined(by: ", ") + Template(")")
    }
    func equal(_ positions: ArraySlice<Int>) -> [Template] {
      positions.map { position in
        nulls[position]
          ? expression(keys[position]) + Template(" IS NULL")
          : expression(keys[position]) + Template(" = ") + arguments[position]
      }
    }
    var alternatives: [Template] = []
    for (offset, index) in compared.enumerated() {
      guard let beyond = beyond(index, nulls, arguments[index]) else { continue }
      alternatives.append(
        Template("(") + (equal(compared[..<offset]) + [beyond]).joined(by: " AND ")
          + Template(")"))
    }
    if rest == true {
      let equal = equal(compared[...])
      if equal.isEmpty { return Template("1 = 1") }
      alternatives.append(Template("(") + equal.joined(by: " AND ") + Template(")"))
    }
    if alternatives.isEmpty { return Template("1 = 0") }
    var condition = Template("(") + alternatives.joined(by: " OR ") + Template(")")
    // A bound that an index on the first key can use; the alternatives say the rest.
    if let index = compared.first, !nulls[index],
      !(keys[index].descending && isNullable(keys[index]))
    {
      condition =
        expression(keys[index]) + Template(keys[index].descending ? " <= " : " >= ")
        + arguments[index] + Template(" AND ") + condition
    }
    return condition
  }

  /// The values of a key that come behind a value; nil where there are none.
  private func beyond(_ index: Int, _ nulls: [Bool], _ argument: Template) -> Template? {
    let key = keys[index]
    let isNull = index < nulls.count && nulls[index]
    if key.descending {
      if isNull { return nil }
      let less = expression(key) + Template(" < ") + argument
      guard isNullable(key) else { return less }
      return Template("(") + less + Template(" OR ") + expression(key) + Template(" IS NULL)")
    }
    return isNull
      ? expression(key) + Template(" IS NOT NULL")
      : expression(key) + Template(" > ") + argument
  }
}

extension CompiledCollection {
  /// Whether lists can be sorted by a column.
  package func isSortable(_ column: RowColumn) -> Bool {
    guard case .field(let index) = column else { return true }
    return storage[index] != .json && storage[index] != .formattedList
      && fields[index].encryption == nil
  }
}
