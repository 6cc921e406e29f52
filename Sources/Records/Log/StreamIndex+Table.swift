import Queries

extension StreamIndex {
  /// The step that makes the table anew with shorter entries, as number `number` of the history.
  static func migration(_ number: Int) -> Migration {
    Migration(number, "short stream index") { d in
      let former: SQL = "ALTER TABLE roost_scope_row RENAME TO roost_scope_row_former"
      let drop: SQL = "DROP TABLE roost_scope_row_former"
      guard liesByStream(d) else {
        // In the order that leaves nothing between the columns.
        return [
          "LOCK TABLE roost_scope_row IN ACCESS EXCLUSIVE MODE", former,
          """
          CREATE TABLE roost_scope_row (
            seq bigint NOT NULL, rv bigint NOT NULL, id uuid NOT NULL, stream integer NOT NULL,
            coll smallint NOT NULL, kind smallint NOT NULL, mask integer, crowded smallint
          )
          """,
          """
          INSERT INTO roost_scope_row (seq, rv, id, stream, coll, kind, mask)
          SELECT seq, rv, id, stream, coll, kind, nullif(mask, 0)
          FROM roost_scope_row_former ORDER BY stream, seq
          """,
          drop,
          """
          ALTER TABLE roost_scope_row ADD CONSTRAINT roost_scope_row_pkey
          PRIMARY KEY (stream, coll, id)
          """,
          // Streams grow at their ends alone, where a page that is split is left full.
          """
          CREATE UNIQUE INDEX roost_scope_row_seq ON roost_scope_row (stream, seq)
          WITH (fillfactor = 100)
          """,
        ]
      }
      return [
        former,
        """
        CREATE TABLE roost_scope_row (
          stream INTEGER NOT NULL, seq INTEGER NOT NULL, coll INTEGER NOT NULL, id BLOB NOT NULL,
          rv INTEGER NOT NULL, mask INTEGER, kind INTEGER NOT NULL, crowded INTEGER,
          PRIMARY KEY (stream, seq)
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO roost_scope_row (stream, seq, coll, id, rv, mask, kind, crowded)
        SELECT stream, seq, coll, id, rv, nullif(mask, 0), kind,
        CASE WHEN id <> min(id) OVER (PARTITION BY substr(id, 2, 9)) THEN 1 END
        FROM roost_scope_row_former ORDER BY stream, seq
        """,
        drop,
        """
        CREATE INDEX roost_scope_row_id ON roost_scope_row (
          CASE WHEN crowded IS NULL THEN substr(id, 2, 9) ELSE id END
        )
        """,
      ]
    }
  }

  /// The step that has PostgreSQL find entries by numbers of rows and by stretches of streams, as
  /// number `number` of the history.
  static func numbersMigration(_ number: Int) -> Migration {
    Migration(number, "numbers in the stream index") { d in
      let directory: SQL = """
        CREATE TABLE roost_scope_crowd (
          stream \(d.integer) NOT NULL, coll \(d.integer) NOT NULL, id \(d.id) NOT NULL,
          crowded \(d.integer) NOT NULL, PRIMARY KEY (stream, coll, id)
        )\(d.keyed)
        """
      // SQLite marks its crowded entries in themselves, and this table stays empty there.
      guard !liesByStream(d) else { return [directory] }
      return [
        "LOCK TABLE roost_scope_row IN ACCESS EXCLUSIVE MODE", directory,
        // A server of before names the key that goes: it is to write nothing more, or it would give
        // changes of devices up after a while as its own fault.
        "UPDATE roost_generation SET generation = generation + 1",
        // Marks of SQLite's, which a move may have brought along, mean other rows.
        "UPDATE roost_scope_row SET crowded = NULL WHERE crowded IS NOT NULL",
        "ALTER TABLE roost_scope_row DROP CONSTRAINT roost_scope_row_pkey",
        "DROP INDEX roost_scope_row_seq",
        // Of rows that are of one number all but one are told apart by the place among them, from a
        // start that nobody foresees who makes ids up. Those who are more than places come to be of
        // different numbers by their ids, as these are of one number by another place.
        """
        INSERT INTO roost_scope_crowd (stream, coll, id, crowded)
        SELECT stream, coll, id,
        1 + (place + (SELECT floor(random() * 30000)::integer)) % 30000 FROM (
          SELECT r.stream, r.coll, r.id, row_number() OVER (
            PARTITION BY several.number ORDER BY r.stream, r.coll, r.id
          ) AS place FROM (
            SELECT \(StreamIndex.number(of: "s")) AS number FROM roost_scope_row s
            GROUP BY 1 HAVING count(*) > 1
          ) AS several JOIN roost_scope_row r ON \(StreamIndex.number(of: "r")) = several.number
        ) AS n WHERE place > 1
        """,
        """
        UPDATE roost_scope_row SET crowded = c.crowded FROM roost_scope_crowd c
        WHERE c.stream = roost_scope_row.stream AND c.coll = roost_scope_row.coll
        AND c.id = roost_scope_row.id
        """,
        "CREATE UNIQUE INDEX roost_scope_row_id ON roost_scope_row ((\(StreamIndex.key)))",
        // Streams grow at their ends alone, where a page that is split is left full. One entry of
        // this index points to all of a stretch, which takes PostgreSQL 13.
        """
        CREATE INDEX roost_scope_row_seq ON roost_scope_row (stream, (\(stretch(of: "seq"))))
        WITH (fillfactor = 100)
        """,
      ]
    }
  }

  /// The step that mends what the one of the numbers made of marks that a move had brought along, as
  /// number `number` of the history.
  ///
  /// Such an entry was not found by its row: the next write made a second one beside it, and this one
  /// stayed in its stream. The rows of those collections are put into their streams once more.
  static func marksMigration(_ number: Int) -> Migration {
    Migration(number, "marks in the stream index") { d in
      guard !liesByStream(d) else { return [] }
      let isMade: SQL = """
        r.crowded IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM roost_scope_crowd c WHERE c.stream = r.stream AND c.coll = r.coll
          AND c.id = r.id AND c.crowded = r.crowded
        )
        """
      let isSecond = isEntry("e", of: "r.id", in: "r.coll", at: "r.stream", d)
      return [
        "LOCK TABLE roost_scope_row IN SHARE ROW EXCLUSIVE MODE",
        """
        UPDATE roost_stream_rules SET signature = ''
        WHERE collection IN (SELECT r.coll FROM roost_scope_row r WHERE \(isMade))
        """,
        """
        DELETE FROM roost_scope_row r
        WHERE \(isMade) AND EXISTS (SELECT 1 FROM roost_scope_row e WHERE \(isSecond))
        """,
        // The others are found under the numbers that they have.
        """
        INSERT INTO roost_scope_crowd (stream, coll, id, crowded)
        SELECT r.stream, r.coll, r.id, r.crowded FROM roost_scope_row r WHERE \(isMade)
        """,
      ]
    }
  }
}
