import Queries
import Rules
import Schema

/// The statements of lists: live rows that a caller may read, in an order with the id as its last
/// key, from a place in that order.
///
/// Null sorts before every value, on every engine.
extension CompiledCollection {
  /// The system columns that lists sort by, behind the fields: their numbers are negative.
  private static let systemSortColumns = ["id", "createdAt", "updatedAt", "version"]

  /// The number of a sort key: a field's index, or a negative number for a system column; nil for a
  /// name that is no field, or one without an order.
  func sortNumber(_ key: SortKey) -> Int? {
    if let system = CompiledCollection.systemSortColumns.firstIndex(of: key.name) {
      return -1 - system
    }
    guard let index = index(of: key.name), storage[index] != .json, storage[index] != .formattedList
    else { return nil }
    return index
  }

  /// The column of a sort key in the select list.
  func sortColumn(_ number: Int) -> Int {
    switch number {
    case -1: 0
    case -2: 2
    case -3: 3
    case -4: 1
    default: RecordColumns.firstField + number
    }
  }

  private func sortName(_ number: Int) -> SQL {
    .identifier(
      number < 0 ? CompiledCollection.systemSortColumns[-1 - number] : fields[number].name)
  }

  /// Whether a sort key can be null.
  private func isNullable(_ number: Int) -> Bool { number >= 0 && !fields[number].isRequired }

  func point(_ access: Access) -> Statement {
    statements.statement(.init(use: .point, shape: access.shape)) {
      """
      SELECT \(liveList) FROM \(table) WHERE id = \(SQL.placeholder) \
      AND \(identifier: "deletedAt") IS NULL AND \(access.predicate(model))
      """
    }
  }

  func counting(_ access: Access) -> Statement {
    statements.statement(.init(use: .count, shape: access.shape)) {
      """
      SELECT count(*) FROM \(table) WHERE \(identifier: "deletedAt") IS NULL \
      AND \(access.predicate(model))
      """
    }
  }

  /// The statement of a page and the values behind those of the predicate.
  func page(
    _ access: Access, sort number: Int, descending: Bool, after position: PagePosition?
  ) -> (Statement, [Value]) {
    let place: StatementShapes.Key.Position
    switch position.map({ $0.value ?? .null }) {
    case nil: place = .start
    case .null: place = .null
    default: place = .value
    }
    let key = StatementShapes.Key(
      use: .list(sort: number, descending: descending, position: place), shape: access.shape)
    let statement = statements.statement(key) {
      """
      SELECT \(liveList) FROM \(table) WHERE \(identifier: "deletedAt") IS NULL \
      AND \(access.predicate(model))\(condition(number, descending, place)) \
      ORDER BY \(order(number, descending)) LIMIT \(SQL.placeholder)
      """
    }
    guard let position else { return (statement, []) }
    if number == -1 { return (statement, [.uuid(position.id)]) }
    return (
      statement,
      place == .null ? [.uuid(position.id)] : [position.value ?? .null, .uuid(position.id)]
    )
  }

  /// The position with its sort value, which is read from the row where it did not travel.
  func resolved(
    _ position: PagePosition?, sort number: Int, in reader: any Reader
  ) async throws -> PagePosition? {
    guard let position, position.value == nil else { return position }
    let value = try await reader.first(
      "SELECT \(sortName(number)) FROM \(table) WHERE id = \(position.id)"
    ) { $0.value(0) }
    return PagePosition(value: value ?? .null, id: position.id)
  }

  private func order(_ number: Int, _ descending: Bool) -> SQL {
    let direction: SQL = descending ? "DESC" : "ASC"
    if number == -1 { return "id \(direction)" }
    return "\(sortName(number)) \(direction), id \(direction)"
  }

  private func condition(
    _ number: Int, _ descending: Bool, _ place: StatementShapes.Key.Position
  ) -> SQL {
    let name = sortName(number)
    let beyond: SQL = descending ? "<" : ">"
    switch place {
    case .start: return ""
    case .value where number == -1: return " AND id \(beyond) \(SQL.placeholder)"
    case .value:
      let test: SQL = "(\(name), id) \(beyond) (\(SQL.placeholder), \(SQL.placeholder))"
      return descending && isNullable(number) ? " AND (\(test) OR \(name) IS NULL)" : " AND \(test)"
    case .null:
      let among: SQL = "\(name) IS NULL AND id \(beyond) \(SQL.placeholder)"
      return descending ? " AND \(among)" : " AND ((\(among)) OR \(name) IS NOT NULL)"
    }
  }
}

extension CompiledCollection {
  /// Whether lists can be sorted by that key.
  package func isSortable(_ key: SortKey) -> Bool { sortNumber(key) != nil }
}
