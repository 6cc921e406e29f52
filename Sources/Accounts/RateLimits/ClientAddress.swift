import Glibc

/// Where a request to the routes of accounts came from, for rate limits and the list of sessions.
package struct ClientAddress: Sendable {
  /// The address as text.
  package let address: String
  /// What the client says that it is, cut to 200 bytes.
  package let userAgent: String?

  package init(_ address: String, userAgent: String? = nil) {
    self.address = address
    self.userAgent = userAgent.map { ClientAddress.cut($0, 200) }
  }

  /// The key of rate limits: an IPv4 address, or the first 64 bits of an IPv6 address, since one
  /// customer has all the addresses behind them.
  package var networkKey: String {
    var bytes = [UInt8](repeating: 0, count: 16)
    guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    if bytes.starts(with: mapped) {
      return bytes[12...].map { String($0) }.joined(separator: ".")
    }
    return bytes[..<8].map { String($0, radix: 16) }.joined(separator: ":") + "/64"
  }

  private static func cut(_ text: String, _ bytes: Int) -> String {
    guard text.utf8.count > bytes else { return text }
    return String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
  }
}
