import Queries

/// An INSERT of any number of rows, in as few statements as the engine takes well.
struct WideInsert: Sendable {
  private let statements: [Int: Statement]
  private let columns: Int

  /// What one statement binds at most, whatever the width of its rows.
  private static let mostValues = 16_000

  /// `head` ends with VALUES, and `tail` follows the rows.
  init(_ head: SQL, columns: Int, _ tail: SQL = "") {
    let row: SQL =
      "(\((0..<columns).map { _ in SQL.placeholder }.joined(by: ", ")))"
    let sizes = Set(Dialect.allCases.flatMap(\.rowsOfInsert))
    var statements: [Int: Statement] = [:]
    for size in sizes where size == 1 || size * columns <= WideInsert.mostValues {
      let rows = (0..<size).map { _ in row }.joined(by: ", ")
      statements[size] = Statement("\(head)\(rows)\(tail)")
    }
    self.statements = statements
    self.columns = columns
  }

  /// How many of `count` rows the next statement takes.
  func size(of count: Int, _ dialect: Dialect) -> Int {
    dialect.rowsOfInsert.first { $0 <= count && statements[$0] != nil } ?? 1
  }

  /// Inserts `count` rows, whose values `append` adds for each.
  func run(
    _ count: Int, in transaction: any Transaction, _ append: (Int, inout [Value]) -> Void
  ) async throws {
    let dialect = transaction.dialect
    var done = 0
    while done < count {
      let size = size(of: count - done, dialect)
      var values: [Value] = []
      values.reserveCapacity(size * columns)
      for index in done..<(done + size) { append(index, &values) }
      guard let statement = statements[size] else { return }
      try await transaction.post(statement, values)
      done += size
    }
  }

  func run(_ rows: [[Value]], in transaction: any Transaction) async throws {
    try await run(rows.count, in: transaction) { index, values in
      values.append(contentsOf: rows[index])
    }
  }
}
