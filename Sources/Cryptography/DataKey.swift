package import RoostCore

/// A key that seals values, each under a key of its own that is made of it and of the value's place.
///
/// A sealed text is the version `1`, the id of the key (22 characters), and in base64url a nonce of 96
/// random bits, the bytes under AES-256-GCM, and the tag. The key of a place is
/// HKDF-SHA-256(secret, salt: place), so that the bound of 2^32 messages under random nonces
/// (NIST SP 800-38D, 8.3) counts for one field of one row and not for a person. The place is
/// authenticated too: what was moved elsewhere does not open.
package struct DataKey: Sendable, CustomStringConvertible {
  /// Characters of an id: 16 bytes in base64url.
  package static let idCharacters = 22
  private static let version = UInt8(ascii: "1")
  private static let use = "roost sealed value 1"

  package let id: String
  let secret: [UInt8]

  init(id: String, secret: [UInt8]) {
    self.id = id
    self.secret = secret
  }

  /// A new key.
  package static func make(_ random: any RandomSource) -> DataKey {
    DataKey(id: Base64.encode(random.bytes(16)), secret: random.bytes(AESGCM.keyBytes))
  }

  /// `bytes` as a sealed text that opens at `place` alone.
  package func seal(_ bytes: [UInt8], at place: [UInt8], _ random: any RandomSource) -> String {
    seal(bytes, at: place, nonce: random.bytes(AESGCM.nonceBytes))
  }

  /// The same under a nonce of 12 bytes that was never used at this place.
  func seal(_ bytes: [UInt8], at place: [UInt8], nonce: [UInt8]) -> String {
    let sealed = cipher(place).seal(bytes, nonce: nonce, context: Array(id.utf8) + place)
    return "1\(id)\(Base64.encode(nonce + sealed))"
  }

  /// What was sealed at `place`; nil where a byte of it, the place or the key is another one.
  package func open(_ text: Substring, at place: [UInt8]) -> [UInt8]? {
    guard DataKey.id(of: text) == id,
      let bytes = Base64.decode(String(text.utf8.dropFirst(1 + DataKey.idCharacters)) ?? ""),
      bytes.count >= AESGCM.nonceBytes + AESGCM.tagBytes
    else { return nil }
    return cipher(place).open(
      Array(bytes[AESGCM.nonceBytes...]), nonce: Array(bytes[..<AESGCM.nonceBytes]),
      context: Array(id.utf8) + place)
  }

  /// The id of the key of a sealed text; nil for a text that is none.
  package static func id(of text: Substring) -> String? {
    let bytes = text.utf8
    guard bytes.first == version, bytes.count > 1 + idCharacters else { return nil }
    return String(bytes.dropFirst().prefix(idCharacters))
  }

  /// The code of `message` under a key made of this one, so that nobody else can guess the message.
  package func code(for message: [UInt8]) -> [UInt8] {
    HMACKey(HKDF.key(from: secret, salt: [], info: "roost code 1")).code(for: message)
  }

  private func cipher(_ place: [UInt8]) -> AESGCM {
    // HKDF gives 32 bytes whatever it is given.
    guard let cipher = AESGCM(key: HKDF.key(from: secret, salt: place, info: DataKey.use)) else {
      preconditionFailure("HKDF gives 32 bytes")
    }
    return cipher
  }

  package var description: String { "<redacted>" }
}
