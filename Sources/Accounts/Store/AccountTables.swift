package import Queries

/// The tables of accounts on SQLite.
///
/// Identifiers are sixteen bytes, instants are milliseconds. They hold password hashes and signing
/// keys: the database's file is its owner's alone (0600), and so must be its backups.
package enum AccountTables {
  /// The step that makes the tables, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "accounts") { d in
      [users(d), usersByEmail, sessions(d), sessionsByUser, keys(d)]
    }
  }

  /// The step that makes the tables of roles and claims, as number `number` of the history.
  package static func roles(_ number: Int) -> Migration {
    Migration(number, "roles") { d in
      [
        roleGrants(d), claims(d), grantVersion(d), "INSERT INTO roost_grant_version VALUES (1, 0)",
        adminClaims(d),
      ]
    }
  }

  /// The step by which processes find the sessions that others have ended, as number `number` of the
  /// history.
  package static func endedSessions(_ number: Int) -> Migration {
    Migration(number, "ended sessions") { _ in
      [
        """
        CREATE INDEX roost_session_revoked ON roost_session (revoked_at)
          WHERE revoked_at IS NOT NULL
        """
      ]
    }
  }

  private static func users(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_user (
      id \(d.id) NOT NULL PRIMARY KEY\(d.sixteenBytes("id")),
      email \(d.text),
      password_hash \(d.text),
      anonymous \(d.integer) NOT NULL CHECK (anonymous IN (0, 1)),
      created_at \(d.integer) NOT NULL,
      updated_at \(d.integer) NOT NULL,
      deleted_at \(d.integer)
    )\(d.keyed)
    """
  }

  private static let usersByEmail: SQL = """
    CREATE UNIQUE INDEX roost_user_email ON roost_user (email)
      WHERE email IS NOT NULL AND deleted_at IS NULL
    """

  private static func sessions(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_session (
      id \(d.id) NOT NULL PRIMARY KEY\(d.sixteenBytes("id")),
      user_id \(d.id) NOT NULL,
      refresh_hash \(d.blob) NOT NULL CHECK (length(refresh_hash) = 32),
      previous_hash \(d.blob),
      created_at \(d.integer) NOT NULL,
      used_at \(d.integer) NOT NULL,
      revoked_at \(d.integer),
      address \(d.text) NOT NULL,
      user_agent \(d.text)
    )\(d.keyed)
    """
  }

  private static let sessionsByUser: SQL =
    "CREATE INDEX roost_session_user ON roost_session (user_id, used_at)"

  private static func keys(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_key (
      id \(d.text) NOT NULL PRIMARY KEY,
      purpose \(d.text) NOT NULL CHECK (purpose IN ('access', 'cursor')),
      secret \(d.blob) NOT NULL CHECK (length(secret) = 32),
      created_at \(d.integer) NOT NULL,
      retired_at \(d.integer)
    )\(d.keyed)
    """
  }

  private static func roleGrants(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_role_grant (
      user_id \(d.id) NOT NULL,
      role \(d.text) NOT NULL,
      granted_by \(d.id),
      granted_at \(d.integer) NOT NULL,
      PRIMARY KEY (user_id, role)
    )\(d.keyed)
    """
  }

  private static func claims(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_claim (
      user_id \(d.id) NOT NULL,
      claim \(d.text) NOT NULL,
      granted_by \(d.id),
      granted_at \(d.integer) NOT NULL,
      PRIMARY KEY (user_id, claim)
    )\(d.keyed)
    """
  }

  /// One row: counted up with every change of the two, for who keeps them in memory.
  private static func grantVersion(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_grant_version (
      id \(d.integer) NOT NULL PRIMARY KEY CHECK (id = 1),
      version \(d.integer) NOT NULL
    )\(d.numbered)
    """
  }

  /// The one-time claims that made administrators, so that none works twice.
  private static func adminClaims(_ d: Dialect) -> SQL {
    """
    CREATE TABLE roost_admin_claim (
      digest \(d.blob) NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
      user_id \(d.id) NOT NULL,
      used_at \(d.integer) NOT NULL
    )\(d.keyed)
    """
  }
}
