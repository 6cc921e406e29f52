import Glibc

/// Writes a JSON document into bytes, without building values first.
///
/// Calls must come in a valid order: inside an object each value follows its key.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  @inline(__always) private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  package mutating func beginObject() {
    separate()
    bytes.append(UInt8(ascii: "{"))
    needsComma = false
  }

  package mutating func endObject() {
    bytes.append(UInt8(ascii: "}"))
    needsComma = true
  }

  package mutating func beginArray() {
    separate()
    bytes.append(UInt8(ascii: "["))
    needsComma = false
  }

  package mutating func endArray() {
    bytes.append(UInt8(ascii: "]"))
    needsComma = true
  }

  package mutating func key(_ key: String) {
    separate()
    appendQuoted(key)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes a key that was encoded before, quotes and colon included (see `encodedKey`).
  package mutating func key(encoded: [UInt8]) {
    separate()
    bytes.append(contentsOf: encoded)
    needsComma = false
  }

  /// The bytes of `"key":` for `key(encoded:)`.
  package static func encodedKey(_ key: String) -> [UInt8] {
    var writer = JSONWriter(capacity: key.utf8.count + 3)
    writer.key(key)
    return writer.bytes
  }

  package mutating func null() {
    separate()
    append("null")
  }

  package mutating func bool(_ value: Bool) {
    separate()
    append(value ? "true" : "false")
  }

  package mutating func int(_ value: Int64) {
    separate()
    appendInteger(value)
  }

  /// Writes a finite number in its shortest form; integral ones without a fraction.
  ///
  /// A number that JSON cannot write (NaN, infinity) becomes null.
  package mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    separate()
    if let integer = Int64(exactly: value), integer.magnitude < 1 << 53 {
      appendInteger(integer)
    } else {
      bytes.append(contentsOf: value.description.utf8)
    }
  }

  package mutating func string(_ value: String) {
    separate()
    appendQuoted(value)
  }

  /// Writes a string given as valid UTF-8.
  package mutating func string(utf8 value: UnsafeRawBufferPointer) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    appendEscaped(value)
    bytes.append(UInt8(ascii: "\""))
  }

  package mutating func uuid(_ value: UUID) {
    separate()
    value.writeQuoted(to: &bytes)
  }

  package mutating func timestamp(_ value: Timestamp) {
    separate()
    value.writeQuoted(to: &bytes)
  }

  package mutating func duration(_ value: CalendarDuration) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    value.write(to: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  /// Writes bytes that stand before a member's value: the comma, the quoted key and the colon.
  package mutating func memberStart(_ start: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: start)
    needsComma = false
  }

  /// Writes bytes that are one valid JSON value already.
  package mutating func raw(_ value: UnsafeRawBufferPointer) {
    separate()
    bytes.append(contentsOf: value)
  }

  /// Writes bytes that are one valid JSON value already.
  package mutating func raw(_ value: [UInt8]) {
    separate()
    bytes.append(contentsOf: value)
  }

  /// Ends a document of JSON Lines and makes ready for the next one.
  package mutating func newline() {
    bytes.append(10)
    needsComma = false
  }

  package mutating func value(_ value: JSON) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .int(let value): int(value)
    case .double(let value): double(value)
    case .string(let value): string(value)
    case .array(let values):
      beginArray()
      for element in values { self.value(element) }
      endArray()
    case .object(let object):
      beginObject()
      for (key, member) in object {
        self.key(key)
        self.value(member)
      }
      endObject()
    }
  }

  private mutating func append(_ text: StaticString) {
    bytes.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func appendInteger(_ value: Int64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      var position = 20
      var rest = value.magnitude
      repeat {
        position -= 1
        buffer[position] = UInt8(48 + rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        position -= 1
        buffer[position] = UInt8(ascii: "-")
      }
      bytes.append(contentsOf: UnsafeMutableBufferPointer(rebasing: buffer[position...]))
    }
  }

  private mutating func appendQuoted(_ value: String) {
    bytes.append(UInt8(ascii: "\""))
    var value = value
    value.withUTF8 { appendEscaped(UnsafeRawBufferPointer($0)) }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func appendEscaped(_ value: UnsafeRawBufferPointer) {
    var runStart = 0
    for index in 0..<value.count {
      let byte = value[index]
      guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
        continue
      }
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: value[runStart..<index]))
      runStart = index + 1
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case 10: append("\\n")
      case 13: append("\\r")
      case 9: append("\\t")
      default:
        append("\\u00")
        bytes.append(byte < 16 ? 48 : 49)
        bytes.append(byte & 15 < 10 ? 48 + byte & 15 : 87 + byte & 15)
      }
    }
    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: value[runStart..<value.count]))
  }
}

extension JSON {
  /// The document's bytes, without white space.
  package var encoded: [UInt8] {
    var writer = JSONWriter()
    writer.value(self)
    return writer.bytes
  }

  /// The document as text, without white space.
  package var text: String { String(decoding: encoded, as: UTF8.self) }
}
