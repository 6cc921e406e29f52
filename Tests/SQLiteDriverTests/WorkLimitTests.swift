import DriverConformance
import Queries
import RoostCore
import SQLiteDriver
import Testing

/// A body's queries end with the work that it allows, and go on when it allows more.
@Suite struct WorkLimitTests {
  private static func count(to number: Int64) -> SQL {
    """
    WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < \(number))
    SELECT count(*) FROM c
    """
  }

  /// What queries below, beyond and behind the limit give; nil for one that was ended.
  private static func queries(_ reader: any Reader) async throws -> [Int64?] {
    var found: [Int64?] = []
    func run(_ number: Int64) async throws {
      do {
        found.append(try await reader.first(count(to: number)) { $0.int64(0) })
      } catch is WorkSpent {
        found.append(nil)
      }
    }
    reader.limit(WorkLimit(milliseconds: 0, freeSteps: 20_000))
    try await run(10)
    try await run(9_000_000_000_000)
    try await run(10)
    reader.limit(nil)
    try await run(50_000)
    return found
  }

  @Test(arguments: [false, true])
  func queriesBeyondTheLimitEnd(isWrite: Bool) async throws {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    let found =
      isWrite
      ? try await database.write { try await WorkLimitTests.queries($0) }
      : try await database.read(.snapshot) { try await WorkLimitTests.queries($0) }
    #expect(found == [10, nil, nil, 50_000])
    // The next body has no limit.
    #expect(try await database.integers("SELECT 1") == [1])
    await database.close()
  }

  @Test func whatIsBelowTheFreeStepsIsNotEndedWhateverItTakes() async throws {
    let folder = TemporaryFolder()
    let database = try SQLiteDatabase.open(folder.configuration(), ambient: quiet)
    let found = try await database.read(.statement) { reader in
      reader.limit(WorkLimit(milliseconds: 0, freeSteps: 100_000_000))
      return try await reader.first(WorkLimitTests.count(to: 50_000)) { $0.int64(0) }
    }
    #expect(found == 50_000)
    await database.close()
  }
}
