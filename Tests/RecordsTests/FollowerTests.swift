import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    text: String
  }
  """

/// A follower that writes down each entry that it takes, and fails at those that it is told to.
private struct Recorder: Follower {
  let name = "recorder"
  let kinds: [Mutation.Kind] = [.create, .update, .delete]
  let poison = Mutexed()

  final class Mutexed: Sendable {
    let ids = Mutex<Set<UUID>>([])
  }
  struct Poisoned: Error, CustomStringConvertible {
    let description = "cannot take this"
  }

  func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    for entry in entries {
      try await transaction.execute(
        "INSERT INTO taken (id, kind) VALUES (\(entry.id), \(entry.kind.rawValue))")
      if poison.ids.withLock({ $0.contains(entry.id) }) { throw Poisoned() }
    }
    return entries.count
  }
}

@Suite struct FollowerTests {
  private func house() async throws -> (RecordsHouse, Recorder, FollowerRunner) {
    let house = try await RecordsHouse(schema)
    let id = house.database.dialect.id
    _ = try await house.database.write {
      try await $0.execute("CREATE TABLE taken (id \(id) NOT NULL, kind BIGINT NOT NULL)")
    }
    let follower = Recorder()
    let runner = FollowerRunner(
      follower, records: house.records, logger: Logger(level: .error, sink: Silence()), patience: 2)
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    return (house, follower, runner)
  }

  private func taken(_ house: RecordsHouse) async throws -> Int {
    Int(try await house.texts("SELECT count(*) FROM taken").first ?? "") ?? -1
  }

  private func status(_ follower: any Follower, _ house: RecordsHouse) async throws
    -> FollowerStatus
  {
    try await house.database.read(.snapshot) { try await FollowerStatus.read(follower, in: $0) }
  }

  /// Waits for a condition with a generous bound.
  private func wait(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<3000 {
      if try await condition() { return }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    Issue.record("waited in vain: \(what)")
  }

  @Test func lagIsTheAgeOfTheOldestChangeThatWasNotTaken() async throws {
    let (house, follower, runner) = try await house()
    let first = house.time.now()
    try await house.create("notes", ["text": "a"])
    house.time.advance(5000)
    try await house.create("notes", ["text": "b"])
    let behind = try await status(follower, house)
    #expect(behind.behind == 2)
    #expect(behind.waitingSince == first)
    #expect(behind.lagMilliseconds(at: house.time.now()) == 5000)
    runner.start()
    try await settle(follower, house)
    let after = try await status(follower, house)
    #expect(after.lagMilliseconds(at: house.time.now()) == 0)
    #expect(after.position == after.head)
    await runner.stop()
    await house.close()
  }

  @Test func anEntryThatFailsIsSetAsideWithItsReasonAndTheOthersGoOn() async throws {
    let (house, follower, runner) = try await house()
    var ids: [JSON] = []
    for number in 0..<40 {
      let note = try await house.create("notes", ["text": .string("\(number)")])
      ids.append(note["id"] ?? .null)
    }
    let bad = Set([7, 8, 31].map { RecordsHouse.uuid(ids[$0]) })
    follower.poison.ids.withLock { $0 = bad }
    runner.start()
    try await settle(follower, house)
    #expect(try await taken(house) == 37)
    let entries = try await house.database.read(.statement) {
      try await PoisonedEntry.all(of: "recorder", in: $0)
    }
    #expect(Set(entries.map(\.entry.id)) == bad)
    #expect(entries.allSatisfy { $0.reason == "cannot take this" && $0.attempts == 2 })
    #expect(try await status(follower, house).setAside == 3)
    // It goes on with what comes.
    try await house.create("notes", ["text": "later"])
    try await settle(follower, house)
    #expect(try await taken(house) == 38)
    // Tried again: those that go well now are taken once, the other one stays.
    let still = RecordsHouse.uuid(ids[31])
    follower.poison.ids.withLock { $0 = [still] }
    _ = try await house.database.write {
      try await PoisonedEntry.mark(of: "recorder", at: nil, in: $0)
    }
    runner.retry()
    try await wait("retried") { try await status(follower, house).setAside == 1 }
    #expect(try await taken(house) == 40)
    try await wait("failed again") {
      try await house.texts("SELECT attempts FROM roost_follower_poison") == ["3"]
    }
    _ = try await house.database.write {
      try await PoisonedEntry.drop(of: "recorder", at: nil, in: $0)
    }
    #expect(try await status(follower, house).setAside == 0)
    #expect(try await taken(house) == 40)
    await runner.stop()
    await house.close()
  }

  @Test func aReplayTakesEntriesAgainAlsoWhileTheFollowerRuns() async throws {
    let (house, follower, runner) = try await house()
    for _ in 0..<3 { try await house.create("notes", ["text": "a"]) }
    house.time.advance(10_000)
    let since = house.time.now()
    for _ in 0..<2 { try await house.create("notes", ["text": "b"]) }
    runner.start()
    try await settle(follower, house)
    #expect(try await taken(house) == 5)
    let records = house.records
    for (start, expected) in [(ReplayStart.beginning, 10), (.time(since), 12)] {
      _ = try await house.database.write {
        try await records.replay(follower, from: start, in: $0)
      }
      runner.wake()
      try await wait("\(start)") { try await taken(house) == expected }
    }
    // Behind all but the last entry of a part.
    let (part, end) = try await lastPart(house)
    let before = try #require(ReplayStart("\(part):\(end - 1)"))
    _ = try await house.database.write {
      try await records.replay(follower, from: before, in: $0)
    }
    runner.wake()
    try await wait("position") { try await taken(house) == 13 }
    let parts = house.database.dialect.partitions
    var refused = ["\(part):\(end + 1)", "\(parts):1"]
    if parts > 1 { refused.append("1") } else { refused.append("6") }
    for text in refused {
      let start = try #require(ReplayStart(text))
      let beyond = await refusal {
        _ = try await house.database.write {
          try await records.replay(follower, from: start, in: $0)
        }
      }
      #expect(beyond?.code == .invalid, "\(text)")
    }
    await runner.stop()
    #expect(try await taken(house) == 13)
    await house.close()
  }

  @Test func aReplayWaitsForTheBatchThatAnotherProcessIsAt() async throws {
    let (house, follower, runner) = try await house()
    guard house.database.dialect.hasOtherWriters else { return await house.close() }
    try await house.create("notes", ["text": "a"])
    runner.start()
    try await settle(follower, house)
    await runner.stop()
    let records = house.records
    let (held, holds) = AsyncStream.makeStream(of: Void.self)
    async let batch = house.database.write { transaction in
      try await transaction.execute(
        """
        SELECT partition FROM roost_follower WHERE name = \("recorder") \
        ORDER BY partition\(transaction.dialect.forUpdate)
        """)
      holds.finish()
      try await transaction.execute("SELECT pg_sleep(0.3)")
    }
    for await _ in held {}
    let place = try await house.database.write {
      try await records.replay(follower, from: .beginning, in: $0)
    }
    _ = try await batch
    #expect(place == 0)
    await house.close()
  }

  @Test func aReplayFromWhatWasTrimmedIsRefusedAndSoIsOneThatWouldAddUp() async throws {
    let (house, follower, runner) = try await house()
    runner.start()
    for _ in 0..<4 { try await house.create("notes", ["text": "a"]) }
    try await settle(follower, house)
    let early = house.time.now()
    house.time.advance(RecordStore.logKeptMilliseconds + 1000)
    try await house.create("notes", ["text": "b"])
    try await settle(follower, house)
    let records = house.records
    // What has nothing to do writes its place down in its own time.
    try await wait("trimmed") {
      try await records.trimLog(followers: [follower.name])
      return try await house.texts("SELECT count(*) FROM roost_log") == ["1"]
    }
    let late = await refusal {
      _ = try await house.database.write {
        try await records.replay(follower, from: .time(early), in: $0)
      }
    }
    #expect(late?.detail.contains("trimmed") == true)
    let counter = await refusal {
      _ = try await house.database.write {
        try await records.replay(CollectionCounter(), from: .beginning, in: $0)
      }
    }
    #expect(counter?.detail.contains("adds up") == true)
    _ = try await house.database.write {
      try await records.replay(follower, from: .beginning, in: $0)
    }
    runner.wake()
    try await wait("the rest") { try await taken(house) == 6 }
    await runner.stop()
    await house.close()
  }

  // MARK: Several processes

  /// The last part of the log that holds anything, and where it ends.
  private func lastPart(_ house: RecordsHouse) async throws -> (part: Int64, end: Int64) {
    let texts = try await house.texts(
      """
      SELECT partition || ' ' || position FROM roost_log_head WHERE position > 0 \
      ORDER BY partition DESC LIMIT 1
      """)
    let numbers = texts.first?.split(separator: " ").compactMap { Int64($0) } ?? []
    try #require(numbers.count == 2)
    return (numbers[0], numbers[1])
  }

  @Test func oneOfSeveralSetAsideEntriesIsNamedByItsPartAndPosition() async throws {
    let (house, follower, runner) = try await house()
    let dialect = house.database.dialect
    // Where the log has parts they stand in 1, 2 and 3, each at the first position.
    let ids = (1...3).map { "01900000-0000-7000-8000-00000000000\($0)" }
    follower.poison.ids.withLock { $0 = Set(ids.map { RecordsHouse.uuid(.string($0)) }) }
    for id in ids { try await house.create("notes", ["id": .string(id), "text": "a"]) }
    runner.start()
    try await settle(follower, house)
    await runner.stop()
    let entries = try await house.database.read(.snapshot) {
      try await PoisonedEntry.all(of: "recorder", in: $0)
    }
    let places = entries.map { $0.place(dialect) }
    #expect(Set(places) == (dialect == .sqlite ? ["1", "2", "3"] : ["1:1", "2:1", "3:1"]))
    let shown = entries.map { $0.json(house.records.catalogue, dialect)["position"] }
    #expect(shown == (dialect == .sqlite ? [1, 2, 3] : ["1:1", "2:1", "3:1"]))
    func drop(_ text: String) async throws -> Int {
      let place = try #require(EntryPlace(text))
      return try await house.database.write {
        try await PoisonedEntry.drop(of: "recorder", at: place, in: $0)
      }
    }
    if dialect == .sqlite {
      #expect(try await drop("9") == 0)
      #expect(try await drop("1") == 1)
      #expect(try await drop("0:2") == 1)
    } else {
      // Each of three stands at position 1.
      let plain = await refusal { _ = try await drop("1") }
      #expect(plain?.issues.first?.code == "ambiguous")
      #expect(try await drop("4:1") == 0)
      #expect(try await drop("1:1") == 1)
      #expect(try await drop("2:1") == 1)
    }
    let unknown = await refusal { _ = try await drop("\(dialect.partitions):1") }
    #expect(unknown?.issues.first?.code == "range")
    let left = try await house.database.read(.snapshot) {
      try await PoisonedEntry.all(of: "recorder", in: $0)
    }
    #expect(left.map { $0.place(dialect) } == [places.last])
    await house.close()
  }

  @Test(arguments: [
    ("0", nil, 0), ("120", nil, 120), ("3:120", 3, 120), ("15:9223372036854775807", 15, .max),
  ])
  func aPlaceIsReadAsItIsShown(_ text: String, _ part: Int64?, _ position: Int64) {
    #expect(EntryPlace(text) == EntryPlace(partition: part, position: position))
    #expect(EntryPlace(text)?.text == text)
  }

  @Test(arguments: [
    "", ":", "3:", ":3", "-1", "+1", "3:-1", "1:2:3", "a", "1 ", "9223372036854775808", "1.0", "٣",
  ])
  func whatIsNoPlaceIsRefused(_ text: String) {
    #expect(EntryPlace(text) == nil)
  }

  /// Another process's runner over the same records, and what it logs.
  private func runner(
    _ follower: any Follower, _ house: RecordsHouse
  ) -> (FollowerRunner, Lines) {
    let lines = Lines()
    let runner = FollowerRunner(
      follower, records: house.records, logger: Logger(level: .warning, sink: lines), patience: 2)
    house.recorder.onCommit { [weak runner] in runner?.wake() }
    return (runner, lines)
  }

  @Test func aProcessOfAnOlderSchemaMovesNoPlace() async throws {
    let (house, follower, first) = try await house()
    let bad = RecordsHouse.uuid(try await house.create("notes", ["text": "a"])["id"])
    follower.poison.ids.withLock { $0 = [bad] }
    first.start()
    try await settle(follower, house)
    await first.stop()
    let place = try await house.texts("SELECT sum(position) FROM roost_follower")
    follower.poison.ids.withLock { $0 = [] }
    _ = try await house.database.write {
      _ = try await PoisonedEntry.mark(of: "recorder", at: nil, in: $0)
      return try await $0.execute("UPDATE roost_generation SET generation = generation + 1")
    }
    for _ in 0..<3 { try await house.create("notes", ["text": "b"]) }
    let (old, lines) = runner(follower, house)
    old.start()
    try await wait("it rests") { lines.count(of: "rests") == 1 }
    old.retry()
    await old.stop()
    #expect(try await taken(house) == 0)
    #expect(try await status(follower, house).setAside == 1)
    #expect(try await house.texts("SELECT sum(position) FROM roost_follower") == place)
    // The same process, while what it started with is the newest, goes on where it was.
    _ = try await house.database.write {
      try await $0.execute("UPDATE roost_generation SET generation = generation - 1")
    }
    let (young, others) = runner(follower, house)
    young.start()
    try await settle(follower, house)
    await young.stop()
    #expect(try await taken(house) == 4)
    #expect(others.count(of: "rests") == 0)
    await house.close()
  }

  @Test func aRetryIsDoneOnceAlsoByTwoProcesses() async throws {
    let (house, follower, first) = try await house()
    var ids: Set<UUID> = []
    for _ in 0..<3 {
      ids.insert(RecordsHouse.uuid(try await house.create("notes", ["text": "a"])["id"]))
    }
    follower.poison.ids.withLock { $0 = ids }
    first.start()
    try await settle(follower, house)
    #expect(try await status(follower, house).setAside == 3)
    await first.stop()
    follower.poison.ids.withLock { $0 = [] }
    _ = try await house.database.write {
      try await PoisonedEntry.mark(of: "recorder", at: nil, in: $0)
    }
    let runners = [runner(follower, house).0, runner(follower, house).0]
    for runner in runners { runner.start() }
    try await wait("retried") { try await status(follower, house).setAside == 0 }
    for runner in runners { await runner.stop() }
    #expect(try await taken(house) == 3)
    await house.close()
  }
}

/// Lines of a log.
private final class Lines: LogSink {
  private let all = Mutex<[String]>([])
  func write(_ line: [UInt8]) { all.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
  func count(of part: String) -> Int { all.withLock { $0.count { $0.contains(part) } } }
}
