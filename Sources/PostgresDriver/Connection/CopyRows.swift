import Queries
import RoostCore

/// Rows in the binary form that `COPY … FROM STDIN` takes.
///
/// A mark, then for each row the number of its values and for each value its length and its bytes,
/// and -1 at the end (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
struct CopyRows {
  private var written = ValueBytes()

  var bytes: [UInt8] { written.bytes }

  private static let head: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [UInt8](repeating: 0, count: 8)

  /// Takes `count` rows for columns of `types`, whose values `row` adds for each.
  ///
  /// Throws `RoostError` when a value does not fit its column.
  init(
    _ count: Int, types: [UInt32], _ row: (Int, inout [Value]) -> Void
  ) throws(RoostError) {
    var values: [Value] = []
    values.reserveCapacity(types.count)
    written.bytes = CopyRows.head
    for index in 0..<count {
      values.removeAll(keepingCapacity: true)
      row(index, &values)
      guard values.count == types.count else {
        throw .misuse("A row has \(values.count) values for \(types.count) columns.")
      }
      written.append(big: Int16(truncatingIfNeeded: types.count))
      for (value, type) in zip(values, types) { try append(value, type) }
      if index == 0 {
        // Most rows are as long as the first.
        written.bytes.reserveCapacity(written.bytes.count * (count + count / 8) + 64)
      }
    }
    written.append(big: -1 as Int16)
  }

  private mutating func append(_ value: Value, _ type: UInt32) throws(RoostError) {
    if case .null = value { return written.append(big: -1 as Int32) }
    let start = written.bytes.count
    written.append(big: 0 as Int32)
    _ = try written.append(value, type)
    guard let length = Int32(exactly: written.bytes.count - start - 4) else {
      throw RoostError(
        .payloadTooLarge, "The values are larger than the database can take at once.")
    }
    for place in 0..<4 {
      written.bytes[start + place] = UInt8(truncatingIfNeeded: length >> Int32(24 - 8 * place))
    }
  }

  /// Whether every value of such columns has its binary form, or one that is the same as text.
  static func takes(_ types: [UInt32]) -> Bool {
    types.count <= 1600 && types.allSatisfy { known.contains($0) }
  }

  private static let known: Set<UInt32> = [
    TypeID.bool, TypeID.bytea, TypeID.int8, TypeID.int4, TypeID.int2, TypeID.text, TypeID.varchar,
    TypeID.float8, TypeID.float4, TypeID.uuid,
  ]
}
