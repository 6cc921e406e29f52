package import RoostCore

/// The bytes of a value that every language makes alike, for hashes.
///
/// A tag, then: `n` null, `t` true, `f` false; `i` a whole number of 64 bits, eight bytes
/// big-endian in two's complement; `d` another number, its IEEE 754 double in eight bytes
/// big-endian; `s` a text, its count of UTF-8 bytes in four bytes big-endian and the bytes; `a` an
/// array, its count in four bytes and the elements; `o` an object, its count in four bytes and for
/// each member, in the order of the bytes of the names, the name as a text without its tag and the
/// value. A number is whole by its value: `1.0` and `1e2` are written with `i`.
package enum CanonicalBytes {
  /// Appends the bytes of `value`.
  package static func append(_ value: JSON, to bytes: inout [UInt8]) {
    switch value {
    case .null: bytes.append(UInt8(ascii: "n"))
    case .bool(let value): bytes.append(UInt8(ascii: value ? "t" : "f"))
    case .int(let value): append(whole: value, to: &bytes)
    case .double(let value):
      if let whole = Int64(exactly: value) {
        append(whole: whole, to: &bytes)
      } else {
        bytes.append(UInt8(ascii: "d"))
        append(value.bitPattern, to: &bytes)
      }
    case .string(let text):
      bytes.append(UInt8(ascii: "s"))
      append(text, to: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "a"))
      append(count: elements.count, to: &bytes)
      for element in elements { append(element, to: &bytes) }
    case .object(let object):
      bytes.append(UInt8(ascii: "o"))
      append(count: object.count, to: &bytes)
      let members = object.members.map { (key: Array($0.key.utf8), value: $0.value) }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }
      for member in members {
        append(count: member.key.count, to: &bytes)
        bytes += member.key
        append(member.value, to: &bytes)
      }
    }
  }

  /// The bytes of `value`.
  package static func of(_ value: JSON) -> [UInt8] {
    var bytes: [UInt8] = []
    append(value, to: &bytes)
    return bytes
  }

  /// Appends a text without a tag.
  static func append(_ text: String, to bytes: inout [UInt8]) {
    append(count: text.utf8.count, to: &bytes)
    bytes.append(contentsOf: text.utf8)
  }

  static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(56), through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  private static func append(whole value: Int64, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "i"))
    append(UInt64(bitPattern: value), to: &bytes)
  }

  private static func append(count: Int, to bytes: inout [UInt8]) {
    for shift in stride(from: 24, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: count >> shift))
    }
  }
}
