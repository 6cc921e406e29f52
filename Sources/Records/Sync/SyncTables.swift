package import Queries
import RoostCore

/// The tables of what devices push: where each of their lanes stands, what became of each mutation,
/// and what a person has to decide.
package enum SyncTables {
  /// The step that makes them, as number `number` of the history.
  ///
  /// Mutations lie in the order in which they came, so that the oldest are found without an index of
  /// their times, and only the index of operations is written to in places that nobody foresees.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "sync") { d in
      [
        """
        CREATE TABLE roost_client (
          cid \(d.id) NOT NULL, lane \(d.text) NOT NULL, account \(d.id) NOT NULL,
          last_seq \(d.integer) NOT NULL, last_chain \(d.id) NOT NULL, schema \(d.text) NOT NULL,
          clock \(d.integer) NOT NULL, updated \(d.integer) NOT NULL,
          PRIMARY KEY (cid, lane)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_client_account ON roost_client (account)",
        """
        CREATE TABLE roost_mutation (
          number \(d.numberedKey), account \(d.id) NOT NULL, oid \(d.id) NOT NULL,
          cid \(d.id) NOT NULL, lane \(d.text) NOT NULL, seq \(d.integer) NOT NULL,
          chain \(d.id) NOT NULL, result \(d.text) NOT NULL, at \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        "CREATE UNIQUE INDEX roost_mutation_oid ON roost_mutation (oid, account)",
        """
        CREATE TABLE roost_conflict (
          id \(d.id) PRIMARY KEY, account \(d.id) NOT NULL, coll \(d.integer) NOT NULL,
          row_id \(d.id) NOT NULL, field \(d.integer) NOT NULL, base \(d.text), theirs \(d.text),
          mine \(d.text) NOT NULL, oid \(d.id) NOT NULL, state \(d.integer) NOT NULL,
          at \(d.integer) NOT NULL, resolved_at \(d.integer), resolution \(d.text)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_conflict_account ON roost_conflict (account, state)",
        "CREATE INDEX roost_conflict_open ON roost_conflict (coll) WHERE state = 0",
      ]
    }
  }

  /// The step by which a row that goes finds what is to be decided about it, as number `number` of the
  /// history; it serves counts of what is open as the index did that it replaces.
  package static func conflictsByRow(_ number: Int) -> Migration {
    Migration(number, "conflicts by row") { _ in
      [
        "CREATE INDEX roost_conflict_row ON roost_conflict (coll, row_id, id) WHERE state = 0",
        "DROP INDEX roost_conflict_open",
      ]
    }
  }

  // MARK: Lanes

  private static let laneColumns: SQL =
    "account, lane, last_seq, last_chain, clock, durable_seq, durable_chain"

  /// The lanes of a client of an account, as they stand.
  static let lanesOfAccount = Statement(
    """
    SELECT \(laneColumns) FROM roost_client \
    WHERE cid = \(SQL.placeholder) AND account = \(SQL.placeholder)
    """)

  /// The lanes of a client, locked in their order.
  static let lanes = DialectStatement { d in
    """
    SELECT \(laneColumns) FROM roost_client \
    WHERE cid = \(SQL.placeholder) ORDER BY lane\(d.forUpdate)
    """
  }

  /// Holds a client that has no row yet, where there are other writers.
  static let holdClient = DialectStatement { $0.lockOfText ?? "SELECT \(SQL.placeholder)" }

  static let putLane = Statement(
    """
    INSERT INTO roost_client \
    (cid, lane, account, last_seq, last_chain, schema, clock, updated) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (cid, lane) DO UPDATE SET last_seq = excluded.last_seq, \
    last_chain = excluded.last_chain, schema = excluded.schema, clock = excluded.clock, \
    updated = excluded.updated
    """)

  // MARK: Mutations

  /// The mutations among some operations, whosever they are.
  static let mutations = PaddedStatement { _, count in
    """
    SELECT oid, cid, lane, seq, chain, \(SealedColumn.openedIfSealed("result")), account \
    FROM roost_mutation \
    WHERE oid IN (\(PaddedList.placeholders(count)))
    """
  }

  static let putMutations = WideInsert(
    into: "roost_mutation",
    columns: ["account", "oid", "cid", "lane", "seq", "chain", "result", "at"])

  static let removeMutation = Statement(
    "DELETE FROM roost_mutation WHERE oid = \(SQL.placeholder) AND account = \(SQL.placeholder)")

  /// Removes the oldest mutations, a few at a time, as long as they are old enough.
  static let removeMutations = Statement(
    """
    DELETE FROM roost_mutation WHERE number IN (\
    SELECT number FROM roost_mutation ORDER BY number LIMIT \(SQL.placeholder)) \
    AND at < \(SQL.placeholder)
    """)

  // MARK: Conflicts

  static let putConflict = Statement(
    """
    INSERT INTO roost_conflict \
    (id, account, coll, row_id, field, base, theirs, mine, oid, state, at) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), 0, \(SQL.placeholder))
    """)

  static let conflict = Statement(
    """
    SELECT \(conflictColumns) FROM roost_conflict \
    WHERE id = \(SQL.placeholder) AND account = \(SQL.placeholder)
    """)

  /// The same, held until the commit: behind the row that it is about, as a delete holds them.
  static let heldConflict = DialectStatement { d in
    """
    SELECT \(conflictColumns) FROM roost_conflict \
    WHERE id = \(SQL.placeholder) AND account = \(SQL.placeholder)\(d.forUpdate)
    """
  }

  static let openConflicts = Statement(
    """
    SELECT \(conflictColumns) FROM roost_conflict \
    WHERE account = \(SQL.placeholder) AND state = 0 ORDER BY at, id LIMIT \(SQL.placeholder)
    """)

  static let someConflicts = PaddedStatement { _, count in
    """
    SELECT \(conflictColumns) FROM roost_conflict WHERE id IN (\(PaddedList.placeholders(count)))
    """
  }

  /// Open conflicts of some rows of a collection, with their accounts, held until the commit; not
  /// more than so many at a time.
  static let conflictsOfRows = PaddedStatement { d, count in
    """
    SELECT id, account FROM roost_conflict WHERE coll = \(SQL.placeholder) AND state = 0 \
    AND row_id IN (\(PaddedList.placeholders(count))) ORDER BY id \
    LIMIT \(SQL.constant(conflictsAtOnce))\(d.forUpdate)
    """
  }

  /// Conflicts that one transaction ends.
  static let conflictsAtOnce: Int64 = 500

  /// Open conflicts behind a collection, row and id, whosever they are.
  static let conflictsBehind = Statement(
    """
    SELECT id, account, coll, row_id, field FROM roost_conflict \
    WHERE state = 0 AND (coll, row_id, id) > \
    (\(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ORDER BY coll, row_id, id LIMIT \(SQL.placeholder)
    """)

  /// Those among some conflicts that are open, with their accounts, held until the commit.
  static let openAmong = PaddedStatement { d, count in
    """
    SELECT id, account, coll, row_id, field FROM roost_conflict WHERE state = 0 \
    AND id IN (\(PaddedList.placeholders(count))) ORDER BY id\(d.forUpdate)
    """
  }

  /// Removes conflicts that were decided long ago, a few at a time.
  static let removeConflicts = Statement(
    """
    DELETE FROM roost_conflict WHERE id IN (SELECT id FROM roost_conflict \
    WHERE state = 1 AND resolved_at < \(SQL.placeholder) LIMIT \(SQL.placeholder))
    """)

  private static let conflictColumns: SQL = """
    id, coll, row_id, field, base, \(SealedColumn.openedIfSealed("theirs")), \
    \(SealedColumn.openedIfSealed("mine")), oid, state, at, resolved_at, \
    \(SealedColumn.openedIfSealed("resolution"))
    """

  static let resolve = Statement(
    """
    UPDATE roost_conflict SET state = 1, resolved_at = \(SQL.placeholder), \
    resolution = \(SQL.placeholder) WHERE id = \(SQL.placeholder)
    """)

  static let renewConflict = Statement(
    "UPDATE roost_conflict SET theirs = \(SQL.placeholder) WHERE id = \(SQL.placeholder)")

  static let countOpen = Statement("SELECT count(*) FROM roost_conflict WHERE state = 0")
}
