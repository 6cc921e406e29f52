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
  }

  /// The keys in front of the id.
  var leading: [SortKey] { keys.dropLast() }

  private func expression(_ key: SortKey) -> Template {
    collection.writer.shown(key.column, access, .alias(0))
  }

  private func isNullable(_ key: SortKey) -> Bool {
    guard case .field(let index) = key.column else { return false }
    return !collection.fields[index].isRequired || access.plan.visibility(index) != .always
  }

  /// `, expression` for each leading key, to be selected behind the other columns.
  var columns: Template {
    leading.reduce(into: Template()) { $0 += Template(", ") + expression($1) }
  }

  var clause: Template {
    keys.map { key in
      expression(key)
        + Template(
          key.column == .id
            ? key.descending ? " DESC" : " ASC"
            : collection.writer.dialect.order(descending: key.descending))
    }.joined(by: ", ")
  }

  /// The rows behind a place; the values of the leading keys and then the id are the arguments from
  /// `first` on.
  ///
  /// `nulls` says which of the values are null.
  func condition(_ nulls: [Bool], first: Int) -> Template {
    let arguments = keys.indices.map { Template.argument(first + $0) }
    let directions = Set(keys.map(\.descending))
    if directions.count == 1, !leading.contains(where: isNullable) {
      let beyond: SQL = keys[0].descending ? "<" : ">"
      if keys.count == 1 { return expression(keys[0]) + Template(" \(beyond) ") + arguments[0] }
      return Template("(") + keys.map(expression).joined(by: ", ") + Template(") \(beyond) (")
        + arguments.joined(by: ", ") + Template(")")
    }
    var alternatives: [Template] = []
    for index in keys.indices {
      guard let beyond = beyond(index, nulls, arguments[index]) else { continue }
      let equal = (0..<index).map { position -> Template in
        nulls[position]
          ? expression(keys[position]) + Template(" IS NULL")
          : expression(keys[position]) + Template(" = ") + arguments[position]
      }
      alternatives.append(
        Template("(") + (equal + [beyond]).joined(by: " AND ") + Template(")"))
    }
    var condition = Template("(") + alternatives.joined(by: " OR ") + Template(")")
    // A bound that an index on the first key can use; the alternatives say the rest.
    if let first = keys.first, !nulls[0], !(first.descending && isNullable(first)) {
      condition =
        expression(first) + Template(first.descending ? " <= " : " >= ") + arguments[0]
        + Template(" AND ") + condition
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
