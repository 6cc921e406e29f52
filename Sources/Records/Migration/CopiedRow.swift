import Queries
import RoostCore

/// A row that outlives its query.
struct CopiedRow: Row, Sendable {
  private let values: [Value]

  init(_ row: any Row, count: Int) { values = (0..<count).map { row.value($0) } }

  func value(_ column: Int) -> Value { values[column] }
  func isNull(_ column: Int) -> Bool { values[column] == .null }

  /// Bytes live no longer than a call, so those of a copy are given by `withBytes`.
  func cell(_ column: Int) -> Cell {
    switch values[column] {
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    default: .null
    }
  }

  func int64(_ column: Int) -> Int64 {
    switch values[column] {
    case .int(let value): value
    case .double(let value): Int64(exactly: value.rounded(.towardZero)) ?? 0
    default: 0
    }
  }

  func double(_ column: Int) -> Double {
    switch values[column] {
    case .int(let value): Double(value)
    case .double(let value): value
    default: 0
    }
  }

  func text(_ column: Int) -> String {
    switch values[column] {
    case .text(let value): value
    case .blob(let value): String(decoding: value, as: UTF8.self)
    default: ""
    }
  }

  func blob(_ column: Int) -> [UInt8] {
    switch values[column] {
    case .text(let value): Array(value.utf8)
    case .blob(let value): value
    default: []
    }
  }

  func uuid(_ column: Int) -> UUID? {
    switch values[column] {
    case .uuid(let value): value
    case .blob(let value): value.withUnsafeBytes { UUID(bytes: $0) }
    default: nil
    }
  }

  func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    blob(column).withUnsafeBytes(body)
  }
}
