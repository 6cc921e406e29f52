import Queries
import RoostCore

/// The SQL of `roost_role_grant` and `roost_claim`.
///
/// Who changes them counts `roost_grant_version` up in the same transaction, by which every process
/// notices.
enum GrantStore {
  /// Gives a role; whether the account did not have it.
  static func insert(
    role: String, to user: UUID, by admin: UUID?, now: Timestamp, in transaction: any Transaction
  ) async throws -> Bool {
    try await transaction.execute(
      """
      INSERT INTO roost_role_grant (user_id, role, granted_by, granted_at)
      VALUES (\(user), \(role), \(.optional(admin)), \(now))
      ON CONFLICT (user_id, role) DO NOTHING
      """) == 1
  }

  /// Takes a role away; whether the account had it.
  static func delete(
    role: String, of user: UUID, in transaction: any Transaction
  ) async throws -> Bool {
    try await transaction.execute(
      "DELETE FROM roost_role_grant WHERE user_id = \(user) AND role = \(role)") == 1
  }

  /// Gives a claim; whether the account did not have it.
  static func insert(
    claim: String, to user: UUID, by admin: UUID?, now: Timestamp, in transaction: any Transaction
  ) async throws -> Bool {
    try await transaction.execute(
      """
      INSERT INTO roost_claim (user_id, claim, granted_by, granted_at)
      VALUES (\(user), \(claim), \(.optional(admin)), \(now))
      ON CONFLICT (user_id, claim) DO NOTHING
      """) == 1
  }

  /// Takes a claim away; whether the account had it.
  static func delete(
    claim: String, of user: UUID, in transaction: any Transaction
  ) async throws -> Bool {
    try await transaction.execute(
      "DELETE FROM roost_claim WHERE user_id = \(user) AND claim = \(claim)") == 1
  }

  /// Removes what an account was granted, for its end.
  static func deleteAll(of user: UUID, in transaction: any Transaction) async throws {
    let roles = try await transaction.execute(
      "DELETE FROM roost_role_grant WHERE user_id = \(user)")
    let claims = try await transaction.execute("DELETE FROM roost_claim WHERE user_id = \(user)")
    if roles + claims > 0 { try await countUp(in: transaction) }
  }

  /// Counts the version up and says what the account has now.
  static func change(
    of user: UUID, in transaction: any Transaction
  ) async throws -> RoleDirectory.Change {
    try await countUp(in: transaction)
    return RoleDirectory.Change(
      version: try await version(in: transaction), user: user,
      grants: try await grants(of: user, in: transaction))
  }

  /// Remembers that a one-time claim was used; throws `ConstraintViolation` where it was before.
  static func use(
    claim digest: [UInt8], by user: UUID, now: Timestamp, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      INSERT INTO roost_admin_claim (digest, user_id, used_at) VALUES (\(digest), \(user), \(now))
      """)
  }

  private static let heldVersion = DialectStatement {
    "SELECT version FROM roost_grant_version\($0.forUpdate)"
  }

  /// Waits until nobody else changes grants, or starts, and keeps it so until the commit.
  static func hold(in transaction: any Transaction) async throws {
    try await transaction.query(heldVersion[transaction.dialect], []) { _ in false }
  }

  private static let versionQuery = Statement("SELECT version FROM roost_grant_version")

  static func version(in reader: any Reader) async throws -> Int64 {
    try await reader.first(versionQuery, []) { $0.int64(0) } ?? 0
  }

  static func grants(of user: UUID, in reader: any Reader) async throws -> Grants {
    let roles = try await reader.all(
      "SELECT role FROM roost_role_grant WHERE user_id = \(user)"
    ) { $0.text(0) }
    let claims = try await reader.all(
      "SELECT claim FROM roost_claim WHERE user_id = \(user)"
    ) { $0.text(0) }
    return Grants(roles: Set(roles), claims: Set(claims))
  }

  /// The claims that an account has, in number.
  static func claimCount(of user: UUID, in reader: any Reader) async throws -> Int64 {
    try await reader.first("SELECT count(*) FROM roost_claim WHERE user_id = \(user)") {
      $0.int64(0)
    } ?? 0
  }

  /// All grants of accounts that are there; for a snapshot.
  static func all(in reader: any Reader) async throws -> RoleDirectory.Contents {
    var grants: [UUID: Grants] = [:]
    try await reader.query(
      """
      SELECT g.user_id, g.role FROM roost_role_grant g
      JOIN roost_user u ON u.id = g.user_id AND u.deleted_at IS NULL
      """
    ) { row in
      if let user = row.uuid(0) { grants[user, default: .none].roles.insert(row.text(1)) }
      return true
    }
    try await reader.query(
      """
      SELECT c.user_id, c.claim FROM roost_claim c
      JOIN roost_user u ON u.id = c.user_id AND u.deleted_at IS NULL
      """
    ) { row in
      if let user = row.uuid(0) { grants[user, default: .none].claims.insert(row.text(1)) }
      return true
    }
    return RoleDirectory.Contents(version: try await version(in: reader), grants: grants)
  }

  /// Who holds a role: how many, and the first `limit` of them.
  static func holders(
    of role: String, limit: Int, in reader: any Reader
  ) async throws -> RoleHolders {
    let count = try await reader.first(
      """
      SELECT count(*) FROM roost_role_grant g
      JOIN roost_user u ON u.id = g.user_id AND u.deleted_at IS NULL WHERE g.role = \(role)
      """
    ) { $0.int64(0) }
    let accounts = try await reader.all(
      """
      SELECT u.id, u.email, u.anonymous FROM roost_role_grant g
      JOIN roost_user u ON u.id = g.user_id AND u.deleted_at IS NULL
      WHERE g.role = \(role) ORDER BY g.granted_at, u.id LIMIT \(limit)
      """
    ) { row in
      row.uuid(0).map {
        Account(id: $0, email: row.optionalText(1), isAnonymous: row.bool(2))
      }
    }
    return RoleHolders(
      role: role, count: Int(clamping: count ?? 0), accounts: accounts.compactMap { $0 })
  }

  enum Kind {
    case role
    case claim
  }

  /// What the accounts behind one id and up to another were granted, by name.
  static func grants(
    _ kind: Kind, behind first: UUID, upTo last: UUID, in reader: any Reader
  ) async throws -> [UUID: [AccountRecord.Grant]] {
    let table: SQL = kind == .role ? "roost_role_grant" : "roost_claim"
    let name: SQL = kind == .role ? "role" : "claim"
    var grants: [UUID: [AccountRecord.Grant]] = [:]
    try await reader.query(
      """
      SELECT user_id, \(name), granted_by, granted_at FROM \(table)
      WHERE user_id > \(first) AND user_id <= \(last) ORDER BY user_id, \(name)
      """
    ) { row in
      guard let user = row.uuid(0) else { return true }
      grants[user, default: []].append(
        AccountRecord.Grant(name: row.text(1), by: row.uuid(2), at: row.timestamp(3)))
      return true
    }
    return grants
  }

  /// Says that accounts came back with what they were granted.
  static func noteRestored(in transaction: any Transaction) async throws {
    try await countUp(in: transaction)
  }

  private static func countUp(in transaction: any Transaction) async throws {
    try await transaction.execute("UPDATE roost_grant_version SET version = version + 1")
  }
}
