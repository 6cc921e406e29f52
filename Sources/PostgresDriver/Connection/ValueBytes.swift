import Queries
import RoostCore

/// Values one after the other, each in the binary form of its type in PostgreSQL, or as text where
/// that type takes no such form.
struct ValueBytes {
  var bytes: [UInt8] = []

  /// Appends a value for a placeholder or a column of `type`; says whether in binary.
  ///
  /// Throws `RoostError` when it does not fit.
  mutating func append(_ value: Value, _ type: UInt32) throws(RoostError) -> Bool {
    switch value {
    case .null: return true
    case .int(let number): return try append(number, type)
    case .double(let number): return try append(number, type)
    case .text(let text): return try append(text, type)
    case .blob(let blob):
      switch type {
      case TypeID.bytea, TypeID.uuid:
        bytes.append(contentsOf: blob)
        return true
      case TypeID.text, TypeID.varchar, TypeID.blankPadded, TypeID.json:
        try append(checked: blob)
        return false
      default: throw ValueBytes.mismatch("bytes", type)
      }
    case .uuid(let id):
      switch type {
      case TypeID.uuid, TypeID.bytea:
        append(big: id.high)
        append(big: id.low)
        return true
      default:
        bytes.append(contentsOf: "\(id)".utf8)
        return false
      }
    }
  }

  private mutating func append(_ number: Int64, _ type: UInt32) throws(RoostError) -> Bool {
    switch type {
    case TypeID.int8: append(big: number)
    case TypeID.int4: append(big: try ValueBytes.fitting(number, Int32.self))
    case TypeID.int2: append(big: try ValueBytes.fitting(number, Int16.self))
    case TypeID.float8: append(big: Double(number).bitPattern)
    case TypeID.float4: append(big: Float(number).bitPattern)
    case TypeID.bool: bytes.append(number == 0 ? 0 : 1)
    case TypeID.bytea, TypeID.uuid: throw ValueBytes.mismatch("a whole number", type)
    default:
      bytes.append(contentsOf: String(number).utf8)
      return false
    }
    return true
  }

  private mutating func append(_ number: Double, _ type: UInt32) throws(RoostError) -> Bool {
    switch type {
    case TypeID.float8: append(big: number.bitPattern)
    case TypeID.float4: append(big: Float(number).bitPattern)
    case TypeID.int8, TypeID.int4, TypeID.int2, TypeID.bool:
      guard let whole = Int64(exactly: number) else {
        throw ValueBytes.mismatch("a number with a fraction", type)
      }
      return try append(whole, type)
    case TypeID.bytea, TypeID.uuid: throw ValueBytes.mismatch("a number", type)
    default:
      bytes.append(contentsOf: ValueBytes.text(number).utf8)
      return false
    }
    return true
  }

  private mutating func append(_ text: String, _ type: UInt32) throws(RoostError) -> Bool {
    switch type {
    case TypeID.bytea:
      bytes.append(contentsOf: text.utf8)
      return true
    case TypeID.uuid:
      guard let id = UUID(text) else { throw ValueBytes.mismatch("this text", type) }
      append(big: id.high)
      append(big: id.low)
      return true
    default:
      try append(checked: text.utf8)
      return false
    }
  }

  /// Appends the bytes of a text.
  private mutating func append(checked text: some Sequence<UInt8>) throws(RoostError) {
    let start = bytes.count
    bytes.append(contentsOf: text)
    // PostgreSQL ends texts with a zero byte and so cannot keep one.
    if bytes[start...].contains(0) { throw ValueBytes.zeroCharacter }
  }

  mutating func append(big number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func fitting<Number: FixedWidthInteger>(
    _ number: Int64, _ type: Number.Type
  ) throws(RoostError) -> Number {
    guard let number = Number(exactly: number) else {
      throw .misuse("The number \(number) does not fit the \(Number.bitWidth) bits of its column.")
    }
    return number
  }

  /// PostgreSQL's spelling; whole numbers without a fraction, which integer types would refuse.
  private static func text(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    return Int64(exactly: number).map { String($0) } ?? "\(number)"
  }

  private static func mismatch(_ value: String, _ type: UInt32) -> RoostError {
    .misuse("A statement was given \(value) for a placeholder of the type with the number \(type).")
  }

  private static let zeroCharacter = RoostError(
    .invalid, "A text holds the character U+0000, which cannot be stored; leave it out.")
}
