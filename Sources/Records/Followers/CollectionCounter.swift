package import Queries

/// Keeps the number of live records of each collection, for `count=estimated`.
package struct CollectionCounter: Follower {
  package let name = "collection-counter"

  package let kinds: [Mutation.Kind] = [.create, .delete]

  /// A record that is counted twice is one too many.
  package let isReplayable = false

  package init() {}

  package func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    var deltas: [Int64: Int64] = [:]
    for entry in entries {
      switch entry.kind {
      case .create: deltas[entry.collection, default: 0] += 1
      case .delete: deltas[entry.collection, default: 0] -= 1
      case .update: break
      }
    }
    for (collection, delta) in deltas.sorted(by: { $0.key < $1.key }) where delta != 0 {
      try await transaction.execute(
        CollectionCounter.add, [.int(collection), .int(delta)])
    }
    return entries.count
  }

  static let read = Statement(
    "SELECT live FROM roost_collection_count WHERE collection = \(SQL.placeholder)")
  private static let add = Statement(
    """
    INSERT INTO roost_collection_count (collection, live) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (collection) DO UPDATE SET live = roost_collection_count.live + excluded.live
    """)
}
