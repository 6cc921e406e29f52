package import Queries

/// The tables of the keys of sealed values.
package enum DataKeyTable {
  /// The step that makes them, as number `number` of the history.
  ///
  /// `wrapped` begins with the id of the master key that wrapped it; a key that was destroyed has `-`
  /// there. `roost_master_key` holds what a key management service made, as it sealed it.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "data keys") { d in
      [
        """
        CREATE TABLE roost_data_key (
          id \(d.text) PRIMARY KEY, scope \(d.text) NOT NULL, wrapped \(d.text) NOT NULL,
          state \(d.integer) NOT NULL, created_at \(d.integer) NOT NULL
        )\(d.keyed)
        """,
        """
        CREATE UNIQUE INDEX roost_data_key_current ON roost_data_key (scope) WHERE state = 1
        """,
        "CREATE INDEX roost_data_key_scope ON roost_data_key (scope)",
        "CREATE INDEX roost_data_key_master ON roost_data_key (substr(wrapped, 1, 16))",
        """
        CREATE TABLE roost_master_key (
          id \(d.text) PRIMARY KEY, sealed \(d.text) NOT NULL, service_key \(d.text) NOT NULL,
          created_at \(d.integer) NOT NULL
        )\(d.keyed)
        """,
      ]
    }
  }

  /// The ids of the master keys that wrapped data keys: a step in the index for each of them, however
  /// many people there are.
  package static func masters(in reader: any Reader) async throws -> [String] {
    var ids: [String] = []
    // Digits come behind what stands in the place of a key that was destroyed.
    var last = destroyed
    while let next = try await next(after: last, in: reader) {
      ids.append(next)
      last = next
    }
    return ids
  }

  private static func next(after id: String, in reader: any Reader) async throws -> String? {
    try await reader.first(
      """
      SELECT substr(wrapped, 1, 16) FROM roost_data_key WHERE substr(wrapped, 1, 16) > \(id) \
      ORDER BY substr(wrapped, 1, 16) LIMIT 1
      """
    ) { $0.text(0) }
  }

  /// What a key is for.
  enum State {
    /// Opens what it sealed.
    static let former: Int64 = 0
    /// Seals too.
    static let current: Int64 = 1
    static let destroyed: Int64 = 2
  }

  /// What stands in the place of a key that was destroyed.
  static let destroyed = "-"

  /// The key that a scope seals with, which stays so until the commit.
  static let current = DialectStatement { d in
    """
    SELECT id, wrapped FROM roost_data_key \
    WHERE scope = \(SQL.placeholder) AND state = 1\(d.forShare)
    """
  }

  static let insert = Statement(
    """
    INSERT INTO roost_data_key (id, scope, wrapped, state, created_at) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), 1, \(SQL.placeholder)) \
    ON CONFLICT DO NOTHING
    """)

  static let find = Statement("SELECT wrapped FROM roost_data_key WHERE id = \(SQL.placeholder)")

  static let destroy = Statement(
    """
    UPDATE roost_data_key SET wrapped = '-', state = 2 \
    WHERE scope = \(SQL.placeholder) AND state < 2
    """)
}

/// How a column of sealed texts is read: each together with its key, so that it opens without
/// another statement.
enum SealedColumn {
  /// The wrapped key, a dot, and the sealed text; NULL stays NULL.
  ///
  /// The key is missing where nothing stands before the dot.
  static func opened(_ column: SQL) -> SQL {
    """
    coalesce((SELECT k.wrapped FROM roost_data_key AS k \
    WHERE k.id = substr(\(column), 2, 22)), '') || '.' || \(column)
    """
  }

  /// The same of a column in which a sealed text has a `$` before it, and others stand as they are.
  static func openedIfSealed(_ column: SQL) -> SQL {
    """
    CASE WHEN substr(\(column), 1, 1) = '$' THEN '$' || coalesce((\
    SELECT k.wrapped FROM roost_data_key AS k WHERE k.id = substr(\(column), 3, 22)), '') \
    || '.' || substr(\(column), 2) ELSE \(column) END
    """
  }
}
