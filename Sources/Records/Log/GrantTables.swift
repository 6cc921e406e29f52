package import Queries
import Rules

/// The tables of who holds which scopes: `roost_grant` (an account holds a scope) and
/// `roost_scope_edge` (who holds the parent holds the child).
///
/// A grant or an edge stands there once for each row that gives it, so that it is held while any of
/// them does.
enum GrantTables {
  /// Writes what a row gives and no longer gives.
  static func apply(_ change: RowChange, in transaction: any Transaction) async throws {
    for contribution in change.moves.taken {
      try await transaction.post(
        contribution.isGrant ? takeGrant : takeEdge, values(contribution, of: change))
    }
    for contribution in change.moves.given {
      try await transaction.post(
        contribution.isGrant ? giveGrant : giveEdge, values(contribution, of: change))
    }
  }

  /// Writes all that a row gives, beside what is there.
  static func give(
    _ contributions: Set<ScopeContribution>, by row: RowImage, of collection: CompiledCollection,
    in transaction: any Transaction
  ) async throws {
    for contribution in contributions {
      try await transaction.post(
        contribution.isGrant ? giveGrant : giveEdge,
        contribution.values + [.int(collection.number), .uuid(row.id)])
    }
  }

  /// Removes all that rows of a collection give.
  static func clear(_ collection: CompiledCollection, in transaction: any Transaction) async throws
  {
    try await transaction.execute(
      "DELETE FROM roost_grant WHERE by_coll = \(collection.number)")
    try await transaction.execute(
      "DELETE FROM roost_scope_edge WHERE by_coll = \(collection.number)")
  }

  private static func values(
    _ contribution: ScopeContribution, of change: RowChange
  ) -> [Value] {
    contribution.values + [.int(change.collection.number), .uuid(change.id)]
  }

  private static let giveGrant = Statement(
    """
    INSERT INTO roost_grant ("user", scope, by_coll, by_id) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT DO NOTHING
    """)
  private static let takeGrant = Statement(
    """
    DELETE FROM roost_grant WHERE "user" = \(SQL.placeholder) AND scope = \(SQL.placeholder) \
    AND by_coll = \(SQL.placeholder) AND by_id = \(SQL.placeholder)
    """)
  private static let giveEdge = Statement(
    """
    INSERT INTO roost_scope_edge (parent, child, by_coll, by_id) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT DO NOTHING
    """)
  private static let takeEdge = Statement(
    """
    DELETE FROM roost_scope_edge WHERE parent = \(SQL.placeholder) AND child = \(SQL.placeholder) \
    AND by_coll = \(SQL.placeholder) AND by_id = \(SQL.placeholder)
    """)

  /// The scopes granted to an account, each with whether an edge leads on from it.
  static let granted = Statement(
    """
    SELECT g.scope, EXISTS (SELECT 1 FROM roost_scope_edge e WHERE e.parent = g.scope) \
    FROM roost_grant g WHERE g."user" = \(SQL.placeholder)
    """)

  /// The scopes granted to an account, and what follows from them over edges.
  static let held = Statement(
    """
    WITH RECURSIVE held (scope) AS (\
    SELECT scope FROM roost_grant WHERE "user" = \(SQL.placeholder) UNION \
    SELECT e.child FROM roost_scope_edge e JOIN held h ON e.parent = h.scope) \
    SELECT scope FROM held
    """)
}

extension ScopeContribution {
  fileprivate var isGrant: Bool {
    if case .grant = self { true } else { false }
  }

  fileprivate var values: [Value] {
    switch self {
    case .grant(let user, let scope): [.uuid(user), .text(scope.text)]
    case .edge(let parent, let child): [.text(parent.text), .text(child.text)]
    }
  }
}

extension RecordsMigrations {
  /// The step that makes the tables of masks, grants and edges, as number `number` of the history.
  package static func grants(_ number: Int) -> Migration {
    Migration(number, "masks, grants and edges") { d in
      [
        """
        CREATE TABLE roost_mask (
          number \(d.numberedKey), collection \(d.integer) NOT NULL, members \(d.text) NOT NULL,
          UNIQUE (collection, members)
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_grant (
          "user" \(d.id) NOT NULL, scope \(d.text) NOT NULL, by_coll \(d.integer) NOT NULL,
          by_id \(d.id) NOT NULL, PRIMARY KEY ("user", scope, by_coll, by_id)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_grant_scope ON roost_grant (scope)",
        """
        CREATE TABLE roost_scope_edge (
          parent \(d.text) NOT NULL, child \(d.text) NOT NULL, by_coll \(d.integer) NOT NULL,
          by_id \(d.id) NOT NULL, PRIMARY KEY (parent, child, by_coll, by_id)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_scope_edge_child ON roost_scope_edge (child)",
      ]
    }
  }
}
