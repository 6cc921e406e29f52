package import Queries

/// The tables of accounts on SQLite.
///
/// Identifiers are sixteen bytes, instants are milliseconds. They hold password hashes and signing
/// keys: the database's file is its owner's alone (0600), and so must be its backups.
package enum AccountTables {
  /// The step that makes the tables, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "accounts", [users, usersByEmail, sessions, sessionsByUser, keys])
  }

  /// The step that makes the tables of roles and claims, as number `number` of the history.
  package static func roles(_ number: Int) -> Migration {
    Migration(
      number, "roles",
      [
        roleGrants, claims, grantVersion, "INSERT INTO roost_grant_version VALUES (1, 0)",
        adminClaims,
      ]
    )
  }

  private static let users: SQL = """
    CREATE TABLE roost_user (
      id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
      email TEXT,
      password_hash TEXT,
      anonymous INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      deleted_at INTEGER
    ) STRICT, WITHOUT ROWID
    """

  private static let usersByEmail: SQL = """
    CREATE UNIQUE INDEX roost_user_email ON roost_user (email)
      WHERE email IS NOT NULL AND deleted_at IS NULL
    """

  private static let sessions: SQL = """
    CREATE TABLE roost_session (
      id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
      user_id BLOB NOT NULL,
      refresh_hash BLOB NOT NULL CHECK (length(refresh_hash) = 32),
      previous_hash BLOB,
      created_at INTEGER NOT NULL,
      used_at INTEGER NOT NULL,
      revoked_at INTEGER,
      address TEXT NOT NULL,
      user_agent TEXT
    ) STRICT, WITHOUT ROWID
    """

  private static let sessionsByUser: SQL =
    "CREATE INDEX roost_session_user ON roost_session (user_id, used_at)"

  private static let keys: SQL = """
    CREATE TABLE roost_key (
      id TEXT NOT NULL PRIMARY KEY,
      purpose TEXT NOT NULL CHECK (purpose IN ('access', 'cursor')),
      secret BLOB NOT NULL CHECK (length(secret) = 32),
      created_at INTEGER NOT NULL,
      retired_at INTEGER
    ) STRICT, WITHOUT ROWID
    """

  private static let roleGrants: SQL = """
    CREATE TABLE roost_role_grant (
      user_id BLOB NOT NULL,
      role TEXT NOT NULL,
      granted_by BLOB,
      granted_at INTEGER NOT NULL,
      PRIMARY KEY (user_id, role)
    ) STRICT, WITHOUT ROWID
    """

  private static let claims: SQL = """
    CREATE TABLE roost_claim (
      user_id BLOB NOT NULL,
      claim TEXT NOT NULL,
      granted_by BLOB,
      granted_at INTEGER NOT NULL,
      PRIMARY KEY (user_id, claim)
    ) STRICT, WITHOUT ROWID
    """

  /// One row: counted up with every change of the two, for who keeps them in memory.
  private static let grantVersion: SQL = """
    CREATE TABLE roost_grant_version (
      id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
      version INTEGER NOT NULL
    ) STRICT
    """

  /// The one-time claims that made administrators, so that none works twice.
  private static let adminClaims: SQL = """
    CREATE TABLE roost_admin_claim (
      digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
      user_id BLOB NOT NULL,
      used_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """
}
