import CPostgres
import Queries
import RoostCore

/// Rows that go to a table by `COPY`, for which libpq must leave the pipeline.
extension Connection {
  /// Bytes that libpq is given before they are sent.
  private static let pieceBytes = 131_072

  /// Appends rows to a table; what was sent before must have been answered.
  ///
  /// `text` is a `COPY … FROM STDIN (FORMAT binary)`.
  func copy(_ text: String, _ rows: [UInt8], _ bound: inout WaitBound) throws(PostgresFailure) {
    if let loss { throw loss }
    guard isIdle, PQexitPipelineMode(handle) == 1 else { throw lose(text) }
    guard PQsendQuery(handle, text) == 1 else { throw lose(text) }
    let begun = try result(of: text, &bound)
    guard begun.status == PGRES_COPY_IN else {
      try end(begun, text, &bound)
      throw lose(PostgresFailure(connection: "a COPY was not taken as one", sql: text))
    }
    try send(rows, text, &bound)
    try finishCopy(text, &bound)
  }

  private func send(
    _ rows: [UInt8], _ text: String, _ bound: inout WaitBound
  ) throws(PostgresFailure) {
    var start = 0
    while start < rows.count {
      let end = min(start + Connection.pieceBytes, rows.count)
      let status = rows[start..<end].withUnsafeBytes { piece in
        PQputCopyData(
          handle, piece.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(piece.count))
      }
      if status < 0 { throw lose(text) }
      // Libpq has no room for it where it does not take it.
      if status == 1 { start = end }
      wait(sql: text, &bound) { $0 }
      if let loss { throw loss }
    }
    while true {
      let status = PQputCopyEnd(handle, nil)
      if status == 1 { return }
      if status < 0 { throw lose(text) }
      wait(sql: text, &bound) { $0 }
      if let loss { throw loss }
    }
  }

  private func finishCopy(_ text: String, _ bound: inout WaitBound) throws(PostgresFailure) {
    let result = try result(of: text, &bound)
    try end(result, text, &bound)
  }

  /// Waits for the end of the answer that `last` belongs to, and goes back into the pipeline; throws
  /// the failure that `last` is.
  private func end(
    _ last: PostgresResult, _ text: String, _ bound: inout WaitBound
  ) throws(PostgresFailure) {
    let failure =
      last.status == PGRES_COMMAND_OK ? nil : PostgresFailure(last, sql: text)
    if PQstatus(handle) == CONNECTION_BAD { throw lose(failure ?? lose(text)) }
    while let more = try next(of: text, &bound) {
      // An answer without an end would be another protocol.
      guard more.status != PGRES_COPY_IN else { throw lose(text) }
    }
    guard PQenterPipelineMode(handle) == 1 else { throw lose(text) }
    if let failure { throw failure }
  }

  private func result(
    of text: String, _ bound: inout WaitBound
  ) throws(PostgresFailure) -> PostgresResult {
    guard let result = try next(of: text, &bound) else { throw lose(text) }
    return result
  }

  /// The next part of the answer to the command that runs outside of the pipeline; nil at its end.
  private func next(
    of text: String, _ bound: inout WaitBound
  ) throws(PostgresFailure) -> PostgresResult? {
    wait(sql: text, &bound) { isFlushed in isFlushed && PQisBusy(self.handle) == 0 }
    if let loss { throw loss }
    return PQgetResult(handle).map(PostgresResult.init)
  }
}
