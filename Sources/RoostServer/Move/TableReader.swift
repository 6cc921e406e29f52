import Queries
import Records
import RoostCore

/// Reads the rows of a table from one key to the next, in the order of the key.
struct TableReader: Sendable {
  let table: MovedTable
  let rowsAtOnce: Int

  struct Page: Sendable {
    var rows: [[Value]] = []
    var last: [Value]? { rows.last }
  }

  /// The rows behind `key`, or the first ones; `digest` takes note of each.
  func page(
    behind key: [Value]?, in reader: any Reader, digest: inout TableDigest, keeping: Bool = true
  ) async throws -> Page {
    var page = Page()
    var sum = digest
    var last: [Value]?
    let columns = table.columns
    let keyCount = table.keyCount
    try await reader.query(statement(behind: key, reader.dialect)) { row in
      sum.add(row, columns: columns.count)
      if keeping {
        page.rows.append(columns.indices.map { TableReader.value(row, $0, columns[$0].kind) })
      } else {
        last = (0..<keyCount).map { TableReader.value(row, $0, columns[$0].kind) }
      }
      return true
    }
    if let last { page.rows = [last] }
    digest = sum
    return page
  }

  private func statement(behind key: [Value]?, _ dialect: Dialect) -> SQL {
    if table.name == MovedTable.streamIndex {
      return StreamIndex.moved(behind: key, rowsAtOnce, dialect)
    }
    var sql: SQL = "SELECT \(table.columnList) FROM \(table.identifier)"
    if let key {
      let values = key.prefix(table.keyCount).map { "\($0)" as SQL }.joined(by: ", ")
      sql += " WHERE (\(table.keyList)) > (\(values))"
    }
    return sql + " ORDER BY \(table.keyList) LIMIT \(SQL.constant(Int64(rowsAtOnce)))"
  }

  private static func value(_ row: any Row, _ column: Int, _ kind: CellType) -> Value {
    if row.isNull(column) { return .null }
    switch kind {
    case .integer: return .int(row.int64(column))
    case .real: return .double(row.double(column))
    case .text: return .text(row.text(column))
    case .id: return row.uuid(column).map { .uuid($0) } ?? .null
    case .blob: return .blob(row.blob(column))
    }
  }
}
