import Cryptography
import RoostCore

/// What a client shows for a new access token: its session and 256 random bits.
///
/// The text is base64url of the 16 bytes of the session's id and the 32 of the secret. Naming the
/// session lets an old token be told from an unknown one; only the secret's digest is stored.
struct RefreshToken: Sendable {
  static let secretBytes = 32

  let sessionID: UUID
  private let secret: [UInt8]

  init(sessionID: UUID, random: any RandomSource) {
    self.sessionID = sessionID
    secret = random.bytes(RefreshToken.secretBytes)
  }

  init?(_ text: String) {
    guard text.utf8.count == 64, let bytes = Base64.decode(text),
      let sessionID = bytes.withUnsafeBytes({
        UUID(bytes: UnsafeRawBufferPointer(rebasing: $0[..<16]))
      })
    else { return nil }
    self.sessionID = sessionID
    secret = Array(bytes[16...])
  }

  var text: String { Base64.encode(sessionID.bytes + secret) }

  /// What is stored: a fast digest is enough for a secret that cannot be guessed.
  var digest: [UInt8] { SHA256.digest(secret) }
}
