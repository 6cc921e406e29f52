package import RoostCore

/// Identifiers that are made from bytes: the same bytes give the same one, today and anywhere.
///
/// Version 8 of RFC 9562, name-based as in its appendix B.2: the first 128 bits of a SHA-256.
package enum NameUUID {
  /// The identifier of `bytes`, which begin with what tells their kind from others.
  package static func make(_ bytes: [UInt8]) -> UUID {
    let digest = SHA256.digest(bytes)
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<8 {
      high = high << 8 | UInt64(digest[index])
      low = low << 8 | UInt64(digest[index + 8])
    }
    return UUID(
      high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x8000,
      low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
  }
}
