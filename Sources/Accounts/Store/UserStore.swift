import Queries
import RoostCore

/// The SQL of `roost_user`.
enum UserStore {
  /// What signing in needs of an account.
  struct Credentials: Sendable {
    let account: Account
    let passwordHash: String?
  }

  private static let byID = Statement(
    "SELECT id, email, anonymous, password_hash FROM roost_user WHERE id = ? AND deleted_at IS NULL"
  )
  private static let heldByID = DialectStatement { dialect in
    """
    SELECT id, email, anonymous, password_hash FROM roost_user
    WHERE id = \(SQL.placeholder) AND deleted_at IS NULL\(dialect.forUpdate)
    """
  }
  private static let byEmail = Statement(
    """
    SELECT id, email, anonymous, password_hash FROM roost_user
    WHERE email = ? AND deleted_at IS NULL
    """)
  private static let presence = Statement(
    "SELECT 1 FROM roost_user WHERE id = ? AND deleted_at IS NULL")
  private static let keptPresence = DialectStatement { dialect in
    """
    SELECT 1 FROM roost_user
    WHERE id = \(SQL.placeholder) AND deleted_at IS NULL\(dialect.forShare)
    """
  }
  private static let keptPresences = PaddedStatement { dialect, count in
    """
    SELECT 1 FROM roost_user WHERE id IN (\(PaddedList.placeholders(count)))
    AND deleted_at IS NULL ORDER BY id\(dialect.forShare)
    """
  }
  private static let anyID = Statement("SELECT 1 FROM roost_user WHERE id = ?")
  private static let insertion = Statement(
    """
    INSERT INTO roost_user (id, email, password_hash, anonymous, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?)
    """)
  private static let importing = Statement(
    """
    INSERT INTO roost_user (id, email, anonymous, created_at, updated_at)
    VALUES (?, ?, 0, ?, ?) ON CONFLICT DO NOTHING
    """)

  private static let deletion = Statement(
    "UPDATE roost_user SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL")

  static func find(id: UUID, in reader: any Reader) async throws -> Credentials? {
    try await reader.first(byID, [.uuid(id)], credentials)
  }

  /// The account, held until the commit against others who would change it.
  static func hold(id: UUID, in transaction: any Transaction) async throws -> Credentials? {
    try await transaction.first(heldByID[transaction.dialect], [.uuid(id)], credentials)
  }

  /// Whether a live account has that id, which it keeps until the commit.
  static func keep(_ id: UUID, in transaction: any Transaction) async throws -> Bool {
    try await transaction.first(keptPresence[transaction.dialect], [.uuid(id)]) { _ in true }
      ?? false
  }

  /// Whether all of `ids` are live accounts, which they keep until the commit.
  static func keep(_ ids: [UUID], in transaction: any Transaction) async throws -> Bool {
    var rest = ids[...]
    while !rest.isEmpty {
      let group = rest.prefix(PaddedList.largest)
      rest = rest.dropFirst(PaddedList.largest)
      let values = PaddedList.padded(group.map { Value.uuid($0) })
      var found = 0
      let sql = keptPresences[transaction.dialect, values.count]
      try await transaction.query(sql, values) { _ in
        found += 1
        return true
      }
      guard found == group.count else { return false }
    }
    return true
  }

  /// Whether there is an account of that id, deleted or not.
  static func isKnown(_ id: UUID, in reader: any Reader) async throws -> Bool {
    try await reader.first(anyID, [.uuid(id)]) { _ in true } ?? false
  }

  static func find(email: EmailAddress, in reader: any Reader) async throws -> Credentials? {
    try await reader.first(byEmail, [.text(email.text)], credentials)
  }

  static func exists(_ id: UUID, in reader: any Reader) async throws -> Bool {
    try await reader.first(presence, [.uuid(id)]) { _ in true } ?? false
  }

  /// Makes an account; throws `RoostError` with `.conflict` when the e-mail address is taken.
  static func insert(
    _ account: Account, passwordHash: String?, now: Timestamp, in transaction: any Transaction
  ) async throws {
    let values: [Value] = [
      .uuid(account.id), .optional(account.email), .optional(passwordHash),
      .bool(account.isAnonymous), .timestamp(now), .timestamp(now),
    ]
    try await refusingDuplicates { try await transaction.execute(insertion, values) }
  }

  /// Makes an account without a password unless there is one of that id; whether it did.
  static func importIfMissing(
    _ id: UUID, email: EmailAddress?, now: Timestamp, in transaction: any Transaction
  ) async throws -> Bool {
    let values: [Value] = [
      .uuid(id), .optional(email?.text), .timestamp(now), .timestamp(now),
    ]
    if try await transaction.execute(importing, values) == 1 { return true }
    // The id is taken, or the address by another one.
    guard try await transaction.first(anyID, [.uuid(id)], { _ in true }) == true else {
      throw duplicate
    }
    return false
  }

  private static let restoring = Statement(
    """
    INSERT INTO roost_user
      (id, email, password_hash, anonymous, created_at, updated_at, deleted_at)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
    """)

  /// Makes an account that comes back; false where the id or the address is taken.
  static func restore(_ account: AccountRecord, in transaction: any Transaction) async throws
    -> Bool
  {
    let values: [Value] = [
      .uuid(account.id), .optional(account.email), .optional(account.passwordHash?.reveal()),
      .bool(account.isAnonymous), .timestamp(account.createdAt), .timestamp(account.updatedAt),
      account.deletedAt.map { .timestamp($0) } ?? .null,
    ]
    return try await transaction.execute(restoring, values) == 1
  }

  /// What stands under an id, deleted or not, without its grants.
  static func record(of id: UUID, in reader: any Reader) async throws -> AccountRecord? {
    try await reader.first(
      "SELECT email, anonymous, deleted_at FROM roost_user WHERE id = \(id)"
    ) { row in
      var account = AccountRecord(id: id)
      account.email = row.optionalText(0)
      account.isAnonymous = row.bool(1)
      account.deletedAt = row.isNull(2) ? nil : row.timestamp(2)
      return account
    }
  }

  /// Gives an anonymous account an e-mail address and a password; whether it was one.
  static func upgrade(
    _ id: UUID, email: EmailAddress, passwordHash: String, now: Timestamp,
    in transaction: any Transaction
  ) async throws -> Bool {
    try await refusingDuplicates {
      try await transaction.execute(
        """
        UPDATE roost_user
        SET email = \(email.text), password_hash = \(passwordHash), anonymous = 0,
          updated_at = \(now)
        WHERE id = \(id) AND anonymous = 1 AND deleted_at IS NULL
        """)
    } == 1
  }

  /// Replaces a password's hash by another of the same password, unless it has changed meanwhile.
  static func rehash(
    _ id: UUID, from old: String, to new: String, in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE roost_user SET password_hash = \(new) WHERE id = \(id) AND password_hash = \(old)
      """)
  }

  /// At most `count` anonymous accounts made before `limit` that have no session left with which
  /// anybody could come back.
  static func abandoned(
    before limit: Timestamp, count: Int, in reader: any Reader
  ) async throws -> [UUID] {
    let ids = try await reader.all(
      """
      SELECT id FROM roost_user WHERE anonymous = 1 AND deleted_at IS NULL
        AND created_at < \(limit)
        AND NOT EXISTS (SELECT 1 FROM roost_session WHERE user_id = roost_user.id)
      LIMIT \(count)
      """
    ) { $0.uuid(0) }
    return ids.compactMap { $0 }
  }

  /// Marks accounts as deleted and removes what they were granted.
  static func delete(
    _ ids: [UUID], now: Timestamp, in transaction: any Transaction
  ) async throws {
    for id in ids {
      try await transaction.execute(deletion, [.timestamp(now), .uuid(id)])
      try await GrantStore.deleteAll(of: id, in: transaction)
    }
  }

  private static func credentials(_ row: any Row) throws -> Credentials {
    guard let id = row.uuid(0) else {
      throw RoostError(.internalError, "An account's row is damaged.")
    }
    let account = Account(id: id, email: row.optionalText(1), isAnonymous: row.bool(2))
    return Credentials(account: account, passwordHash: row.optionalText(3))
  }

  private static var duplicate: RoostError {
    RoostError(.conflict, "This e-mail address cannot be used: sign in, or use another one.")
  }

  @discardableResult
  private static func refusingDuplicates<Result>(
    _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch let violation as ConstraintViolation where violation.kind == .unique {
      throw duplicate
    }
  }
}
