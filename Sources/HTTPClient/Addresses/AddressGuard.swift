/// Which addresses a request may go to: public ones, so that nobody has the server call its own
/// network for them.
///
/// The special ranges are those of IANA's registries (RFC 6890 and what was added since), of the
/// metadata services of clouds, and of the ways to write an IPv4 address in an IPv6 one.
package struct AddressGuard: Sendable {
  /// Whether this machine's own loopback addresses are allowed: in development alone.
  package let allowsLoopback: Bool

  private let allowsEverything: Bool

  package init(allowsLoopback: Bool = false) {
    self.allowsLoopback = allowsLoopback
    allowsEverything = false
  }

  private init(allowsEverything: Bool) {
    allowsLoopback = allowsEverything
    self.allowsEverything = allowsEverything
  }

  /// No guard at all, for what the operator of the server names and nobody else can.
  package static let everything = AddressGuard(allowsEverything: true)

  /// What an address is that is not public; nil for one that a request may go to.
  package func refusal(of address: IPAddress) -> String? {
    if allowsEverything { return nil }
    let kind =
      address.bytes.count == 4
      ? AddressGuard.special4(address) : AddressGuard.special6(address)
    if kind == AddressGuard.loopback, allowsLoopback { return nil }
    return kind
  }

  static let loopback = "a loopback address"

  private struct Range {
    let prefix: [UInt8]
    let bits: Int
    let kind: String

    init(_ prefix: [UInt8], _ bits: Int, _ kind: String) {
      self.prefix = prefix
      self.bits = bits
      self.kind = kind
    }
  }

  private static let ranges4 = [
    Range([0], 8, "an unspecified address"), Range([10], 8, "a private address"),
    Range([100, 64], 10, "an address of a carrier's network"), Range([127], 8, loopback),
    Range([169, 254], 16, "a link-local address"), Range([172, 16], 12, "a private address"),
    Range([192, 0, 0], 24, "a reserved address"),
    Range([192, 0, 2], 24, "an address for documentation"),
    Range([192, 88, 99], 24, "a reserved address"), Range([192, 168], 16, "a private address"),
    Range([198, 18], 15, "an address for measurements"),
    Range([198, 51, 100], 24, "an address for documentation"),
    Range([203, 0, 113], 24, "an address for documentation"),
    // What Azure's machines ask for their certificates and settings.
    Range([168, 63, 129, 16], 32, "an address of a cloud's metadata"),
    Range([224], 4, "a multicast address"), Range([240], 4, "a reserved address"),
  ]

  /// Where an IPv6 address holds an IPv4 one, which is judged instead.
  private static let embedding: [(prefix: [UInt8], bits: Int, place: Int)] = [
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96, 12),  // mapped (RFC 4291)
    ([0x00, 0x64, 0xFF, 0x9B], 96, 12),  // NAT64 (RFC 6052)
    ([0x20, 0x02], 16, 2),  // 6to4 (RFC 3056)
  ]

  private static let ranges6 = [
    Range([0, 0x64, 0xFF, 0x9B, 0, 1], 48, "a private address"),
    Range([0xFC], 7, "a private address"), Range([0xFE, 0x80], 10, "a link-local address"),
    Range([0xFE, 0xC0], 10, "a private address"), Range([0xFF], 8, "a multicast address"),
    Range([0x20, 0x01, 0x0D, 0xB8], 32, "an address for documentation"),
    Range([0x3F, 0xFF], 20, "an address for documentation"),
    // Teredo, ORCHID, measurements: what IANA keeps for protocols.
    Range([0x20, 0x01], 23, "a reserved address"),
  ]

  private static func special4(_ address: IPAddress) -> String? {
    ranges4.first { address.begins(with: $0.prefix, bits: $0.bits) }?.kind
  }

  private static func special6(_ address: IPAddress) -> String? {
    for form in embedding where address.begins(with: form.prefix, bits: form.bits) {
      guard let inner = IPAddress(bytes: Array(address.bytes[form.place..<form.place + 4])) else {
        return "a reserved address"
      }
      return special4(inner)
    }
    if let range = ranges6.first(where: { address.begins(with: $0.prefix, bits: $0.bits) }) {
      return range.kind
    }
    // Global unicast is 2000::/3; nothing else is routed.
    guard !address.begins(with: [0x20], bits: 3) else { return nil }
    if address.begins(with: [], bits: 128) { return "an unspecified address" }
    var one = [UInt8](repeating: 0, count: 16)
    one[15] = 1
    return address.bytes == one ? loopback : "a reserved address"
  }
}
