import Queries
import RoostCore
package import Rules
package import Schema

/// A stream as its holders find it: where it ends, and how far back it tells of what went.
package struct StreamHead: Sendable, Equatable {
  /// The stream's number, never given to another one.
  package let stream: Int64
  package let scope: ScopeConjunction
  package let tier: SyncPolicy.Tier
  /// The sequence of the last entry; 0 while it never had one.
  package let sequence: Int64
  /// The sequence of the last entry that took a row out of sight, or in a slower tier a field of one.
  package let removal: Int64
  /// Removals up to here are purged: who is behind it cannot be told of them one by one.
  package let floor: Int64

  init(
    stream: Int64, scope: ScopeConjunction, tier: SyncPolicy.Tier, sequence: Int64, removal: Int64,
    floor: Int64
  ) {
    self.stream = stream
    self.scope = scope
    self.tier = tier
    self.sequence = sequence
    self.removal = removal
    self.floor = floor
  }

  fileprivate init?(_ row: any Row) {
    guard let scope = ScopeConjunction(text: row.text(1)),
      let tier = SyncPolicy.Tier(rawValue: row.text(2))
    else { return nil }
    stream = row.int64(0)
    self.scope = scope
    self.tier = tier
    sequence = row.int64(3)
    removal = row.int64(4)
    floor = row.int64(5)
  }
}

/// Finds the streams of a caller.
enum StreamHeads {
  /// The heads of all streams that `held` holds, in the order of their numbers.
  ///
  /// Streams of one atom are found by their text. The others are found by the atom that fewest callers
  /// hold, under which `StreamAtoms` keeps them.
  static func held(_ held: HeldScopes, in reader: any Reader) async throws -> [StreamHead] {
    var heads: [StreamHead] = []
    var rest = held.atoms.map(\.text)[...]
    while !rest.isEmpty {
      let group = rest.prefix(PaddedList.largest)
      rest = rest.dropFirst(PaddedList.largest)
      let values = PaddedList.padded(group.map { Value.text($0) })
      try await reader.query(single[reader.dialect, values.count], values) { row in
        if let head = StreamHead(row) { heads.append(head) }
        return true
      }
      try await reader.query(joined[reader.dialect, values.count], values) { row in
        if let head = StreamHead(row), held.holds(head.scope) { heads.append(head) }
        return true
      }
    }
    // A value that fills a list up may find its stream again.
    var found: [StreamHead] = []
    for head in heads.sorted(by: { $0.stream < $1.stream }) where head.stream != found.last?.stream
    {
      found.append(head)
    }
    return found
  }

  private static let columns: SQL = "h.stream, h.scope, h.tier, h.seq, h.removal_seq, h.gc_floor"

  private static let single = PaddedStatement { dialect, count in
    """
    SELECT \(columns) FROM \(dialect.each(count)) roost_scope_head h \
    WHERE h.scope \(dialect.isOfEach(count))
    """
  }
  private static let joined = PaddedStatement { dialect, count in
    """
    SELECT \(columns) FROM \(dialect.each(count)) roost_scope_atom a \
    CROSS JOIN roost_scope_head h WHERE a.atom \(dialect.isOfEach(count)) AND h.stream = a.stream
    """
  }
}
