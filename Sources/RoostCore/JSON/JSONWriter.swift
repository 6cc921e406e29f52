import Glibc

/// Writes a JSON document into bytes, without building values first.
///
/// Calls must come in a valid order: inside an object each value follows its key. The bytes lie in
/// memory of the writer's own, because appending to an array costs a check of its uniqueness and of
/// its capacity for every comma.
package struct JSONWriter: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// How many bytes were written.
  package private(set) var count = 0
  private var needsComma = false
  private var timestamps = TimestampText()

  package init(capacity: Int = 256) {
    self.capacity = max(64, capacity)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// What was written so far.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// Makes room for `more` bytes behind the last one, and returns where they begin.
  @inline(__always) private mutating func room(_ more: Int) -> UnsafeMutablePointer<UInt8> {
    if capacity - count < more { grow(more) }
    return base + count
  }

  @inline(never) private mutating func grow(_ more: Int) {
    let larger = max(capacity * 2, count + more)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    moved.update(from: base, count: count)
    base.deallocate()
    base = moved
    capacity = larger
  }

  @inline(__always) private mutating func append(_ byte: UInt8) {
    room(1).pointee = byte
    count += 1
  }

  @inline(__always) private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    memcpy(room(bytes.count), source, bytes.count)
    count += bytes.count
  }

  @inline(__always) private mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always) private mutating func separate() {
    if needsComma { append(UInt8(ascii: ",")) }
    needsComma = true
  }

  package mutating func beginObject() {
    separate()
    append(UInt8(ascii: "{"))
    needsComma = false
  }

  package mutating func endObject() {
    append(UInt8(ascii: "}"))
    needsComma = true
  }

  package mutating func beginArray() {
    separate()
    append(UInt8(ascii: "["))
    needsComma = false
  }

  package mutating func endArray() {
    append(UInt8(ascii: "]"))
    needsComma = true
  }

  package mutating func key(_ key: String) {
    separate()
    appendQuoted(key)
    append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes a key that was encoded before, quotes and colon included (see `encodedKey`).
  package mutating func key(encoded: [UInt8]) {
    separate()
    encoded.withUnsafeBytes { append($0) }
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
      var text = value.description
      text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }
  }

  package mutating func string(_ value: String) {
    separate()
    appendQuoted(value)
  }

  /// Writes a string given as valid UTF-8.
  package mutating func string(utf8 value: UnsafeRawBufferPointer) {
    separate()
    append(UInt8(ascii: "\""))
    appendEscaped(value)
    append(UInt8(ascii: "\""))
  }

  package mutating func uuid(_ value: UUID) {
    separate()
    let start = room(38)
    start[0] = UInt8(ascii: "\"")
    value.format(into: start + 1)
    start[37] = UInt8(ascii: "\"")
    count += 38
  }

  package mutating func timestamp(_ value: Timestamp) {
    separate()
    let start = room(26)
    start[0] = UInt8(ascii: "\"")
    timestamps.format(value, into: start + 1)
    start[25] = UInt8(ascii: "\"")
    count += 26
  }

  package mutating func duration(_ value: CalendarDuration) {
    separate()
    append(UInt8(ascii: "\""))
    count += value.format(into: room(CalendarDuration.longestText))
    append(UInt8(ascii: "\""))
  }

  /// Readable bytes that must lie behind those given to `memberStart`.
  package static let memberStartPadding = 16

  /// Writes bytes that stand before a member's value: the comma, the quoted key and the colon.
  ///
  /// They are copied in steps of sixteen, past their end.
  package mutating func memberStart(padded start: UnsafeRawPointer, count: Int) {
    let target = UnsafeMutableRawPointer(room(count + JSONWriter.memberStartPadding))
    var copied = 0
    repeat {
      let part = start.loadUnaligned(fromByteOffset: copied, as: SIMD16<UInt8>.self)
      target.storeBytes(of: part, toByteOffset: copied, as: SIMD16<UInt8>.self)
      copied += 16
    } while copied < count
    self.count += count
    needsComma = false
  }

  /// Writes the comma before a value whose bytes go into the room of `reserve`, if it needs one.
  package mutating func beginValue() { separate() }

  /// Room for at least `more` bytes behind the last one, for a writer that knows the form of what it
  /// writes; `end(at:)` says how far it came.
  package mutating func reserve(_ more: Int) -> UnsafeMutablePointer<UInt8> { room(more) }

  /// Takes over what was written into the room of `reserve`; the next value follows without a comma
  /// if `isOpen`.
  package mutating func end(at end: UnsafeMutablePointer<UInt8>, isOpen: Bool) {
    count = end - base
    needsComma = !isOpen
  }

  /// Writes the 24 bytes of an instant's text without quotes into room of `reserve`.
  package mutating func format(_ value: Timestamp, at place: UnsafeMutablePointer<UInt8>) {
    timestamps.format(value, into: place)
  }

  /// Writes bytes that are one valid JSON value already.
  package mutating func raw(_ value: UnsafeRawBufferPointer) {
    separate()
    append(value)
  }

  /// Writes bytes that are one valid JSON value already.
  package mutating func raw(_ value: [UInt8]) {
    separate()
    value.withUnsafeBytes { append($0) }
  }

  /// Ends a document of JSON Lines and makes ready for the next one.
  package mutating func newline() {
    append(10)
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

  private mutating func appendInteger(_ value: Int64) {
    count += DecimalText.write(value, to: room(DecimalText.longest))
  }

  private mutating func appendQuoted(_ value: String) {
    append(UInt8(ascii: "\""))
    var value = value
    value.withUTF8 { appendEscaped(UnsafeRawBufferPointer($0)) }
    append(UInt8(ascii: "\""))
  }

  private mutating func appendEscaped(_ value: UnsafeRawBufferPointer) {
    var rest = value
    while true {
      let plain = PlainText.prefix(of: rest)
      append(UnsafeRawBufferPointer(rebasing: rest[..<plain]))
      guard plain < rest.count else { return }
      appendEscape(rest[plain])
      rest = UnsafeRawBufferPointer(rebasing: rest[(plain + 1)...])
    }
  }

  private mutating func appendEscape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"")
    case UInt8(ascii: "\\"): append("\\\\")
    case 10: append("\\n")
    case 13: append("\\r")
    case 9: append("\\t")
    default:
      append("\\u00")
      append(byte < 16 ? 48 : 49)
      append((byte & 15) < 10 ? 48 + (byte & 15) : 87 + (byte & 15))
    }
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
