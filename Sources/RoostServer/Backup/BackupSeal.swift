import Cryptography

/// Seals the pieces of a backup, one after the other, and opens them.
///
/// A piece belongs to its place: its nonce is its number, with a mark on the last one, and the head
/// is authenticated with it. Source: Hoang, Reyhanitabar, Rogaway, Vizár, Online Authenticated-
/// Encryption and its Nonce-Reuse Misuse-Resistance (2015), the STREAM construction. Without a key a
/// digest stands in the place of the tag: it shows damage, and nothing against intent.
struct BackupSeal {
  private let cipher: AESGCM?
  private let head: [UInt8]
  private var number: UInt64 = 0

  /// Bytes of a piece beyond what it holds.
  static let overhead = AESGCM.tagBytes

  init(_ cipher: AESGCM?, head: [UInt8]) {
    self.cipher = cipher
    self.head = SHA256.digest(head)
  }

  mutating func seal(_ piece: [UInt8], isLast: Bool) -> [UInt8] {
    let nonce = next(isLast)
    guard let cipher else { return piece + digest(piece, nonce) }
    return cipher.seal(piece, nonce: nonce, context: head)
  }

  /// Nil where the piece is not the one that was sealed at this place.
  mutating func open(_ sealed: [UInt8], isLast: Bool) -> [UInt8]? {
    guard sealed.count >= BackupSeal.overhead else { return nil }
    let nonce = next(isLast)
    if let cipher { return cipher.open(sealed, nonce: nonce, context: head) }
    let piece = Array(sealed.dropLast(BackupSeal.overhead))
    return digest(piece, nonce) == Array(sealed.suffix(BackupSeal.overhead)) ? piece : nil
  }

  private mutating func next(_ isLast: Bool) -> [UInt8] {
    var nonce: [UInt8] = [isLast ? 1 : 0, 0, 0, 0]
    withUnsafeBytes(of: number.bigEndian) { nonce += $0 }
    number += 1
    return nonce
  }

  private func digest(_ piece: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
    var run = SHA256Run()
    for bytes in [head, nonce, piece] { bytes.withUnsafeBytes { run.update($0) } }
    return Array(run.finish().prefix(BackupSeal.overhead))
  }
}
