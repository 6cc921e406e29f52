/// Signs the opaque texts that clients carry for us, such as the position of a list.
///
/// A text is base64url of the payload followed by the first 16 bytes of HMAC-SHA-256 over the
/// purpose's length, the purpose and the payload; so a cursor of one list is refused by another.
package struct CursorSigner: Sendable {
  /// The longest text that is looked at, in bytes.
  package static let maximumTextBytes = 4096
  private static let codeBytes = 16

  private let key: HMACKey

  package init(key: HMACKey) { self.key = key }

  /// The text for `payload`, valid for the same `purpose` only.
  package func sign(_ payload: [UInt8], purpose: String) -> String {
    var bytes = payload
    bytes.reserveCapacity(payload.count + CursorSigner.codeBytes)
    bytes += code(for: payload, purpose).prefix(CursorSigner.codeBytes)
    return Base64.encode(bytes)
  }

  /// The payload of a text that `sign` made for this `purpose`; nil for anything else.
  package func verify(_ text: String, purpose: String) -> [UInt8]? {
    guard text.utf8.count <= CursorSigner.maximumTextBytes, let bytes = Base64.decode(text),
      bytes.count >= CursorSigner.codeBytes
    else { return nil }
    let payload = Array(bytes.dropLast(CursorSigner.codeBytes))
    let given = Array(bytes.suffix(CursorSigner.codeBytes))
    let expected = Array(code(for: payload, purpose).prefix(CursorSigner.codeBytes))
    return ConstantTime.equal(given, expected) ? payload : nil
  }

  private func code(for payload: [UInt8], _ purpose: String) -> [UInt8] {
    var message: [UInt8] = []
    message.reserveCapacity(4 + purpose.utf8.count + payload.count)
    // The length in front keeps "a" + "bc" apart from "ab" + "c".
    let length = UInt32(truncatingIfNeeded: purpose.utf8.count).bigEndian
    withUnsafeBytes(of: length) { message.append(contentsOf: $0) }
    message.append(contentsOf: purpose.utf8)
    message.append(contentsOf: payload)
    return key.code(for: message)
  }
}
