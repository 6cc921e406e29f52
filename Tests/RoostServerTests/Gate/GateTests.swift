import Accounts
import Queries
import Records
import RoostCore
import RoostServer
import Schema
import Sync
import Synchronization
import Testing

/// A wall clock that tests move.
private final class GateTime: TimeSource {
  private let milliseconds = Mutex<Int64>(1_760_000_000_000)
  func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
  func monotonicNanoseconds() -> UInt64 { UInt64(milliseconds.withLock { $0 }) * 1_000_000 }
  func advance(days: Int64) { milliseconds.withLock { $0 += days * 86_400_000 } }
}

@Suite("The gate of an account")
struct GateTests {
  private static let schema = """
    enum Plan { FREE PRO LIFE }
    type Journey @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      xp: Int!
      speed: Float
    }
    type Session @collection @allow(ops: [ALL], owner: "owner")
      @allow(ops: [READ], owner: "friend") {
      owner: User! @immutable
      friend: User
      minutes: Int
      isDone: Boolean! @default(value: "true")
    }
    type Subscription @collection @sync(tier: SERVER_ONLY) @allow(ops: [READ], owner: "owner") {
      owner: User!
      plan: Plan! @serverOnly @default(value: "FREE")
    }
    type Album @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ]) {
      owner: User!
      next: Album @relation(onDelete: RESTRICT)
    }
    """

  /// An app, its gate and an account, over a clock that the test moves.
  private struct House {
    let app: App
    let time: GateTime
    let eligibility: Eligibility
    let gate: Gate
    let ann: Caller

    var id: UUID { ann.uid ?? .zero }

    func add(_ name: String, _ values: JSON, by caller: Caller? = nil) async throws -> UUID {
      guard let collection = app.records.catalogue.collection(named: name) else { return .zero }
      let made = try await app.records.create(collection, values, by: .caller(caller ?? ann))
      return made.id
    }

    func standing() async throws -> GateStanding { try await gate.standing(of: id) }

    func current() async throws -> [Double?] {
      try await standing().progress.map(\.current)
    }

    func person() async throws -> Caller {
      let session = try await app.accounts.anonymous(
        from: ClientAddress("192.0.2.1", userAgent: nil))
      return Caller(uid: session.account.id, isAnonymous: true)
    }
  }

  private func run(
    _ yaml: String, _ body: (House) async throws -> Void
  ) async throws {
    let time = GateTime()
    let model = try SchemaModel.load(source: GateTests.schema)
    let house = try await ImportHouse(GateTests.schema, time: time)
    let settings = try Settings(
      file: ("roost.yaml", Array(yaml.utf8)), environment: [:], flags: [:])
    let eligibility = try EligibilityReader.eligibility(settings, model)
    let gate = try #require(
      Gate(
        eligibility, records: house.app.records,
        ambient: Ambient(time: time, logger: Logger(level: .error))))
    let session = try await house.app.accounts.anonymous(
      from: ClientAddress("192.0.2.1", userAgent: nil))
    let ann = Caller(uid: session.account.id, isAnonymous: true)
    do {
      try await body(
        House(app: house.app, time: time, eligibility: eligibility, gate: gate, ann: ann))
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  private static let measures = """
    measures:
      level: {field: journeys.xp, levels: [0, 100, 250]}
      speed: {field: journeys.speed}
      sessions: {count: sessions}
      done: {count: sessions, where: "isDone && minutes >= 10"}
      minutes: {sum: sessions.minutes}
      age: {account: age}

    """

  @Test("Numbers are found in the account's own records")
  func numbers() async throws {
    let all = "{level: 9, speed: 9, sessions: 9, done: 9, minutes: 999, age: 99}"
    try await run(GateTests.measures + "gate: {requires: \(all)}\n") { house in
      #expect(try await house.current() == [1, 0, 0, 0, 0, 0])
      let bob = try await house.person()
      _ = try await house.add("journeys", ["xp": 99, "speed": 1.5])
      let last = try await house.add("journeys", ["xp": 100])
      _ = try await house.add("journeys", ["xp": 5000], by: bob)
      for (minutes, isDone) in [(10, true), (9, true), (40, false)] {
        _ = try await house.add(
          "sessions", ["minutes": .int(Int64(minutes)), "isDone": .bool(isDone)])
      }
      _ = try await house.add(
        "sessions", ["minutes": 500, "friend": .string(house.id.description)], by: bob)
      house.time.advance(days: 3)
      #expect(try await house.current() == [2, 1.5, 3, 1, 59, 3])
      let journeys = try #require(house.app.records.catalogue.collection(named: "journeys"))
      try await house.app.records.delete(
        journeys, last, expecting: .any, by: .caller(house.ann))
      #expect(try await house.current().first == 1)
      #expect(
        try await house.gate.standing(of: nil).progress.map(\.current)
          == Array(repeating: nil, count: 6))
    }
  }

  @Test("The account's age counts whole days, and stays reached")
  func age() async throws {
    try await run(GateTests.measures + "gate: {requires: {age: 7}}\n") { house in
      house.time.advance(days: 6)
      let standing = try await house.standing()
      #expect(standing.state == .closed)
      #expect(standing.next?.name == "age")
      house.time.advance(days: 1)
      #expect(try await house.standing().state == .invited)
      house.time.advance(days: -5)
      #expect(try await house.standing().state == .invited)
    }
  }

  /// What is claimed, what is found, and whether it counts.
  @Test(
    "Claims count where the app trusts devices",
    arguments: [
      ("trust: device, ", 3.0, GateStanding.State.invited),
      ("trust: device, ", 2.0, .closed), ("trust: server, ", 3.0, .closed), ("", 3.0, .closed),
    ])
  func claims(trust: String, claim: Double, state: GateStanding.State) async throws {
    try await run(GateTests.measures + "gate: {\(trust)requires: {level: 3}}\n") { house in
      let standing = try await house.gate.take(
        GateReply(claims: ["level": claim]), from: house.id)
      #expect(standing.state == state)
      #expect(try await house.standing().state == state)
    }
  }

  @Test("A claim below what the server knows changes nothing")
  func lowClaim() async throws {
    try await run(GateTests.measures + "gate: {trust: device, requires: {sessions: 2}}\n") {
      house in
      for _ in 0..<2 { _ = try await house.add("sessions", ["minutes": 1]) }
      let standing = try await house.gate.take(
        GateReply(claims: ["sessions": 0]), from: house.id)
      #expect(standing.progress.map(\.current) == [2])
      #expect(standing.progress.map(\.isClaimed) == [false])
    }
  }

  @Test("Later is a week where nothing is said, and then the invitation is due again")
  func later() async throws {
    try await run(GateTests.measures + "gate: {requires: {age: 0}}\n") { house in
      #expect(try await house.standing().isDue)
      _ = try await house.gate.take(GateReply(answer: .later), from: house.id)
      house.time.advance(days: 6)
      #expect(try await !house.standing().isDue)
      house.time.advance(days: 1)
      #expect(try await house.standing().isDue)
      _ = try await house.gate.take(GateReply(answer: .declined), from: house.id)
      house.time.advance(days: 100)
      #expect(try await !house.standing().isDue)
      #expect(
        try await house.gate.take(GateReply(answer: .accepted), from: house.id).state == .open)
    }
  }

  @Test("An answer without an invitation is a conflict, and nothing of it is kept")
  func early() async throws {
    try await run(GateTests.measures + "gate: {trust: device, requires: {level: 3}}\n") { house in
      await #expect(throws: RoostError.self) {
        _ = try await house.gate.take(
          GateReply(answer: .accepted, claims: ["level": 2]), from: house.id)
      }
      let kept = try await house.current()
      #expect(kept == [1])
    }
  }

  @Test("Leaving removes records that hold one another, and what is there is not touched")
  func leaving() async throws {
    try await run(GateTests.measures + "gate: {requires: {age: 0}}\n") { house in
      _ = try await house.gate.take(GateReply(answer: .accepted), from: house.id)
      var last: JSON = .null
      for _ in 0..<4 {
        last = .string(try await house.add("albums", ["next": last]).description)
      }
      let bob = try await house.person()
      let held = try await house.add("albums", [:])
      _ = try await house.add("albums", ["next": .string(held.description)], by: bob)
      let (standing, removal) = try await house.gate.leave(house.id)
      #expect(standing.state == .invited && standing.row.answer == .left)
      #expect(removal.removed == 4 && removal.held == 1)
      let left: Int64? = try await house.app.database.read(.statement) { reader in
        try await reader.first("SELECT count(*) FROM albums") { $0.int64(0) }
      }
      #expect(left == 2)
    }
  }

  @Test("A tier is the greatest that a field or a claim names")
  func tiers() async throws {
    let yaml =
      GateTests.measures + """
        gate: {requires: {age: 0}}
        tiers: {SOURCE}
        features:
          pro: {tier: PRO}
          life: {tier: LIFE}

        """
    for source in ["field: subscriptions.plan", "order: [FREE, PRO, LIFE]"] {
      try await run(yaml.replacing("SOURCE", with: source)) { house in
        let routes = FeatureRoutes(
          house.eligibility, house.gate, records: house.app.records, ambient: house.app.ambient,
          identify: { _ in .everyone })
        func states(_ caller: Caller) async throws -> [Availability] {
          try await routes.matrix(of: caller).entries.map(\.availability)
        }
        #expect(try await states(.everyone) == [.requiresUpgrade, .requiresUpgrade])
        #expect(try await states(house.ann) == [.requiresUpgrade, .requiresUpgrade])
        let subscriptions = try #require(
          house.app.records.catalogue.collection(named: "subscriptions"))
        if source.hasPrefix("field") {
          for plan in ["FREE", "PRO"] {
            _ = try await house.app.records.create(
              subscriptions, ["owner": .string(house.id.description), "plan": .string(plan)],
              by: .system)
          }
          #expect(try await states(house.ann) == [.available, .requiresUpgrade])
        } else {
          let paying = Caller(uid: house.id, claims: ["LIFE", "other"])
          #expect(try await states(paying) == [.available, .available])
        }
      }
    }
  }
}
