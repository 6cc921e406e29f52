/// Which proxies stand before the server, and how they say for whom they ask.
///
/// One field is believed, and only from the proxies that were named: whoever else sends it is ignored,
/// for anybody can write it.
package struct Forwarding: Sendable, Equatable {
  package enum Field: String, Sendable, CaseIterable {
    case xForwardedFor = "X-Forwarded-For"
    /// RFC 7239.
    case forwarded = "Forwarded"

    /// The name in lower case.
    package var name: StaticString {
      switch self {
      case .xForwardedFor: "x-forwarded-for"
      case .forwarded: "forwarded"
      }
    }
  }

  /// What the proxies say of a request.
  package struct Client: Sendable, Equatable {
    /// The address of the nearest hop that is no proxy of ours.
    package var address: NetworkAddress
    /// The client's own connection was TLS.
    package var isSecure: Bool
  }

  package let proxies: AddressRanges
  package let field: Field

  package init(proxies: AddressRanges = AddressRanges(), field: Field = .xForwardedFor) {
    self.proxies = proxies
    self.field = field
  }

  /// For whom a proxy of ours asks, by the values of all fields of the name, in their order, and of
  /// the last `X-Forwarded-Proto`.
  ///
  /// Read from the right, where the nearest proxy wrote: the first address that is no proxy's is the
  /// client's, and whatever stands left of it the client may have made up. An element that is no
  /// address ends the reading at the hop before.
  package func client(
    behind peer: NetworkAddress, _ values: [String], scheme: String?
  ) -> Client {
    var client = Client(address: peer, isSecure: scheme.map(Forwarding.isSecure) ?? false)
    var isNearest = true
    for value in values.reversed() {
      for element in Forwarding.elements(value).reversed() {
        let (node, proto) = parts(element)
        if field == .forwarded, isNearest {
          client.isSecure = proto.map(Forwarding.isSecure) ?? false
        }
        isNearest = false
        guard let address = node.flatMap(Forwarding.address) else { return client }
        client.address = address
        guard proxies.holds(address) else { return client }
      }
    }
    return client
  }

  private static func isSecure(_ scheme: String) -> Bool {
    // The nearest proxy's word is the last.
    let last = scheme.split(separator: ",").last.map(Forwarding.trimmed) ?? ""
    return last.lowercased() == "https"
  }

  private func parts(_ element: Substring) -> (node: String?, scheme: String?) {
    guard field == .forwarded else { return (Forwarding.trimmed(element), nil) }
    var node: String?
    var scheme: String?
    for pair in Forwarding.split(element, at: 0x3B) {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2 else { continue }
      var value = Forwarding.trimmed(sides[1])
      if value.hasPrefix("\""), value.hasSuffix("\""), value.utf8.count >= 2 {
        value = String(value.dropFirst().dropLast())
      }
      switch Forwarding.trimmed(sides[0]).lowercased() {
      case "for": node = value
      case "proto": scheme = value
      default: break
      }
    }
    return (node, scheme)
  }

  private static func elements(_ value: String) -> [Substring] { split(value[...], at: 0x2C) }

  /// The parts between the separators that stand outside of quotes.
  private static func split(_ text: Substring, at separator: UInt8) -> [Substring] {
    var parts: [Substring] = []
    var start = text.startIndex
    var isQuoted = false
    var isEscaped = false
    for index in text.utf8.indices {
      let byte = text.utf8[index]
      if isEscaped {
        isEscaped = false
      } else if byte == 0x22 {
        isQuoted.toggle()
      } else if byte == 0x5C, isQuoted {
        isEscaped = true
      } else if byte == separator, !isQuoted {
        parts.append(text[start..<index])
        start = text.utf8.index(after: index)
      }
    }
    parts.append(text[start...])
    return parts
  }

  private static func trimmed(_ text: Substring) -> String {
    String(
      text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }

  /// `192.0.2.1`, `192.0.2.1:5`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:5`.
  static func address(_ node: String) -> NetworkAddress? {
    if node.hasPrefix("[") {
      guard let end = node.firstIndex(of: "]") else { return nil }
      let rest = node[node.index(after: end)...]
      guard rest.isEmpty || isPort(rest) else { return nil }
      return NetworkAddress(String(node[node.index(after: node.startIndex)..<end]))
    }
    if let address = NetworkAddress(node) { return address }
    guard let colon = node.firstIndex(of: ":"), isPort(node[colon...]) else { return nil }
    return NetworkAddress(String(node[..<colon]))
  }

  private static func isPort(_ text: Substring) -> Bool {
    text.hasPrefix(":") && (2...6).contains(text.utf8.count)
      && text.utf8.dropFirst().allSatisfy { $0 &- 0x30 < 10 }
  }
}
