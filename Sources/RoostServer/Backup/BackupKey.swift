import Cryptography
package import RoostCore

/// The operator's key, of which the key of each backup is made.
package struct BackupKey: Sendable, CustomStringConvertible {
  private let secret: [UInt8]
  /// By which a backup says which key it wants; it tells nothing about the key.
  package let id: String

  private init(_ secret: [UInt8]) {
    self.secret = secret
    id = Hex.encode(Array(HMACKey(secret).code(for: Array("roost backup key id".utf8)).prefix(8)))
  }

  private static let form = KeyFile(what: "key of backups", command: "roost backup key")

  /// Reads a key: 64 hexadecimal digits, as `make` writes them.
  ///
  /// Throws `RoostError` with what to do.
  package static func read(_ path: String) throws -> BackupKey { BackupKey(try form.read(path)) }

  /// Makes a key in a new file, readable by its owner alone, and says its id.
  package static func make(at path: String, random: any RandomSource) throws -> String {
    BackupKey(try KeyFile.make(at: path, random: random)).id
  }

  /// The cipher of the backup with this salt.
  func cipher(salt: [UInt8]) -> AESGCM? {
    AESGCM(key: HKDF.key(from: secret, salt: salt, info: "roost backup 1"))
  }

  package var description: String { "<redacted>" }
}
