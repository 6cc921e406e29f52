import Queries
import Records
import RoostCore

/// Records with the indexer running over them.
struct SearchHouse {
  let house: RecordsHouse
  private let runner: FollowerRunner

  init(_ schema: String, folder: String = RecordsHouse.folder(), runs: Bool = true) async throws {
    house = try await RecordsHouse(schema, folder: folder)
    runner = FollowerRunner(
      SearchIndexer(house.records), records: house.records, logger: Logger(level: .error))
    let runner = runner
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    if runs { runner.start() }
  }

  func close(keepingFolder: Bool = false) async {
    await runner.stop()
    await house.close(keepingFolder: keepingFolder)
  }

  /// The values of `field` of the records that are found, sorted.
  func found(
    _ text: String, in name: String = "notes", fields: [String]? = nil,
    showing field: String = "key"
  ) async throws -> [String] {
    let collection = house.collection(name)
    try await house.records.awaitSearch(collection, patience: 60_000)
    let indexes = fields?.compactMap { collection.index(of: $0) } ?? collection.searchableFields
    let condition = collection.searchCondition(try SearchQuery(text), fields: indexes)
    return try await house.texts(
      """
      SELECT \(identifier: field) FROM \(identifier: name) WHERE \(identifier: "deletedAt") IS NULL
      AND \(condition) ORDER BY 1
      """)
  }
}

/// Numbers that look random and are the same in each run (SplitMix64).
struct TestNumbers: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
