import Glibc

/// What Roost takes for an e-mail address: one `@`, a plain local part, a dotted domain.
///
/// Stricter than RFC 5322 (no quotes, comments or spaces), which only delivery can prove anyway.
enum EmailAddress {
  static func isValid(_ text: String) -> Bool {
    let bytes = text.utf8
    guard bytes.count <= 254, let at = bytes.firstIndex(of: UInt8(ascii: "@")) else {
      return false
    }
    let local = bytes[..<at]
    guard !local.isEmpty, local.count <= 64, local.first != UInt8(ascii: "."),
      local.last != UInt8(ascii: ".")
    else { return false }
    for byte in local where !isLocal(byte) { return false }
    return isDottedDomain(bytes[bytes.index(after: at)...]) && !hasUnicodeSpace(text)
  }

  private static func isLocal(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7F, UInt8(ascii: "@"), UInt8(ascii: "("), UInt8(ascii: ")"),
      UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "<"),
      UInt8(ascii: ">"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"),
      UInt8(ascii: "\""):
      false
    default: true
    }
  }

  private static func isDottedDomain(_ domain: Substring.UTF8View) -> Bool {
    var labels = 0
    var length = 0
    var last = UInt8(ascii: ".")
    for byte in domain {
      switch byte {
      case UInt8(ascii: "."):
        guard length > 0, last != UInt8(ascii: "-") else { return false }
        labels += 1
        length = 0
      case UInt8(ascii: "-"):
        guard length > 0 else { return false }
        length += 1
      case 48...57, 65...90, 97...122, 0x80...0xFF: length += 1
      default: return false
      }
      guard length <= 63 else { return false }
      last = byte
    }
    return labels >= 1 && length > 0 && last != UInt8(ascii: "-")
  }
}

/// What Roost takes for a URL: absolute, http or https, with a host, at most 2,048 bytes.
enum WebAddress {
  static func isValid(_ text: String) -> Bool {
    let bytes = text.utf8
    guard bytes.count <= 2048, let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      isHTTP(bytes[..<colon])
    else { return false }
    var rest = bytes[bytes.index(after: colon)...]
    for byte in rest {
      switch byte {
      case 0...0x20, 0x7F, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""),
        UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "|"), UInt8(ascii: "\\"),
        UInt8(ascii: "^"), UInt8(ascii: "`"):
        return false
      default: continue
      }
    }
    guard rest.popFirst() == UInt8(ascii: "/"), rest.popFirst() == UInt8(ascii: "/") else {
      return false
    }
    let authority = rest.prefix {
      $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
    }
    let at = authority.lastIndex(of: UInt8(ascii: "@"))
    let host = at.map { authority[authority.index(after: $0)...] } ?? authority
    return isHostAndPort(host) && !hasUnicodeSpace(text)
  }

  private static func isHTTP(_ scheme: Substring.UTF8View) -> Bool {
    var matched = 0
    for byte in scheme {
      let wanted: UInt8
      switch matched {
      case 0: wanted = UInt8(ascii: "h")
      case 1, 2: wanted = UInt8(ascii: "t")
      case 3: wanted = UInt8(ascii: "p")
      case 4: wanted = UInt8(ascii: "s")
      default: return false
      }
      guard byte | 0x20 == wanted else { return false }
      matched += 1
    }
    return matched >= 4
  }

  private static func isHostAndPort(_ text: Substring.UTF8View) -> Bool {
    var host = text
    var port: Substring.UTF8View?
    if text.first == UInt8(ascii: "[") {
      guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { return false }
      host = text[text.index(after: text.startIndex)..<end]
      for byte in host {
        switch byte {
        case 48...57, 65...70, 97...102, UInt8(ascii: ":"), UInt8(ascii: "."): continue
        default: return false
        }
      }
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.first == UInt8(ascii: ":") else { return false }
      if !rest.isEmpty { port = rest.dropFirst() }
    } else if let colon = text.lastIndex(of: UInt8(ascii: ":")) {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
      guard isName(host) else { return false }
    } else {
      guard isName(host) else { return false }
    }
    return !host.isEmpty && (port.map(isPort) ?? true)
  }

  private static func isName(_ host: Substring.UTF8View) -> Bool {
    guard host.first != UInt8(ascii: ".") else { return false }
    for byte in host {
      switch byte {
      case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "@"): return false
      default: continue
      }
    }
    return !host.isEmpty
  }

  private static func isPort(_ digits: Substring.UTF8View) -> Bool {
    var value = 0
    for byte in digits {
      guard byte >= 48, byte <= 57 else { return false }
      value = value * 10 + Int(byte - 48)
      guard value <= 65_535 else { return false }
    }
    return true
  }
}

/// Whether a text holds white space beyond ASCII, such as a no-break space.
private func hasUnicodeSpace(_ text: String) -> Bool {
  for scalar in text.unicodeScalars where scalar.value >= 0x80 {
    if scalar.properties.isWhitespace { return true }
  }
  return false
}

extension String {
  /// Whether the text holds U+0000, which databases do not store alike.
  var holdsNUL: Bool {
    var text = self
    return text.withUTF8 { bytes in
      bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
    }
  }
}
