import Queries
import RoostCore
import Synchronization

/// Turns PostgreSQL's errors into those that cross the driver.
///
/// PostgreSQL names the index that refused a row; which columns it has is looked up once, on a
/// connection of its own, since the one with the error takes no further query.
final class ErrorTranslator: Sendable {
  private let factory: ConnectionFactory
  private let columns = Mutex<[String: [String]]>([:])

  init(_ factory: ConnectionFactory) { self.factory = factory }

  func error(for failure: PostgresFailure) -> any Error {
    guard failure.state.hasPrefix("23") else { return failure.error }
    switch failure.state {
    case "23505":
      return ConstraintViolation(kind: .unique, columns: uniqueColumns(failure))
    case "23502":
      let column = failure.table.flatMap { table in failure.column.map { "\(table).\($0)" } }
      return ConstraintViolation(kind: .notNull, columns: column.map { [$0] } ?? [])
    case "23514":
      return ConstraintViolation(kind: .check, columns: failure.constraint.map { [$0] } ?? [])
    default:
      return ConstraintViolation(kind: .other, columns: failure.constraint.map { [$0] } ?? [])
    }
  }

  /// Forgets the columns of indexes, which may have changed.
  func forget() { columns.withLock { $0 = [:] } }

  private func uniqueColumns(_ failure: PostgresFailure) -> [String] {
    guard let index = failure.constraint, let table = failure.table else { return [] }
    if let known = columns.withLock({ $0[index] }) { return known }
    guard let found = try? lookUp(index) else { return [index] }
    // Nothing is found of an index that the same transaction made.
    guard !found.isEmpty else { return [index] }
    let names = found.contains("") ? [index] : found.map { "\(table).\($0)" }
    columns.withLock { $0[index] = names }
    return names
  }

  /// The columns of an index in order; an empty name stands for an expression.
  private func lookUp(_ index: String) throws(PostgresFailure) -> [String] {
    let rows = try factory.query(
      """
      SELECT a.attname
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(number, place)
      LEFT JOIN pg_catalog.pg_attribute a
        ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
      WHERE c.relname = $1 AND n.nspname = $2 AND k.place <= i.indnkeyatts
      ORDER BY k.place
      """, [index, factory.configuration.schema])
    return rows.compactMap(\.first)
  }
}
