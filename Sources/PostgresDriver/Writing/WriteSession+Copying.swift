import Queries
import RoostCore

extension WriteSession {
  /// Whether the server would refuse a `COPY` into a table, as it does under policies that hold for
  /// this login.
  private static let question = Statement(
    "SELECT row_security_active(CAST(\(SQL.placeholder) AS text))")

  /// Appends rows by `COPY` behind what was posted; false where the table does not take that.
  ///
  /// Throws as `run` does; a value that does not fit is found before anything was sent.
  func copy(
    _ count: Int, to target: WideInsert.Target, isAlone: Bool,
    _ row: (Int, inout [Value]) -> Void
  ) throws -> Bool {
    // A COPY cannot travel with other statements, so what waits has to be answered first; the
    // question costs no journey of its own.
    let question = StatementCall.fixed(WriteSession.question, [.text(target.table.text)])
    var isRefused = true
    try run(question, isAlone: isAlone).forEach { row in
      isRefused = row.int64(0) != 0
      return false
    }
    guard !isRefused else { return false }
    return try onConnection(isAlone: isAlone) { connection, bound in
      let insert = StatementCall.fixed(target.insert, [])
      try connection.prepare(insert, &bound)
      guard let types = connection.entry(for: insert).types, types.count == target.count,
        CopyRows.takes(types)
      else { return false }
      let rows = try CopyRows(count, types: types, row)
      try connection.copy(
        "COPY \(target.table.text) (\(target.columns.text)) FROM STDIN (FORMAT binary)",
        rows.bytes, &bound)
      copiedRows += count
      return true
    }
  }
}
