import Queries
import RoostCore

extension RecordStore {
  /// How long a search waits for the index, in milliseconds.
  package static let searchPatienceMilliseconds: UInt64 = 2000

  /// Returns when every write that was acknowledged before this call is found by a search of
  /// `collection`.
  ///
  /// Mostly that is at once, for one small read. Call it before the read that searches. Throws 503
  /// with `Retry-After` where the index is not in step within `patience` milliseconds: while it is
  /// being built after a change of the schema, and behind more writes than it can follow. (The
  /// alternative, an answer from what is indexed so far, would tell people that records are not there
  /// which are.)
  package func awaitSearch(
    _ collection: CompiledCollection, patience: UInt64 = searchPatienceMilliseconds
  ) async throws {
    let first = try await searchState(collection)
    if !first.isBuilding, search.covers(first.head) { return }
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .milliseconds(Int64(clamping: patience)))
    var isBuilding = first.isBuilding
    while true {
      if !isBuilding, search.covers(first.head) { return }
      let left = clock.now.duration(to: end) / .milliseconds(1)
      guard left >= 1 else { break }
      if isBuilding {
        // Nobody counts the pieces of a rebuild: look again in a moment.
        try await Task.sleep(nanoseconds: UInt64(min(left, 20) * 1_000_000))
        isBuilding = try await searchState(collection).isBuilding
      } else {
        await search.wait(for: first.head, milliseconds: UInt64(left))
      }
    }
    if isBuilding {
      throw RoostError(
        .overloaded,
        "The search index of \(collection.name) is being built; try again in a few seconds.",
        retryAfterSeconds: 5)
    }
    throw RoostError(
      .overloaded, "Search is behind with what was just written; try again in a second.",
      retryAfterSeconds: 1)
  }

  /// Reads a page by words.
  ///
  /// The index of words is kept by a follower; whoever has written finds it at once all the same. A
  /// copy of the database is asked whether its index has everything that the copy has; where that is
  /// not so the primary answers.
  func search(
    _ collection: CompiledCollection, _ consistency: ReadConsistency, from source: ReadSource,
    _ read: @escaping @Sendable (any Reader) async throws -> Page
  ) async throws -> Page {
    if case .tracked(let track) = source, database.hasReplicas {
      let number = collection.number
      do {
        return try await database.read(.snapshot, from: source) { reader in
          guard try await RecordStore.isIndexed(number, in: reader) else { throw IndexBehind() }
          return try await read(reader)
        }
      } catch is IndexBehind {
        track.pin()
      }
    }
    try await awaitSearch(collection)
    return try await database.read(consistency, from: source, read)
  }

  /// The index lacks something that is there.
  private struct IndexBehind: Error {}

  /// Whether the index has all records of a collection that the reader sees.
  private static func isIndexed(_ collection: Int64, in reader: any Reader) async throws -> Bool {
    let isBuilding = try await reader.first(
      "SELECT building FROM roost_search WHERE collection = \(collection)"
    ) { $0.bool(0) }
    guard isBuilding == false else { return false }
    let place = try await FollowerPlace.read(SearchIndexer.followerName, in: reader)
    return try await !LogEntry.isChanged(collection, behind: place, in: reader)
  }

  private func searchState(
    _ collection: CompiledCollection
  ) async throws -> (head: LogPlace, isBuilding: Bool) {
    let number = collection.number
    return try await database.read(.statement) { reader in
      var head = LogPlace.start
      var isBuilding = false
      try await reader.query(RecordStore.selectSearchState, [.int(number)]) { row in
        head.advance(row.int64(0), to: row.int64(1))
        isBuilding = row.bool(2)
        return true
      }
      return (head, isBuilding)
    }
  }

  private static let selectSearchState = Statement(
    """
    SELECT partition, position, \
    (SELECT building FROM roost_search WHERE collection = \(SQL.placeholder)) FROM roost_log_head
    """)
}
