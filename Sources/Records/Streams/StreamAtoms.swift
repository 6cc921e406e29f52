package import Queries
import Rules

/// By which atom a stream of several is found: `roost_scope_atom (atom, stream)`.
enum StreamAtoms {
  /// The atom of a conjunction that fewest callers hold, by its kind: a caller who holds the
  /// conjunction holds it, and few others look at the stream in vain.
  static func key(of scope: ScopeConjunction) -> Scope? {
    guard scope.atoms.count > 1 else { return nil }
    return scope.atoms.min { rank($0) < rank($1) }
  }

  private static func rank(_ atom: Scope) -> Int {
    switch atom {
    case .path: 0
    case .user: 1
    case .claim: 2
    case .role: 3
    case .anonymous: 4
    case .account: 5
    case .users: 6
    case .everyone: 7
    }
  }

  /// Notes a stream that was just made.
  static func note(
    _ stream: Int64, _ scope: ScopeConjunction, in transaction: any Transaction
  ) async throws {
    guard let atom = key(of: scope) else { return }
    try await transaction.post(insert, [.text(atom.text), .int(stream)])
  }

  /// Notes the streams that were made before there was this table, at the first start that has it.
  static func noteFormer(in transaction: any Transaction) async throws {
    let isDue = try await transaction.first("SELECT number FROM roost_stream_purge") {
      $0.int64(0) == RecordsMigrations.notNoted
    }
    guard isDue == true else { return }
    try await noteAll(in: transaction)
    try await transaction.execute("UPDATE roost_stream_purge SET number = 0")
  }

  /// Notes all streams that are not noted.
  static func noteAll(in transaction: any Transaction) async throws {
    let unnoted = try await transaction.all(
      """
      SELECT stream, scope FROM roost_scope_head WHERE scope LIKE '%&%' AND NOT EXISTS \
      (SELECT 1 FROM roost_scope_atom a WHERE a.stream = roost_scope_head.stream)
      """
    ) { (stream: $0.int64(0), scope: $0.text(1)) }
    for entry in unnoted {
      guard let scope = ScopeConjunction(text: entry.scope) else { continue }
      try await note(entry.stream, scope, in: transaction)
    }
  }

  private static let insert = Statement(
    """
    INSERT INTO roost_scope_atom (atom, stream) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder)) ON CONFLICT DO NOTHING
    """)
}

extension RecordsMigrations {
  /// The count of purges until the streams of before are noted.
  static let notNoted: Int64 = -1

  /// The step that makes the tables by which streams are found and trimmed, as number `number` of the
  /// history.
  package static func streams(_ number: Int) -> Migration {
    Migration(number, "streams") { d in
      [
        """
        CREATE TABLE roost_scope_atom (
          atom \(d.text) NOT NULL, stream \(d.integer) NOT NULL, PRIMARY KEY (atom, stream)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_scope_atom_stream ON roost_scope_atom (stream)",
        """
        CREATE TABLE roost_stream_mark (
          stream \(d.integer) NOT NULL, at \(d.integer) NOT NULL, seq \(d.integer) NOT NULL,
          PRIMARY KEY (stream, at)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_stream_mark_at ON roost_stream_mark (at)",
        """
        CREATE TABLE roost_sync_epoch (
          one \(d.integer) PRIMARY KEY CHECK (one = 1), epoch \(d.id) NOT NULL,
          since \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        "CREATE TABLE roost_stream_purge (number \(d.integer) NOT NULL)\(d.numbered)",
        "INSERT INTO roost_stream_purge (number) VALUES (\(notNoted))",
      ]
    }
  }
}
