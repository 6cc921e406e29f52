/// Reads the head of an HTTP/1 request (RFC 9112): strict, in one pass, without I/O or allocation.
///
/// Each decision rests on the bytes before a place in the head, so a head that is fed in pieces,
/// again from its start each time, gives what it gives when it is fed whole.
package struct RequestHeadParser: ~Copyable {
  package enum Outcome: Sendable, Equatable {
    /// More bytes are needed.
    case incomplete
    case complete(RequestHeadLayout)
    case fault(HeadFault)
  }

  /// How far a part of the head was read.
  enum Progress {
    case done
    case incomplete
    case fault(HeadFault)
  }

  let headBytes: Int
  let maximumFields: Int
  let targetBytes: Int
  /// The fields of the head that was read last, `layout.fieldCount` of them.
  package let fields: UnsafeMutablePointer<FieldReference>

  /// Offsets are of 16 bits, hence heads of at most 65,535 bytes.
  package init(headBytes: Int, fields maximumFields: Int, targetBytes: Int) {
    self.headBytes = min(max(headBytes, 64), Int(UInt16.max))
    self.maximumFields = min(max(maximumFields, 1), 1000)
    self.targetBytes = targetBytes
    fields = .allocate(capacity: self.maximumFields)
  }

  deinit { fields.deallocate() }

  /// Reads a head from the first of `bytes`.
  package func parse(_ bytes: Span<UInt8>) -> Outcome {
    let limit = min(bytes.count, headBytes)
    var layout = RequestHeadLayout()
    var position = 0
    var seen = SeenFields()
    var progress = requestLine(bytes, limit, &position, &layout)
    while case .done = progress {
      if position < limit, bytes[position] == 0x0D {
        guard position + 1 < limit else { return more(bytes) }
        guard bytes[position + 1] == 0x0A else { return .fault(.fieldName) }
        layout.length = position + 2
        if let fault = seen.fault(&layout) { return .fault(fault) }
        return .complete(layout)
      }
      progress = fieldLine(bytes, limit, &position, &layout, &seen)
    }
    if case .fault(let fault) = progress { return .fault(fault) }
    return more(bytes)
  }

  private func more(_ bytes: Span<UInt8>) -> Outcome {
    bytes.count >= headBytes ? .fault(.headTooLarge) : .incomplete
  }

  // MARK: Request line

  private func requestLine(
    _ bytes: Span<UInt8>, _ limit: Int, _ position: inout Int, _ layout: inout RequestHeadLayout
  ) -> Progress {
    // One empty line before the request line is forgiven (RFC 9112 section 2.2).
    if limit > 0, bytes[0] == 0x0D {
      guard limit > 1 else { return .incomplete }
      guard bytes[1] == 0x0A else { return .fault(.requestLine) }
      position = 2
    }
    let methodStart = position
    while position < limit, ByteClass.isToken(bytes[position]) { position += 1 }
    guard position < limit else { return .incomplete }
    guard bytes[position] == 0x20, position > methodStart else { return .fault(.requestLine) }
    layout.method = method(bytes, methodStart, position - methodStart)
    position += 1
    let start = position
    let targetLimit = min(limit, start + targetBytes + 1)
    var question = -1
    while position < targetLimit {
      let byte = bytes[position]
      guard byte > 0x20, byte < 0x7F else { break }
      if byte == 0x3F, question < 0 { question = position }
      if byte == 0x23 { return .fault(.target) }
      position += 1
    }
    guard position - start <= targetBytes else { return .fault(.targetTooLong) }
    guard position < limit else { return .incomplete }
    let end = position
    // Another byte than the space: a control, or text that is not ASCII.
    guard bytes[end] == 0x20 else {
      return .fault(bytes[end] == 0x0D || bytes[end] == 0x0A ? .requestLine : .target)
    }
    guard end > start else { return .fault(.requestLine) }
    position += 1
    let progress = version(bytes, limit, &position, &layout)
    guard case .done = progress else { return progress }
    if let fault = target(bytes, start, end, question, &layout) { return .fault(fault) }
    return .done
  }

  /// Reads `HTTP/1.1` and the end of the line.
  private func version(
    _ bytes: Span<UInt8>, _ limit: Int, _ position: inout Int, _ layout: inout RequestHeadLayout
  ) -> Progress {
    let name: InlineArray<5, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2F]
    for index in 0..<5 {
      guard position < limit else { return .incomplete }
      guard bytes[position] == name[index] else { return .fault(.requestLine) }
      position += 1
    }
    guard position + 2 < limit else {
      return position < limit && !isDigit(bytes[position]) ? .fault(.requestLine) : .incomplete
    }
    let major = bytes[position]
    let minor = bytes[position + 2]
    guard isDigit(major), bytes[position + 1] == 0x2E, isDigit(minor) else {
      return .fault(.requestLine)
    }
    position += 3
    guard major == 0x31, minor <= 0x31 else { return .fault(.version) }
    layout.minorVersion = minor - 0x30
    layout.keepsAlive = minor == 0x31
    guard position < limit else { return .incomplete }
    guard bytes[position] == 0x0D else { return .fault(.requestLine) }
    guard position + 1 < limit else { return .incomplete }
    guard bytes[position + 1] == 0x0A else { return .fault(.requestLine) }
    position += 2
    return .done
  }

  private func method(_ bytes: Span<UInt8>, _ start: Int, _ length: Int) -> MethodToken {
    switch length {
    case 3:
      if equals(bytes, start, "GET") { return .get }
      if equals(bytes, start, "PUT") { return .put }
    case 4:
      if equals(bytes, start, "POST") { return .post }
      if equals(bytes, start, "HEAD") { return .head }
    case 5: if equals(bytes, start, "PATCH") { return .patch }
    case 6: if equals(bytes, start, "DELETE") { return .delete }
    case 7: if equals(bytes, start, "OPTIONS") { return .options }
    default: break
    }
    return .other
  }

  // MARK: Fields

  private func fieldLine(
    _ bytes: Span<UInt8>, _ limit: Int, _ position: inout Int, _ layout: inout RequestHeadLayout,
    _ seen: inout SeenFields
  ) -> Progress {
    let start = position
    guard start < limit else { return .incomplete }
    guard layout.fieldCount < maximumFields else { return .fault(.tooManyFields) }
    while position < limit, ByteClass.isToken(bytes[position]) { position += 1 }
    guard position < limit else { return .incomplete }
    // A space here is an obsolete fold, or space before the colon.
    guard bytes[position] == 0x3A, position > start else { return .fault(.fieldName) }
    let nameLength = position - start
    position += 1
    while position < limit, bytes[position] == 0x20 || bytes[position] == 9 { position += 1 }
    let valueStart = position
    position = endOfValue(bytes, limit, position)
    guard position < limit else { return .incomplete }
    guard bytes[position] == 0x0D else { return .fault(.fieldValue) }
    guard position + 1 < limit else { return .incomplete }
    guard bytes[position + 1] == 0x0A else { return .fault(.fieldValue) }
    var valueEnd = position
    while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 9 {
      valueEnd -= 1
    }
    position += 2
    fields[Int(layout.fieldCount)] = FieldReference(
      nameStart: UInt16(truncatingIfNeeded: start),
      nameLength: UInt16(truncatingIfNeeded: nameLength),
      valueStart: UInt16(truncatingIfNeeded: valueStart),
      valueLength: UInt16(truncatingIfNeeded: valueEnd - valueStart))
    if let fault = seen.note(bytes, start, nameLength, valueStart..<valueEnd, &layout) {
      return .fault(fault)
    }
    layout.fieldCount += 1
    return .done
  }

  /// The first byte from `start` that a value may not hold, by eight bytes at a time.
  @inline(__always)
  private func endOfValue(_ bytes: Span<UInt8>, _ limit: Int, _ start: Int) -> Int {
    var position = start
    let raw = bytes.bytes
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    while position + 8 <= limit {
      let word = raw.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
      // Bit tricks of Sean Anderson: a byte below 0x20, or one that is 0x7F.
      let below = (word &- ones &* 0x20) & ~word & tops
      let deleted = word ^ (ones &* 0x7F)
      let isDelete = (deleted &- ones) & ~deleted & tops
      if below | isDelete != 0 { break }
      position += 8
    }
    while position < limit, ByteClass.isFieldValue(bytes[position]) { position += 1 }
    return position
  }

  @inline(__always)
  private func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// Whether the bytes are exactly `text`, whose length was compared already.
  @inline(__always)
  private func equals(_ bytes: Span<UInt8>, _ start: Int, _ text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount where bytes[start + index] != text.utf8Start[index] {
      return false
    }
    return true
  }
}
