package import Queries

/// The tables that Records keeps for itself; see `docs/guides/operating.md` for what each holds.
package enum RecordsMigrations {
  /// All steps, numbered for a database that holds records and nothing else.
  package static let all: [Migration] =
    first + [
      streamRules(first.count + 1), ReceiptTable.migration(first.count + 2),
      search(first.count + 3), grants(first.count + 4), archive(first.count + 5),
      migrations(first.count + 6), derived(first.count + 7), migrationMarks(first.count + 8),
      SyncTables.migration(first.count + 9), streams(first.count + 10),
      DurableLanes.migration(first.count + 11), DataKeyTable.migration(first.count + 12),
      SyncTables.conflictsByRow(first.count + 13), shortStreamIndex(first.count + 14),
      numberedStreamIndex(first.count + 15), streamIndexMarks(first.count + 16),
    ]

  /// The step that makes the table of what `@retention(action: ARCHIVE)` took out of the collections,
  /// as number `number` of the history: each record whole, as JSON.
  package static func archive(_ number: Int) -> Migration {
    Migration(number, "archive") { d in
      [
        """
        CREATE TABLE roost_archive (
          collection \(d.integer) NOT NULL, id \(d.id) NOT NULL, archived_at \(d.integer) NOT NULL,
          record \(d.text) NOT NULL, PRIMARY KEY (collection, id)
        )\(d.keyed)
        """
      ]
    }
  }

  /// The step that makes the stream index anew, with shorter entries, as number `number` of the
  /// history.
  package static func shortStreamIndex(_ number: Int) -> Migration { StreamIndex.migration(number) }

  /// The step that has PostgreSQL find entries of the stream index by shorter keys, as number
  /// `number` of the history.
  package static func numberedStreamIndex(_ number: Int) -> Migration {
    StreamIndex.numbersMigration(number)
  }

  /// The step that mends marks in PostgreSQL's stream index, as number `number` of the history.
  package static func streamIndexMarks(_ number: Int) -> Migration {
    StreamIndex.marksMigration(number)
  }

  /// The step that makes the table of what decides in which streams the rows of each collection
  /// stand, as number `number` of the history.
  package static func streamRules(_ number: Int) -> Migration {
    Migration(number, "stream rules") { d in
      [
        """
        CREATE TABLE roost_stream_rules (
          collection \(d.integer) PRIMARY KEY, signature \(d.text) NOT NULL
        )\(d.numbered)
        """
      ]
    }
  }

  /// The steps that the history begins with.
  package static let first: [Migration] = [
    Migration(1, "catalogue") { d in
      [
        """
        CREATE TABLE roost_collection (
          number \(d.numberedKey), name \(d.text) NOT NULL UNIQUE, type_name \(d.text) NOT NULL
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_field (
          collection \(d.integer) NOT NULL, number \(d.integer) NOT NULL, name \(d.text) NOT NULL,
          type \(d.text) NOT NULL, required \(d.integer) NOT NULL,
          PRIMARY KEY (collection, number), UNIQUE (collection, name)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_index (
          name \(d.text) PRIMARY KEY, collection \(d.integer) NOT NULL, definition \(d.text) NOT NULL
        )\(d.keyed)
        """,
      ]
    },
    Migration(2, "log and stream index") { d in
      [
        """
        CREATE TABLE roost_log (
          partition \(d.integer) NOT NULL, position \(d.integer) NOT NULL, at \(d.integer) NOT NULL,
          collection \(d.integer) NOT NULL, id \(d.id) NOT NULL, kind \(d.integer) NOT NULL,
          version \(d.integer) NOT NULL, actor \(d.id), mutation \(d.text),
          PRIMARY KEY (partition, position)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_log_head (
          partition \(d.integer) PRIMARY KEY, position \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        "INSERT INTO roost_log_head (partition, position) VALUES \(LogPartition.heads(d))",
        """
        CREATE TABLE roost_scope_head (
          stream \(d.numberedKey), scope \(d.text) NOT NULL, tier \(d.text) NOT NULL,
          seq \(d.integer) NOT NULL, removal_seq \(d.integer) NOT NULL, gc_floor \(d.integer) NOT NULL,
          UNIQUE (scope, tier)
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_scope_row (
          stream \(d.integer) NOT NULL, coll \(d.integer) NOT NULL, id \(d.id) NOT NULL, seq \(d.integer) NOT NULL,
          rv \(d.integer) NOT NULL, mask \(d.integer) NOT NULL, kind \(d.integer) NOT NULL,
          PRIMARY KEY (stream, coll, id)
        )\(d.keyed)
        """,
        "CREATE UNIQUE INDEX roost_scope_row_seq ON roost_scope_row (stream, seq)",
      ]
    },
    Migration(3, "followers") { d in
      [
        """
        CREATE TABLE roost_follower (
          name \(d.text) NOT NULL, partition \(d.integer) NOT NULL, position \(d.integer) NOT NULL,
          PRIMARY KEY (name, partition)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_collection_count (
          collection \(d.integer) PRIMARY KEY, live \(d.integer) NOT NULL
        )\(d.numbered)
        """,
      ]
    },
  ]
}
