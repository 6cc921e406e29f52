import Glibc

/// An IPv4 or IPv6 address; an IPv4 one is kept as the IPv6 address that stands for it.
package struct NetworkAddress: Sendable, Hashable {
  /// The 128 bits, in two halves.
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The address that a text is in its usual form (`inet_pton`); nil for every other text.
  package init?(_ text: String) {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      high = 0
      low = 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr))
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    (high, low) = withUnsafeBytes(of: six) {
      (
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
  }

  var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

  /// What is counted as one client: an IPv4 address, or the 64 bits of IPv6 that one of them has.
  package var client: NetworkAddress { isIPv4 ? self : NetworkAddress(high: high, low: 0) }

  /// `127.0.0.0/8` and `::1`.
  package var isLoopback: Bool {
    isIPv4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1
  }

  /// The usual form (`inet_ntop`), such as `192.0.2.1` or `2001:db8::1`.
  package var text: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { String((low >> $0) & 0xFF) }.joined(separator: ".")
    }
    var bytes = (high.bigEndian, low.bigEndian)
    var buffer = [CChar](repeating: 0, count: 64)
    guard inet_ntop(AF_INET6, &bytes, &buffer, socklen_t(buffer.count)) != nil else { return "::" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// Addresses by their first bits, such as `10.0.0.0/8` and `2001:db8::1`.
package struct AddressRanges: Sendable, Equatable {
  private struct Range: Sendable, Equatable {
    let address: NetworkAddress
    let bits: Int

    func holds(_ other: NetworkAddress) -> Bool {
      let highBits = min(bits, 64)
      let lowBits = max(0, bits - 64)
      return (address.high ^ other.high) & Range.mask(highBits) == 0
        && (address.low ^ other.low) & Range.mask(lowBits) == 0
    }

    private static func mask(_ bits: Int) -> UInt64 { bits == 0 ? 0 : ~0 << UInt64(64 - bits) }
  }

  private var ranges: [Range] = []

  package init() {}

  /// The ranges of a list with commas or spaces; nil where one of them is none.
  package init?(_ list: String) {
    for part in list.split(whereSeparator: { $0 == "," || $0 == " " }) {
      let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let address = NetworkAddress(String(pieces[0])) else { return nil }
      var bits = 128
      if pieces.count == 2 {
        let isNumber = !pieces[1].isEmpty && pieces[1].utf8.allSatisfy { $0 &- 0x30 < 10 }
        let width = address.isIPv4 ? 32 : 128
        guard isNumber, let given = Int(pieces[1]), given <= width else { return nil }
        bits = 128 - width + given
      }
      ranges.append(Range(address: address, bits: bits))
    }
  }

  package static let loopback = AddressRanges("127.0.0.0/8,::1") ?? AddressRanges()

  package var isEmpty: Bool { ranges.isEmpty }

  package func holds(_ address: NetworkAddress) -> Bool {
    for range in ranges where range.holds(address) { return true }
    return false
  }

  package func union(_ other: AddressRanges) -> AddressRanges {
    var sum = self
    sum.ranges += other.ranges
    return sum
  }
}
