import Cryptography
import Queries
import Records
import Rules
import Schema

/// Keeps the policies for logins beside Roost in step with the rules and the settings.
///
/// What was made is on record in the comment of the schema of the policies' functions: a digest of
/// their text, and the logins.
struct PolicyKeeper {
  private let readers: [String]
  private let schema: String

  init(_ settings: Settings) {
    readers = Set(
      settings.text(SettingKeys.databaseReaders).split(separator: ",").map {
        String($0).trimmingSpaces
      }.filter { !$0.isEmpty }
    ).sorted()
    schema = settings.text(SettingKeys.databaseSchema)
  }

  /// Makes the policies of `model`, or takes them away where no login is named any more.
  ///
  /// Throws `DatabaseOpenError` for a login that must not read, and for an engine without logins.
  func run(_ model: SchemaModel, on database: any Database) async throws {
    guard database.dialect.hasRowSecurity else {
      guard readers.isEmpty else {
        throw DatabaseOpenError(
          .engine,
          "database.readers names logins, and a file has none: leave it out, or use --database.")
      }
      return
    }
    let made = try await database.read(.statement) { try await PolicyKeeper.made(schema, in: $0) }
    if made == nil, readers.isEmpty { return }
    let script = PolicyScript(try RuleBook(model), tables: schema, readers: readers)
    let text = script.creation.map(\.text).joined(separator: ";\n")
    let record =
      ([Hex.encode(SHA256.digest(Array(text.utf8)))] + readers).joined(separator: " ")
    guard made != record else { return }
    try await database.write { transaction in
      if let lock = transaction.dialect.lockOfTables {
        try await transaction.query(lock) { _ in false }
      }
      for reader in readers { try await PolicyKeeper.check(reader, in: transaction) }
      // Names are words of the record, behind the digest.
      for gone in (made ?? "").split(separator: " ").dropFirst() {
        try await revoke(String(gone), in: transaction)
      }
      for statement in script.removal { try await transaction.execute(statement) }
      guard !readers.isEmpty else { return }
      for statement in script.creation { try await transaction.execute(statement) }
      let functions = SQL.identifier(PolicyScript.functionSchema(of: schema))
      try await transaction.execute(
        "COMMENT ON SCHEMA \(functions) IS \(SQL.literal(.text(record)))")
    }
  }

  /// What is on record; nil where there are no policies.
  private static func made(_ schema: String, in reader: any Reader) async throws -> String? {
    try await reader.first(
      """
      SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace \
      WHERE nspname = \(PolicyScript.functionSchema(of: schema))
      """
    ) { $0.text(0) }
  }

  /// Refuses a login that no policy could hold back.
  private static func check(_ login: String, in reader: any Reader) async throws {
    let found = try await reader.first(
      """
      SELECT CAST(EXISTS (SELECT 1 FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls) \
      AND pg_has_role(p.rolname, r.oid, 'MEMBER')) AS int), \
      CAST(pg_has_role(p.rolname, current_user, 'MEMBER') AS int) FROM pg_roles p \
      WHERE p.rolname = \(login)
      """
    ) { (passes: $0.int64(0) != 0, owns: $0.int64(1) != 0) }
    let fault: String? =
      switch found {
      case nil: "it does not exist: CREATE ROLE \"\(login)\" LOGIN"
      case (passes: true, _)?: "policies do not hold for a superuser or for BYPASSRLS"
      case (_, owns: true)?: "it may act as the login of Roost: REVOKE that"
      default: nil
      }
    if let fault {
      throw DatabaseOpenError(
        .engine, "database.readers names the login \"\(login)\", which cannot be used: \(fault).")
    }
  }

  private func revoke(_ login: String, in transaction: any Transaction) async throws {
    let exists = try await transaction.first(
      "SELECT 1 FROM pg_roles WHERE rolname = \(login)"
    ) { _ in true }
    guard exists == true else { return }
    let role = SQL.identifier(login)
    try await transaction.execute(
      "REVOKE ALL ON ALL TABLES IN SCHEMA \(identifier: schema) FROM \(role)")
    try await transaction.execute("REVOKE ALL ON SCHEMA \(identifier: schema) FROM \(role)")
  }
}

extension String {
  /// Without spaces at its ends.
  fileprivate var trimmingSpaces: String {
    String(drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
  }
}
