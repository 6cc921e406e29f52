import Queries

/// An INSERT of any number of rows, in few statements where that is cheaper.
struct WideInsert: Sendable {
  private let statements: [Int: Statement]

  /// `head` ends with VALUES, and `tail` follows the rows.
  init(_ head: SQL, columns: Int, _ tail: SQL = "") {
    let row: SQL =
      "(\((0..<columns).map { _ in SQL.placeholder }.joined(by: ", ")))"
    let sizes = Set(Dialect.allCases.flatMap(\.rowsOfInsert))
    var statements: [Int: Statement] = [:]
    for size in sizes {
      let rows = (0..<size).map { _ in row }.joined(by: ", ")
      statements[size] = Statement("\(head)\(rows)\(tail)")
    }
    self.statements = statements
  }

  func run(_ rows: [[Value]], in transaction: any Transaction) async throws {
    var rest = rows[...]
    let sizes = transaction.dialect.rowsOfInsert
    while !rest.isEmpty {
      let size = sizes.first { $0 <= rest.count } ?? 1
      guard let statement = statements[size] else { return }
      var values = rest[rest.startIndex]
      if size > 1 {
        values.reserveCapacity(size * values.count)
        for row in rest.prefix(size).dropFirst() { values += row }
      }
      try await transaction.post(statement, values)
      rest = rest.dropFirst(size)
    }
  }
}
