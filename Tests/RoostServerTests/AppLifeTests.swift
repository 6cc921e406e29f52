import Queries
import Records
import RoostCore
import RoostServer
import Synchronization
import Testing

/// A wall clock that tests move.
private final class MovedTime: TimeSource {
  private let milliseconds = Mutex<Int64>(1_760_000_000_000)
  func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
  func monotonicNanoseconds() -> UInt64 { UInt64(milliseconds.withLock { $0 }) * 1_000_000 }
  func advance(_ by: Int64) { milliseconds.withLock { $0 += by } }
}

/// Logs that are kept.
private final class KeptSink: LogSink {
  private let kept = Mutex("")
  var text: String { kept.withLock { $0 } }
  func write(_ line: [UInt8]) { kept.withLock { $0 += String(decoding: line, as: UTF8.self) } }
}

@Suite("The life of an app")
struct AppLifeTests {
  private static let schema = "type Tag @collection @allow(ops: [ALL]) { text: String }"

  /// Waits for a minute at most.
  private func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<6000 {
      if try await condition() { return true }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    return false
  }

  @Test("The log is trimmed though ended sessions cannot be removed")
  func housekeeping() async throws {
    let time = MovedTime()
    let house = try await ImportHouse(Self.schema, time: time)
    let app = house.app
    let tags = try #require(app.records.catalogue.collection(named: "tags"))
    _ = try await app.records.create(tags, ["text": "a"], by: .system)
    let log: SQL = "SELECT count(*) FROM roost_log"
    // Until the followers have passed it.
    #expect(
      try await eventually {
        try await house.rows(
          "SELECT count(*) FROM roost_follower WHERE position = 1", columns: 1) == ["4"]
      })
    time.advance(RecordStore.logKeptMilliseconds + 1)
    _ = try await app.database.write { transaction in
      try await transaction.execute("ALTER TABLE roost_session RENAME TO roost_lost")
    }
    let sink = KeptSink()
    let housekeeping = Housekeeping(
      accounts: app.accounts, records: app.records, queue: app.jobs.queue,
      logger: Logger(level: .warning, sink: sink))
    #expect(try await house.rows(log, columns: 1) == ["1"])
    await housekeeping.tidy()
    #expect(sink.text.contains("housekeeping failed"))
    #expect(sink.text.contains("accounts"))
    #expect(try await house.rows(log, columns: 1) == ["0"])
    await house.close()
  }

  @Test("A closed app is freed with all that it is made of")
  func freed() async throws {
    weak var database: AnyObject?
    weak var records: AnyObject?
    weak var app: AnyObject?
    do {
      let house = try await ImportHouse(Self.schema)
      app = house.app
      records = house.app.records
      database = house.app.database as AnyObject
      let tags = try #require(house.app.records.catalogue.collection(named: "tags"))
      _ = try await house.app.records.create(tags, ["text": "a"], by: .system)
      #expect(app != nil && records != nil && database != nil)
      await house.close()
    }
    #expect(try await eventually { app == nil && records == nil && database == nil })
  }
}
