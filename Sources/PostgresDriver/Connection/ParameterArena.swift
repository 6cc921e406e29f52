import Queries
import RoostCore

/// Memory of a connection for the values of the statement that is sent.
///
/// Each value is written in the binary form of the type that PostgreSQL inferred for its
/// placeholder, or as text where that type takes no such form; libpq copies it all at once, so the
/// memory serves the next statement.
struct ParameterArena {
  private var bytes: [UInt8] = []
  /// Where each value begins; -1 for NULL.
  private var offsets: [Int] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  private var addresses: [UnsafePointer<CChar>?] = []

  /// Takes `values` for placeholders of `types`; throws `RoostError` when one does not fit.
  mutating func set(_ values: [Value], types: [UInt32]) throws(RoostError) {
    bytes.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    formats.removeAll(keepingCapacity: true)
    for (value, type) in zip(values, types) {
      let start = bytes.count
      if case .null = value {
        offsets.append(-1)
        lengths.append(0)
        formats.append(1)
        continue
      }
      let isBinary = try append(value, type)
      offsets.append(start)
      lengths.append(Int32(clamping: bytes.count - start))
      formats.append(isBinary ? 1 : 0)
      // The text form ends with a zero byte, which its length does not count.
      if !isBinary { bytes.append(0) }
    }
    // A value of no bytes needs an address too.
    if bytes.isEmpty { bytes.append(0) }
    guard bytes.count < Int(Int32.max) else {
      throw RoostError(
        .payloadTooLarge, "The values are larger than the database can take at once.")
    }
  }

  /// Calls `body` with the number of values, their addresses, lengths and formats.
  mutating func withPointers<Result>(
    _ body: (
      Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    ) -> Result
  ) -> Result {
    addresses.removeAll(keepingCapacity: true)
    return bytes.withUnsafeBytes { buffer in
      let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      for offset in offsets { addresses.append(offset < 0 ? nil : base.map { $0 + offset }) }
      return addresses.withUnsafeBufferPointer { addresses in
        lengths.withUnsafeBufferPointer { lengths in
          formats.withUnsafeBufferPointer { formats in
            body(
              Int32(clamping: offsets.count), addresses.baseAddress, lengths.baseAddress,
              formats.baseAddress)
          }
        }
      }
    }
  }

  /// What was set, for tests: each value's bytes and whether they are binary; nil for NULL.
  var contents: [(bytes: [UInt8], isBinary: Bool)?] {
    offsets.indices.map { index in
      guard offsets[index] >= 0 else { return nil }
      let range = offsets[index]..<offsets[index] + Int(lengths[index])
      return (Array(bytes[range]), formats[index] == 1)
    }
  }

  // MARK: One value

  /// Appends a value; says whether in binary.
  private mutating func append(_ value: Value, _ type: UInt32) throws(RoostError) -> Bool {
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
      default: throw ParameterArena.mismatch("bytes", type)
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
    case TypeID.int4: append(big: try ParameterArena.fitting(number, Int32.self))
    case TypeID.int2: append(big: try ParameterArena.fitting(number, Int16.self))
    case TypeID.float8: append(big: Double(number).bitPattern)
    case TypeID.float4: append(big: Float(number).bitPattern)
    case TypeID.bool: bytes.append(number == 0 ? 0 : 1)
    case TypeID.bytea, TypeID.uuid: throw ParameterArena.mismatch("a whole number", type)
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
        throw ParameterArena.mismatch("a number with a fraction", type)
      }
      return try append(whole, type)
    case TypeID.bytea, TypeID.uuid: throw ParameterArena.mismatch("a number", type)
    default:
      bytes.append(contentsOf: ParameterArena.text(number).utf8)
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
      guard let id = UUID(text) else { throw ParameterArena.mismatch("this text", type) }
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
    if bytes[start...].contains(0) { throw ParameterArena.zeroCharacter }
  }

  private mutating func append(big number: some FixedWidthInteger) {
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
