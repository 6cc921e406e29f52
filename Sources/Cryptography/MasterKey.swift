/// The key that wraps data keys.
///
/// A wrapped key is the id of the master key (16 hexadecimal digits) and in base64url a nonce, the key
/// under AES-256-GCM, and the tag: 96 characters. The id of the data key is authenticated with it.
package struct MasterKey: Sendable, CustomStringConvertible {
  package static let secretBytes = 32
  package static let idCharacters = 16
  /// Characters of a wrapped key.
  package static let wrappedCharacters =
    idCharacters + (AESGCM.nonceBytes + AESGCM.keyBytes + AESGCM.tagBytes) * 4 / 3

  /// By which a wrapped key says which master key it wants; it tells nothing about the key.
  package let id: String
  private let cipher: AESGCM

  /// Nil where `secret` has not 32 bytes.
  package init?(_ secret: [UInt8]) {
    guard secret.count == MasterKey.secretBytes,
      let cipher = AESGCM(key: HKDF.key(from: secret, salt: [], info: "roost master key 1"))
    else { return nil }
    self.cipher = cipher
    id = Hex.encode(Array(HMACKey(secret).code(for: Array("roost master key id".utf8)).prefix(8)))
  }

  /// `key` as this key alone unwraps it; `nonce` has 12 bytes and was never used before.
  package func wrap(_ key: DataKey, nonce: [UInt8]) -> String {
    id + Base64.encode(nonce + cipher.seal(key.secret, nonce: nonce, context: context(key.id)))
  }

  /// The data key of that id; nil where it was wrapped by another key, or is damaged.
  package func unwrap(_ wrapped: Substring, id: String) -> DataKey? {
    guard wrapped.utf8.count == MasterKey.wrappedCharacters, wrapped.hasPrefix(self.id),
      let bytes = Base64.decode(String(wrapped.dropFirst(MasterKey.idCharacters))),
      let secret = cipher.open(
        Array(bytes[AESGCM.nonceBytes...]), nonce: Array(bytes[..<AESGCM.nonceBytes]),
        context: context(id))
    else { return nil }
    return DataKey(id: id, secret: secret)
  }

  private func context(_ id: String) -> [UInt8] { Array("roost data key \(id)".utf8) }

  package var description: String { "<redacted>" }
}

/// The master key that new data keys are wrapped with, and those before it that still unwrap.
package struct MasterKeys: Sendable {
  package let current: MasterKey
  private let byID: [String: MasterKey]

  package init(_ current: MasterKey, former: [MasterKey] = []) {
    self.current = current
    var byID = [current.id: current]
    for key in former where byID[key.id] == nil { byID[key.id] = key }
    self.byID = byID
  }

  /// The master key of that id.
  package subscript(_ id: String) -> MasterKey? { byID[id] }

  /// The data key of that id, by whichever key wrapped it; nil where none did, or it is damaged.
  package func unwrap(_ wrapped: Substring, id: String) -> DataKey? {
    byID[String(wrapped.prefix(MasterKey.idCharacters))]?.unwrap(wrapped, id: id)
  }
}
