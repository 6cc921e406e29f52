extension RequestHeadParser {
  /// Splits a target in origin, absolute or asterisk form (RFC 9112 section 3.2); its bytes are
  /// visible ASCII without `#` already.
  func target(
    _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ question: Int,
    _ layout: inout RequestHeadLayout
  ) -> HeadFault? {
    var pathStart = start
    let pathEnd = question < 0 ? end : question
    if bytes[start] != 0x2F {
      if end - start == 1, bytes[start] == 0x2A {
        if layout.method != .options { return .asterisk }
      } else if layout.method == .other {
        // The authority form of CONNECT, which is not implemented: 501 rather than 400.
      } else {
        guard let authority = authorityStart(bytes, start, pathEnd) else { return .target }
        pathStart = authority
        while pathStart < pathEnd, bytes[pathStart] != 0x2F { pathStart += 1 }
        guard HostField.isValid(bytes, authority..<pathStart) else { return .target }
      }
    }
    layout.pathStart = UInt16(truncatingIfNeeded: pathStart)
    layout.pathLength = UInt16(truncatingIfNeeded: pathEnd - pathStart)
    if question >= 0 {
      layout.hasQuery = true
      layout.queryStart = UInt16(truncatingIfNeeded: question + 1)
      layout.queryLength = UInt16(truncatingIfNeeded: end - question - 1)
    }
    return nil
  }

  /// Where the authority starts after `http://` or `https://`; nil for another scheme.
  private func authorityStart(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var position = start
    for letter in "http".utf8 {
      guard position < end, bytes[position] | 0x20 == letter else { return nil }
      position += 1
    }
    if position < end, bytes[position] | 0x20 == 0x73 { position += 1 }
    for mark in "://".utf8 {
      guard position < end, bytes[position] == mark else { return nil }
      position += 1
    }
    return position
  }
}

/// The grammar of the Host field and of an authority without user information (RFC 3986).
enum HostField {
  /// Whether the range is a name, an IPv4 address or a bracketed IPv6 address, with an optional
  /// port; an empty one is not.
  static func isValid(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var position = range.lowerBound
    let end = range.upperBound
    guard position < end else { return false }
    if bytes[position] == 0x5B {
      position += 1
      let start = position
      while position < end, isAddress(bytes[position]) { position += 1 }
      guard position < end, bytes[position] == 0x5D, position > start else { return false }
      position += 1
    } else {
      while position < end, ByteClass.isHostName(bytes[position]) { position += 1 }
      guard position > range.lowerBound else { return false }
    }
    guard position < end else { return true }
    guard bytes[position] == 0x3A, end - position <= 6 else { return false }
    for index in (position + 1)..<end where bytes[index] &- 0x30 >= 10 { return false }
    return true
  }

  private static func isAddress(_ byte: UInt8) -> Bool {
    ByteClass.hexadecimal(byte) != nil || byte == 0x3A || byte == 0x2E
  }
}
