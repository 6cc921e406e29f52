package import Queries

/// The tables that Records keeps for itself; see `docs/guides/operating.md` for what each holds.
package enum RecordsMigrations {
  /// All steps, numbered for a database that holds records and nothing else.
  package static let all: [Migration] =
    first + [
      streamRules(first.count + 1), ReceiptTable.migration(first.count + 2),
      search(first.count + 3), grants(first.count + 4),
    ]

  /// The step that makes the table of what decides in which streams the rows of each collection
  /// stand, as number `number` of the history.
  package static func streamRules(_ number: Int) -> Migration {
    Migration(
      number, "stream rules",
      [
        """
        CREATE TABLE roost_stream_rules (
          collection INTEGER PRIMARY KEY, signature TEXT NOT NULL
        ) STRICT
        """
      ])
  }

  /// The steps that the history begins with.
  package static let first: [Migration] = [
    Migration(
      1, "catalogue",
      [
        """
        CREATE TABLE roost_collection (
          number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, type_name TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE roost_field (
          collection INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
          type TEXT NOT NULL, required INTEGER NOT NULL,
          PRIMARY KEY (collection, number), UNIQUE (collection, name)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE roost_index (
          name TEXT PRIMARY KEY, collection INTEGER NOT NULL, definition TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
      ]),
    Migration(
      2, "log and stream index",
      [
        """
        CREATE TABLE roost_log (
          partition INTEGER NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL,
          collection INTEGER NOT NULL, id BLOB NOT NULL, kind INTEGER NOT NULL,
          version INTEGER NOT NULL, actor BLOB, mutation TEXT,
          PRIMARY KEY (partition, position)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE roost_log_head (
          partition INTEGER PRIMARY KEY, position INTEGER NOT NULL
        ) STRICT
        """,
        "INSERT INTO roost_log_head (partition, position) VALUES (0, 0)",
        """
        CREATE TABLE roost_scope_head (
          stream INTEGER PRIMARY KEY, scope TEXT NOT NULL, tier TEXT NOT NULL,
          seq INTEGER NOT NULL, removal_seq INTEGER NOT NULL, gc_floor INTEGER NOT NULL,
          UNIQUE (scope, tier)
        ) STRICT
        """,
        """
        CREATE TABLE roost_scope_row (
          stream INTEGER NOT NULL, coll INTEGER NOT NULL, id BLOB NOT NULL, seq INTEGER NOT NULL,
          rv INTEGER NOT NULL, mask INTEGER NOT NULL, kind INTEGER NOT NULL,
          PRIMARY KEY (stream, coll, id)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX roost_scope_row_seq ON roost_scope_row (stream, seq)",
      ]),
    Migration(
      3, "followers",
      [
        """
        CREATE TABLE roost_follower (
          name TEXT NOT NULL, partition INTEGER NOT NULL, position INTEGER NOT NULL,
          PRIMARY KEY (name, partition)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE roost_collection_count (
          collection INTEGER PRIMARY KEY, live INTEGER NOT NULL
        ) STRICT
        """,
      ]),
  ]
}
