import Queries
import Records
import RoostCore
import Synchronization
import Testing

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    text: String
  }
  type Rarity @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
  }
  """

/// A follower that keeps where each entry stood that it was shown.
private struct Watcher: Follower {
  let name: String
  let collections: [Int64]?
  let kinds: [Mutation.Kind] = [.create]
  let shown = Shown()

  final class Shown: Sendable {
    let batches = Mutex<[[EntryPlace]]>([])
  }
  struct EntryPlace: Equatable, Sendable {
    let partition: Int64
    let position: Int64
  }

  func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    let places = entries.map { EntryPlace(partition: $0.partition, position: $0.position) }
    shown.batches.withLock { $0.append(places) }
    return entries.count
  }
}

/// What a follower is shown of a log that is longer than it takes at once.
@Suite struct LogReadingTests {
  /// Changes of the log: two and a half times what a follower takes at once, in each part alike.
  private static let changes = 2_560
  /// Every so manieth change is one of the second collection.
  private static let rare = 40

  private func house() async throws -> RecordsHouse {
    let house = try await RecordsHouse(schema)
    let notes = house.collection("notes").number
    let rarities = house.collection("rarities").number
    let parts = Int64(house.database.dialect.partitions)
    _ = try await house.database.write { transaction in
      for number in 0..<Int64(LogReadingTests.changes) {
        let position = number / parts + 1
        let collection = position % Int64(LogReadingTests.rare) == 0 ? rarities : notes
        try await transaction.post(
          """
          INSERT INTO roost_log (partition, position, at, collection, id, kind, version)
          VALUES (\(number % parts), \(position), 0, \(collection), \(UUID.zero), \
          \(Mutation.Kind.create.rawValue), 1)
          """)
      }
      try await transaction.execute(
        "UPDATE roost_log_head SET position = \(Int64(LogReadingTests.changes) / parts)")
    }
    return house
  }

  @Test func everyEntryIsShownOnceAndInTheOrderOfItsPart() async throws {
    let house = try await house()
    let rarities = house.collection("rarities").number
    for (name, collections) in [("all", nil), ("rare", [rarities])] as [(String, [Int64]?)] {
      let follower = Watcher(name: name, collections: collections)
      let runner = FollowerRunner(
        follower, records: house.records, logger: Logger(level: .error, sink: Silence()))
      try await runner.runOnce()
      let batches = follower.shown.batches.withLock { $0 }
      #expect(batches.allSatisfy { $0.count <= 1000 }, "as many as it takes at once")
      let shown = batches.flatMap { $0 }
      let concerns = collections.map { collections -> SQL in
        "WHERE collection = \(collections[0])"
      }
      let expected = try await house.texts(
        """
        SELECT count(*) FROM roost_log \(concerns ?? .empty) GROUP BY partition ORDER BY partition
        """)
      let byPart = Dictionary(grouping: shown, by: \.partition)
      #expect(
        byPart.keys.sorted().map { "\(byPart[$0]?.count ?? 0)" } == expected,
        "\(name): no more, no less")
      for (partition, places) in byPart {
        let positions = places.map(\.position)
        #expect(
          zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 },
          "\(name): part \(partition) in order, nothing twice")
      }
      #expect(runner.position == Int64(LogReadingTests.changes), "\(name): all was looked at")
    }
    await house.close()
  }
}
