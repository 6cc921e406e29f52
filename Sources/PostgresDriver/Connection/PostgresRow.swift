import CPostgres
import Queries
import RoostCore

/// The current row of a result, whose columns are in PostgreSQL's binary form.
final class PostgresRow: Row {
  private let result: PostgresResult
  private let handle: OpaquePointer
  private(set) var number: Int32 = 0

  init(_ result: PostgresResult) {
    self.result = result
    handle = result.handle
  }

  func move(to number: Int32) { self.number = number }

  func isNull(_ column: Int) -> Bool {
    let column = Int32(truncatingIfNeeded: column)
    return column >= PQnfields(handle) || PQgetisnull(handle, number, column) == 1
  }

  func cell(_ column: Int) -> Cell {
    guard !isNull(column) else { return .null }
    let bytes = bytes(column)
    switch type(column) {
    case TypeID.int8, TypeID.int4, TypeID.int2, TypeID.oid, TypeID.bool:
      return .int(BinaryFormat.integer(bytes))
    case TypeID.float8, TypeID.float4: return .double(BinaryFormat.double(bytes))
    case TypeID.numeric:
      let number = BinaryFormat.numeric(bytes)
      return number.whole.map { .int($0) } ?? .double(number.double)
    case TypeID.jsonb:
      // The first byte is the version of the form.
      return .bytes(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
    default: return .bytes(bytes)
    }
  }

  func int64(_ column: Int) -> Int64 {
    switch cell(column) {
    case .null: 0
    case .int(let number): number
    case .double(let number): PostgresRow.clamped(number)
    case .bytes(let bytes): Int64(String(decoding: bytes, as: UTF8.self)) ?? 0
    }
  }

  /// Eight bytes as they are, of a type such as `pg_lsn`.
  func number(_ column: Int) -> Int64 { BinaryFormat.integer(bytes(column)) }

  func double(_ column: Int) -> Double {
    switch cell(column) {
    case .null: 0
    case .int(let number): Double(number)
    case .double(let number): number
    case .bytes(let bytes): Double(String(decoding: bytes, as: UTF8.self)) ?? 0
    }
  }

  func text(_ column: Int) -> String {
    switch cell(column) {
    case .null: ""
    case .int(let number): String(number)
    case .double(let number): String(number)
    case .bytes(let bytes):
      if type(column) == TypeID.uuid, let id = UUID(bytes: bytes) {
        "\(id)"
      } else {
        String(decoding: bytes, as: UTF8.self)
      }
    }
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
    switch cell(column) {
    case .null: body(UnsafeRawBufferPointer(start: nil, count: 0))
    case .bytes(let bytes): body(bytes)
    case .int, .double: Array(text(column).utf8).withUnsafeBytes(body)
    }
  }

  func value(_ column: Int) -> Value {
    switch cell(column) {
    case .null: .null
    case .int(let number): .int(number)
    case .double(let number): .double(number)
    case .bytes(let bytes):
      switch type(column) {
      case TypeID.bytea: .blob(Array(bytes))
      case TypeID.uuid: UUID(bytes: bytes).map { .uuid($0) } ?? .null
      default: .text(String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  private func type(_ column: Int) -> UInt32 {
    PQftype(handle, Int32(truncatingIfNeeded: column))
  }

  private func bytes(_ column: Int) -> UnsafeRawBufferPointer {
    let column = Int32(truncatingIfNeeded: column)
    return UnsafeRawBufferPointer(
      start: PQgetvalue(handle, number, column),
      count: Int(PQgetlength(handle, number, column)))
  }

  /// As SQLite turns a fraction into a whole number: towards zero, and at most what fits.
  private static func clamped(_ number: Double) -> Int64 {
    if number.isNaN { return 0 }
    return Int64(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min : .max)
  }
}
