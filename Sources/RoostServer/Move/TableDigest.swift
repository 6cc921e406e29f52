import Cryptography
import Queries
import RoostCore

/// A checksum of the rows of a table, the same on every engine.
///
/// Rows come in the order of their key. Each value is written as one byte for its kind and the value
/// in a form of its own length, so that no two tables are written alike.
struct TableDigest: Sendable, Equatable {
  private(set) var rows = 0
  private var chain = [UInt8](repeating: 0, count: SHA256.byteCount)
  private var buffer: [UInt8] = []
  private static let bufferBytes = 65_536

  init() {}

  mutating func add(_ row: any Row, columns: Int) {
    rows += 1
    for column in 0..<columns {
      switch row.cell(column) {
      case .null: buffer.append(0)
      case .int(let value): add(1, UInt64(bitPattern: value))
      case .double(let value): add(2, value.bitPattern)
      case .bytes(let bytes):
        add(3, UInt64(bytes.count))
        buffer.append(contentsOf: bytes)
      }
    }
    if buffer.count >= TableDigest.bufferBytes { fold() }
  }

  /// 64 hexadecimal digits.
  consuming func finish() -> String {
    fold()
    return Hex.encode(chain)
  }

  private mutating func add(_ kind: UInt8, _ value: UInt64) {
    buffer.append(kind)
    for shift in stride(from: 56, through: 0, by: -8) {
      buffer.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
    }
  }

  /// Each digest begins with the one before it.
  private mutating func fold() {
    chain = SHA256.digest(chain + buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}
