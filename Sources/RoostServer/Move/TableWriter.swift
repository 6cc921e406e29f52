import Queries
import Records

/// Puts rows into a table, many in a statement.
struct TableWriter: Sendable {
  private let one: Statement
  private let many: Statement
  /// Rows of one statement.
  private let count: Int
  private let isStreamIndex: Bool

  init(_ table: MovedTable) {
    // Engines take a bounded number of values in a statement.
    isStreamIndex = table.name == MovedTable.streamIndex
    count = max(1, min(200, 16_000 / table.columns.count))
    one = TableWriter.statement(table, 1)
    many = TableWriter.statement(table, count)
  }

  private static func statement(_ table: MovedTable, _ rows: Int) -> Statement {
    let row: SQL = "(\(table.columns.map { _ in SQL.placeholder }.joined(by: ", ")))"
    let values = (0..<rows).map { _ in row }.joined(by: ", ")
    return Statement("INSERT INTO \(table.identifier) (\(table.columnList)) VALUES \(values)")
  }

  func write(_ rows: [[Value]], in transaction: any Transaction) async throws {
    if isStreamIndex { return try await StreamIndex.put(moved: rows, in: transaction) }
    var index = 0
    while index + count <= rows.count {
      try await transaction.execute(many, Array(rows[index..<index + count].joined()))
      index += count
    }
    for row in rows[index...] { try await transaction.execute(one, row) }
  }
}
