package import RoostCore

/// A column of a row in the form in which the engine keeps it.
package enum Cell {
  case null
  case int(Int64)
  case double(Double)
  /// A text, a blob or an identifier, in place: the bytes live as long as the row.
  case bytes(UnsafeRawBufferPointer)
}

/// The current row of a result; valid only inside the closure that received it.
///
/// Columns are numbered from 0. Reading a NULL gives 0, an empty text or nil as the type says; ask
/// `isNull` where the difference matters.
package protocol Row {
  /// The column as it is kept, in one look: for what is written straight on, such as lists.
  func cell(_ column: Int) -> Cell
  /// Calls `body` with those columns as they are kept, in the order of `columns`.
  func withCells(_ columns: [Int], _ body: (UnsafeBufferPointer<Cell>) -> Void)
  func isNull(_ column: Int) -> Bool
  func int64(_ column: Int) -> Int64
  func double(_ column: Int) -> Double
  func text(_ column: Int) -> String
  func blob(_ column: Int) -> [UInt8]
  func uuid(_ column: Int) -> UUID?
  /// The bytes of a text or blob column, in place; the buffer lives for the call only.
  func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void)
  /// The column as a value of its own stored kind; identifiers come as `.blob` on SQLite.
  func value(_ column: Int) -> Value
}

extension Row {
  package func withCells(_ columns: [Int], _ body: (UnsafeBufferPointer<Cell>) -> Void) {
    let cells = columns.map { cell($0) }
    cells.withUnsafeBufferPointer(body)
  }

  package func timestamp(_ column: Int) -> Timestamp { Timestamp(milliseconds: int64(column)) }
  package func bool(_ column: Int) -> Bool { int64(column) != 0 }
  package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }
  package func optionalInt64(_ column: Int) -> Int64? { isNull(column) ? nil : int64(column) }
}
