import Glibc

/// Why a document is not JSON that Roost accepts, and where.
package struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The byte at which reading stopped, from 0.
  package let offset: Int
  /// The line, from 1.
  package let line: Int
  /// The column in bytes, from 1.
  package let column: Int
  /// What is wrong, safe to show.
  package let reason: String

  package var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSON {
  /// Reads one JSON document.
  ///
  /// Strict RFC 8259 in UTF-8: no comments, no trailing commas, no byte-order mark. Beyond it,
  /// duplicate keys, lone surrogates, numbers outside a double's range and more than `maxDepth`
  /// nested values are refused.
  package static func parse(_ bytes: [UInt8], maxDepth: Int = 32) throws(JSONError) -> JSON {
    // The closure of withUnsafeBytes cannot throw typed errors through every overload.
    let result: Result<JSON, JSONError> = bytes.withUnsafeBytes { buffer in
      JSON.parseResult(buffer, maxDepth: maxDepth)
    }
    return try result.get()
  }

  /// Reads one JSON document from text.
  package static func parse(text: String, maxDepth: Int = 32) throws(JSONError) -> JSON {
    try parse(Array(text.utf8), maxDepth: maxDepth)
  }

  /// Reads one JSON document from `buffer`, which needs to live for the call only.
  package static func parseResult(
    _ buffer: UnsafeRawBufferPointer, maxDepth: Int = 32
  ) -> Result<JSON, JSONError> {
    var reader = JSONReader(buffer, maxDepth: maxDepth)
    do throws(JSONFault) {
      return .success(try reader.document())
    } catch {
      return .failure(error.located(in: buffer))
    }
  }
}

/// A fault by its offset; line and column are counted only when it is reported.
private struct JSONFault: Error {
  let offset: Int
  let reason: String

  func located(in buffer: UnsafeRawBufferPointer) -> JSONError {
    var line = 1
    var lineStart = 0
    for index in 0..<min(offset, buffer.count) where buffer[index] == 10 {
      line += 1
      lineStart = index + 1
    }
    return JSONError(
      offset: offset, line: line, column: min(offset, buffer.count) - lineStart + 1,
      reason: reason)
  }
}

/// A recursive-descent reader over bytes that the caller keeps alive.
private struct JSONReader {
  let base: UnsafePointer<UInt8>
  let count: Int
  let maxDepth: Int
  var position = 0

  init(_ buffer: UnsafeRawBufferPointer, maxDepth: Int) {
    // An empty buffer may have no address; it is never read because count is 0.
    base =
      buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
    count = buffer.count
    self.maxDepth = maxDepth
  }

  func fault(_ reason: String, at offset: Int? = nil) -> JSONFault {
    JSONFault(offset: offset ?? position, reason: reason)
  }

  mutating func document() throws(JSONFault) -> JSON {
    skipSpace()
    guard position < count else { throw fault("the document is empty") }
    let value = try value(depth: 0)
    skipSpace()
    guard position == count else { throw fault("there is more text after the JSON value") }
    return value
  }

  @inline(__always) mutating func skipSpace() {
    while position < count {
      let byte = base[position]
      guard byte == 32 || byte == 10 || byte == 13 || byte == 9 else { return }
      position += 1
    }
  }

  mutating func value(depth: Int) throws(JSONFault) -> JSON {
    guard position < count else { throw fault("the document ends in the middle of a value") }
    switch base[position] {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), 48...57: return try number()
    default: throw fault("expected a JSON value")
    }
  }

  mutating func literal(_ text: StaticString, _ value: JSON) throws(JSONFault) -> JSON {
    let length = text.utf8CodeUnitCount
    guard position + length <= count, memcmp(base + position, text.utf8Start, length) == 0
    else { throw fault("expected a JSON value") }
    position += length
    return value
  }

  mutating func array(depth: Int) throws(JSONFault) -> JSON {
    guard depth <= maxDepth else { throw fault("more than \(maxDepth) nested values") }
    position += 1
    var values: [JSON] = []
    skipSpace()
    if position < count, base[position] == UInt8(ascii: "]") {
      position += 1
      return .array(values)
    }
    while true {
      skipSpace()
      values.append(try value(depth: depth))
      skipSpace()
      guard position < count else { throw fault("the document ends inside an array") }
      if base[position] == UInt8(ascii: ",") {
        position += 1
      } else if base[position] == UInt8(ascii: "]") {
        position += 1
        return .array(values)
      } else {
        throw fault("expected ',' or ']' in an array")
      }
    }
  }

  /// Up to so many names are compared with each other: a look tells most apart, while a set hashes
  /// each of them.
  private static let comparedNames = 32

  mutating func object(depth: Int) throws(JSONFault) -> JSON {
    guard depth <= maxDepth else { throw fault("more than \(maxDepth) nested values") }
    position += 1
    var members: [(key: String, value: JSON)] = []
    // Few members are compared one by one; many by a set, so that a hostile body stays linear.
    var seen: Set<String> = []
    skipSpace()
    if position < count, base[position] == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject())
    }
    while true {
      skipSpace()
      guard position < count, base[position] == UInt8(ascii: "\"") else {
        throw fault(
          position < count
            ? "expected a member's name in quotes" : "the document ends inside an object")
      }
      let start = position
      let key = try string()
      if members.count < JSONReader.comparedNames {
        for member in members where member.key == key {
          throw fault("the name \(JSONReader.quote(key)) occurs twice", at: start)
        }
      } else {
        if seen.isEmpty { for member in members { seen.insert(member.key) } }
        guard seen.insert(key).inserted else {
          throw fault("the name \(JSONReader.quote(key)) occurs twice", at: start)
        }
      }
      skipSpace()
      guard position < count, base[position] == UInt8(ascii: ":") else {
        throw fault("expected ':' after a member's name")
      }
      position += 1
      skipSpace()
      // The second member makes room for as many as most objects have, which would else grow to
      // them step by step; an object of one keeps its own size.
      if members.count == 1 { members.reserveCapacity(8) }
      members.append((key, try value(depth: depth)))
      skipSpace()
      guard position < count else { throw fault("the document ends inside an object") }
      if base[position] == UInt8(ascii: ",") {
        position += 1
      } else if base[position] == UInt8(ascii: "}") {
        position += 1
        return .object(JSONObject(uniqueMembers: members))
      } else {
        throw fault("expected ',' or '}' in an object")
      }
    }
  }

  /// A key for a message: at most 40 characters of it.
  static func quote(_ key: String) -> String {
    "\"" + key.prefix(40) + (key.count > 40 ? "…" : "") + "\""
  }

  mutating func string() throws(JSONFault) -> String {
    position += 1
    let start = position
    position += PlainText.prefix(
      of: UnsafeRawBufferPointer(start: base + position, count: count - position))
    guard position < count else { throw fault("the document ends inside a string") }
    switch base[position] {
    case UInt8(ascii: "\""):
      let text = try text(start, position)
      position += 1
      return text
    case UInt8(ascii: "\\"): return try escapedString(from: start)
    default: throw fault("a control character inside a string")
    }
  }

  private func text(_ start: Int, _ end: Int) throws(JSONFault) -> String {
    let buffer = UnsafeBufferPointer(start: base + start, count: end - start)
    if PlainText.isASCII(UnsafeRawBufferPointer(buffer)) {
      return String(decoding: buffer, as: UTF8.self)
    }
    guard let text = String(validating: buffer, as: UTF8.self) else {
      throw fault("a string that is not valid UTF-8", at: start)
    }
    return text
  }

  private mutating func escapedString(from start: Int) throws(JSONFault) -> String {
    var bytes: [UInt8] = []
    var runStart = start
    while position < count {
      let byte = base[position]
      if byte == UInt8(ascii: "\"") {
        bytes.append(
          contentsOf: UnsafeBufferPointer(start: base + runStart, count: position - runStart))
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw fault("a string that is not valid UTF-8", at: start)
        }
        position += 1
        return text
      }
      guard byte >= 0x20 else { throw fault("a control character inside a string") }
      guard byte == UInt8(ascii: "\\") else {
        position += 1
        continue
      }
      bytes.append(
        contentsOf: UnsafeBufferPointer(start: base + runStart, count: position - runStart))
      try escape(into: &bytes)
      runStart = position
    }
    throw fault("the document ends inside a string")
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(JSONFault) {
    guard position + 1 < count else { throw fault("the document ends inside a string") }
    let byte = base[position + 1]
    position += 2
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(8)
    case UInt8(ascii: "f"): bytes.append(12)
    case UInt8(ascii: "n"): bytes.append(10)
    case UInt8(ascii: "r"): bytes.append(13)
    case UInt8(ascii: "t"): bytes.append(9)
    case UInt8(ascii: "u"):
      let start = position - 2
      var code = try hexadecimal()
      if code >= 0xDC00, code < 0xE000 {
        throw fault("a lone surrogate in a string", at: start)
      }
      if code >= 0xD800, code < 0xDC00 {
        guard position + 1 < count, base[position] == UInt8(ascii: "\\"),
          base[position + 1] == UInt8(ascii: "u")
        else { throw fault("a lone surrogate in a string", at: start) }
        position += 2
        let low = try hexadecimal()
        guard low >= 0xDC00, low < 0xE000 else {
          throw fault("a lone surrogate in a string", at: start)
        }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw fault("a lone surrogate in a string", at: start)
      }
      bytes.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
    default: throw fault("an unknown escape in a string", at: position - 2)
    }
  }

  private mutating func hexadecimal() throws(JSONFault) -> UInt32 {
    guard position + 4 <= count else { throw fault("the document ends inside a string") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      let byte = base[position]
      switch byte {
      case 48...57: code = code << 4 | UInt32(byte - 48)
      case 97...102: code = code << 4 | UInt32(byte - 87)
      case 65...70: code = code << 4 | UInt32(byte - 55)
      default: throw fault("a \\u escape needs four hexadecimal digits")
      }
      position += 1
    }
    return code
  }

  mutating func number() throws(JSONFault) -> JSON {
    let start = position
    let negative = base[position] == UInt8(ascii: "-")
    if negative { position += 1 }
    guard position < count, base[position] &- 48 < 10 else {
      throw fault("a number without digits")
    }
    var magnitude: UInt64 = 0
    var fits = true
    if base[position] == 48 {
      position += 1
      if position < count, base[position] &- 48 < 10 {
        throw fault("a number with a leading zero", at: start)
      }
    } else {
      while position < count, base[position] &- 48 < 10 {
        let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, overflowToo) = product.addingReportingOverflow(UInt64(base[position] - 48))
        if overflow || overflowToo { fits = false }
        magnitude = sum
        position += 1
      }
    }
    var isInteger = true
    if position < count, base[position] == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits()
    }
    if position < count, base[position] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      position += 1
      if position < count,
        base[position] == UInt8(ascii: "+") || base[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      try digits()
    }
    if isInteger, fits, !(negative && magnitude == 0) {
      if !negative, magnitude <= UInt64(Int64.max) { return .int(Int64(magnitude)) }
      if negative, magnitude <= UInt64(Int64.max) + 1 {
        return .int(Int64(truncatingIfNeeded: 0 &- magnitude))
      }
    }
    return .double(try double(start, position))
  }

  private mutating func digits() throws(JSONFault) {
    guard position < count, base[position] &- 48 < 10 else {
      throw fault("a number without digits")
    }
    while position < count, base[position] &- 48 < 10 { position += 1 }
  }

  private func double(_ start: Int, _ end: Int) throws(JSONFault) -> Double {
    guard end - start <= 400 else { throw fault("a number of over 400 characters", at: start) }
    // strtod needs a terminator, and the number may end where the buffer ends.
    let value = withUnsafeTemporaryAllocation(of: CChar.self, capacity: end - start + 1) { copy in
      for index in start..<end { copy[index - start] = CChar(bitPattern: base[index]) }
      copy[end - start] = 0
      return copy.baseAddress.map { strtod($0, nil) } ?? .infinity
    }
    guard value.isFinite else { throw fault("a number out of range", at: start) }
    return value
  }
}
