/// The fields that decide about framing, as they are met in a head.
struct SeenFields {
  private var host = false
  private var closes = false
  private var asksToKeepAlive = false

  /// Takes note of a field; `name` has `length` bytes from `start`.
  mutating func note(
    _ bytes: Span<UInt8>, _ start: Int, _ length: Int, _ value: Range<Int>,
    _ layout: inout RequestHeadLayout
  ) -> HeadFault? {
    switch length {
    case 4 where SeenFields.equals(bytes, start, "host"):
      if host { return .repeatedHost }
      host = true
      return HostField.isValid(bytes, value) ? nil : .host
    case 6 where SeenFields.equals(bytes, start, "expect"):
      if SeenFields.isText(bytes, value, "100-continue") {
        layout.expectsContinue = true
      } else {
        layout.hasUnknownExpectation = true
      }
    case 10 where SeenFields.equals(bytes, start, "connection"):
      connection(bytes, value)
    case 12 where SeenFields.equals(bytes, start, "x-request-id"):
      if layout.requestIDField == .max { layout.requestIDField = layout.fieldCount }
    case 14 where SeenFields.equals(bytes, start, "content-length"):
      if layout.contentLength >= 0 { return .repeatedContentLength }
      return SeenFields.contentLength(bytes, value, &layout)
    case 17 where SeenFields.equals(bytes, start, "transfer-encoding"):
      return SeenFields.transferEncoding(bytes, value, &layout)
    default: break
    }
    return nil
  }

  /// What is wrong with the head as a whole, once it ends.
  func fault(_ layout: inout RequestHeadLayout) -> HeadFault? {
    if layout.minorVersion == 1, !host { return .missingHost }
    if layout.isChunked {
      if layout.minorVersion == 0 { return .transferEncodingInOldVersion }
      if layout.contentLength >= 0 { return .twoLengths }
    }
    layout.keepsAlive = !closes && (layout.minorVersion == 1 || asksToKeepAlive)
    // An expectation in HTTP/1.0 is ignored (RFC 9110 section 10.1.1).
    if layout.minorVersion == 0 {
      layout.expectsContinue = false
      layout.hasUnknownExpectation = false
    }
    return nil
  }

  private mutating func connection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
    var start = value.lowerBound
    while start < value.upperBound {
      var end = start
      while end < value.upperBound, bytes[end] != 0x2C { end += 1 }
      let option = SeenFields.trimmed(bytes, start..<end)
      if SeenFields.isText(bytes, option, "close") { closes = true }
      if SeenFields.isText(bytes, option, "keep-alive") { asksToKeepAlive = true }
      start = end + 1
    }
  }

  private static func contentLength(
    _ bytes: Span<UInt8>, _ value: Range<Int>, _ layout: inout RequestHeadLayout
  ) -> HeadFault? {
    guard !value.isEmpty else { return .contentLength }
    var length = 0
    var isTooLarge = false
    for index in value {
      let digit = bytes[index] &- 0x30
      guard digit < 10 else { return .contentLength }
      let (product, overflow) = length.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) = product.addingReportingOverflow(Int(digit))
      if overflow || overflowToo { isTooLarge = true }
      length = isTooLarge ? 0 : sum
    }
    if isTooLarge { return .bodyTooLarge }
    layout.contentLength = length
    return nil
  }

  private static func transferEncoding(
    _ bytes: Span<UInt8>, _ value: Range<Int>, _ layout: inout RequestHeadLayout
  ) -> HeadFault? {
    if layout.isChunked { return .transferEncoding }
    if isText(bytes, value, "chunked") {
      layout.isChunked = true
      return nil
    }
    // Chunks that are not the last coding, or come twice, leave no way to find the end.
    var start = value.lowerBound
    var isUnknown = false
    while start < value.upperBound {
      var end = start
      while end < value.upperBound, bytes[end] != 0x2C { end += 1 }
      let coding = trimmed(bytes, start..<end)
      if !coding.isEmpty, !isText(bytes, coding, "chunked") { isUnknown = true }
      start = end + 1
    }
    return isUnknown ? .unknownTransferEncoding : .transferEncoding
  }

  private static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end, bytes[start] == 0x20 || bytes[start] == 9 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 9 { end -= 1 }
    return start..<end
  }

  private static func isText(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString
  ) -> Bool {
    range.count == text.utf8CodeUnitCount && equals(bytes, range.lowerBound, text)
  }

  /// Compares without case; `text` is lower-case.
  @inline(__always)
  private static func equals(_ bytes: Span<UInt8>, _ start: Int, _ text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      let byte = bytes[start + index]
      let letter = text.utf8Start[index]
      guard byte == letter || (byte ^ 0x20 == letter && letter &- 0x61 < 26) else { return false }
    }
    return true
  }
}
