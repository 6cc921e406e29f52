import CSQLite
import Queries
import RoostCore

/// The current row of a statement that runs; one object a connection, pointed at one statement after
/// the other.
final class SQLiteRow: Row {
  @exclusivity(unchecked) var handle: OpaquePointer?
  @exclusivity(unchecked) private var cells =
    UnsafeMutableBufferPointer<Cell>.allocate(capacity: 32)

  deinit { cells.deallocate() }

  func cell(_ column: Int) -> Cell {
    SQLiteRow.cell(sqlite3_column_value(handle, Int32(truncatingIfNeeded: column)))
  }

  func withCells(_ columns: [Int], _ body: (UnsafeBufferPointer<Cell>) -> Void) {
    let count = columns.count
    if count > cells.count {
      cells.deallocate()
      cells = .allocate(capacity: count)
    }
    // A statement inside `body` would have rows of its own, and must not write over these.
    let (cells, handle) = (cells, handle)
    self.cells = UnsafeMutableBufferPointer(start: nil, count: 0)
    for place in 0..<count {
      let column = Int32(truncatingIfNeeded: columns[place])
      cells.initializeElement(
        at: place, to: SQLiteRow.cell(sqlite3_column_value(handle, column)))
    }
    body(UnsafeBufferPointer(rebasing: cells[..<count]))
    self.cells.deallocate()
    self.cells = cells
  }

  @inline(__always) private static func cell(_ value: OpaquePointer?) -> Cell {
    // Asking the value itself spares a search and a lock for each question; SQLite allows it where,
    // as here, a connection is used by one thread at a time (SQLITE_CONFIG_MULTITHREAD).
    switch sqlite3_value_type(value) {
    case SQLITE_INTEGER: return .int(sqlite3_value_int64(value))
    case SQLITE_FLOAT: return .double(sqlite3_value_double(value))
    case SQLITE_NULL: return .null
    default:
      let bytes = sqlite3_value_blob(value)
      return .bytes(
        UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_value_bytes(value))))
    }
  }

  func isNull(_ column: Int) -> Bool {
    sqlite3_column_type(handle, Int32(truncatingIfNeeded: column)) == SQLITE_NULL
  }

  func int64(_ column: Int) -> Int64 {
    sqlite3_column_int64(handle, Int32(truncatingIfNeeded: column))
  }

  func double(_ column: Int) -> Double {
    sqlite3_column_double(handle, Int32(truncatingIfNeeded: column))
  }

  func text(_ column: Int) -> String {
    let column = Int32(truncatingIfNeeded: column)
    guard let bytes = sqlite3_column_text(handle, column) else { return "" }
    return String(
      decoding: UnsafeBufferPointer(
        start: bytes, count: Int(sqlite3_column_bytes(handle, column))), as: UTF8.self)
  }

  func blob(_ column: Int) -> [UInt8] {
    var result: [UInt8] = []
    withBytes(column) { result = Array($0) }
    return result
  }

  func uuid(_ column: Int) -> UUID? {
    var result: UUID?
    withBytes(column) { result = UUID(bytes: $0) }
    return result
  }

  func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    let column = Int32(truncatingIfNeeded: column)
    let bytes = sqlite3_column_blob(handle, column)
    body(UnsafeRawBufferPointer(start: bytes, count: Int(sqlite3_column_bytes(handle, column))))
  }

  func value(_ column: Int) -> Value {
    switch sqlite3_column_type(handle, Int32(truncatingIfNeeded: column)) {
    case SQLITE_INTEGER: .int(int64(column))
    case SQLITE_FLOAT: .double(double(column))
    case SQLITE_TEXT: .text(text(column))
    case SQLITE_BLOB: .blob(blob(column))
    default: .null
    }
  }
}
