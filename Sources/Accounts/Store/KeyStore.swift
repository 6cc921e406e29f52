import Cryptography
import Queries
import RoostCore

/// The SQL of `roost_key`: the secrets with which Roost signs.
enum KeyStore {
  enum Purpose: String, Sendable { case access, cursor }

  struct Key: Sendable {
    let id: String
    let purpose: Purpose
    let secret: HMACKey
    let retiredAt: Timestamp?
  }

  /// A new key's id and secret, drawn before the transaction, whose body may run again.
  struct Draft: Sendable {
    let id: String
    let secret: Secret<[UInt8]>

    init(random: any RandomSource) {
      id = Base64.encode(random.bytes(9))
      secret = Secret(random.bytes(32))
    }
  }

  /// All keys, oldest first.
  static func all(in reader: any Reader) async throws -> [Key] {
    let keys = try await reader.all(
      "SELECT id, purpose, secret, retired_at FROM roost_key ORDER BY created_at, id"
    ) { row in
      Purpose(rawValue: row.text(1)).map { purpose in
        Key(
          id: row.text(0), purpose: purpose, secret: HMACKey(row.blob(2)),
          retiredAt: row.isNull(3) ? nil : row.timestamp(3))
      }
    }
    return keys.compactMap { $0 }
  }

  static func insert(
    _ draft: Draft, _ purpose: Purpose, now: Timestamp, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO roost_key (id, purpose, secret, created_at)
      VALUES (\(draft.id), \(purpose.rawValue), \(draft.secret.reveal()), \(now))
      """)
  }

  /// Retires the keys of `purpose` that sign now; they verify for the life of what they signed.
  static func retire(
    _ purpose: Purpose, now: Timestamp, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE roost_key SET retired_at = \(now)
      WHERE purpose = \(purpose.rawValue) AND retired_at IS NULL
      """)
  }

  /// Removes the keys retired before `limit`; returns how many.
  @discardableResult
  static func removeRetired(
    before limit: Timestamp, in transaction: any Transaction
  ) async throws -> Int {
    try await transaction.execute("DELETE FROM roost_key WHERE retired_at < \(limit)")
  }
}
