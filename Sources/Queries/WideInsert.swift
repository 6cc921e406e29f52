/// An INSERT of any number of rows, in as few statements as the engine takes well.
package struct WideInsert: Sendable {
  /// Where rows are plainly appended to; nil where more is said about rows that are there already.
  package let target: Target?
  private let statements: [Int: Statement]
  private let columns: Int

  /// A table and the columns that are given.
  package struct Target: Sendable {
    /// The quoted name.
    package let table: SQL
    /// The quoted names, with commas between them.
    package let columns: SQL
    package let count: Int
    /// The INSERT of one row.
    package let insert: Statement
  }

  /// What one statement binds at most, whatever the width of its rows.
  private static let mostValues = 16_000

  /// `head` ends with VALUES, and `tail` follows the rows.
  package init(_ head: SQL, columns: Int, _ tail: SQL) {
    statements = WideInsert.statements(head, columns, tail)
    self.columns = columns
    target = nil
  }

  /// Rows with values for `columns`, quoted names, of which any that the table refuses is an error.
  package init(into table: SQL, columns: [SQL]) {
    let names = columns.joined(by: ", ")
    statements = WideInsert.statements(
      "INSERT INTO \(table) (\(names)) VALUES ", columns.count, .empty)
    self.columns = columns.count
    target = statements[1].map {
      Target(table: table, columns: names, count: columns.count, insert: $0)
    }
  }

  private static func statements(_ head: SQL, _ columns: Int, _ tail: SQL) -> [Int: Statement] {
    let row: SQL =
      "(\((0..<columns).map { _ in SQL.placeholder }.joined(by: ", ")))"
    let sizes = Set(Dialect.allCases.flatMap(\.rowsOfInsert))
    var statements: [Int: Statement] = [:]
    for size in sizes where size == 1 || size * columns <= mostValues {
      let rows = (0..<size).map { _ in row }.joined(by: ", ")
      statements[size] = Statement("\(head)\(rows)\(tail)")
    }
    return statements
  }

  /// How many of `count` rows the next statement takes.
  package func size(of count: Int, _ dialect: Dialect) -> Int {
    dialect.rowsOfInsert.first { $0 <= count && statements[$0] != nil } ?? 1
  }

  /// Inserts `count` rows, whose values `append` adds for each, in the way that the engine takes best.
  package func run(
    _ count: Int, in transaction: any Transaction, _ append: (Int, inout [Value]) -> Void
  ) async throws {
    if target == nil {
      try await post(count, in: transaction, append)
    } else {
      try await transaction.append(count, by: self, append)
    }
  }

  package func run(_ rows: [[Value]], in transaction: any Transaction) async throws {
    try await run(rows.count, in: transaction) { index, values in
      values.append(contentsOf: rows[index])
    }
  }

  /// The same by statements that are posted.
  package func post(
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
}
