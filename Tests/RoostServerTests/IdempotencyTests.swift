import Queries
import RoostCore
import RoostServer
import Synchronization
import Testing
import Transport

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    title: String! @constraint(maxLength: 10)
    uses: Int! @default(value: "0") @merge(strategy: COUNTER)
    locked: Boolean @serverOnly
    due: DateTime @constraint(temporal: FUTURE)
  }
  type Wish @collection @allow(ops: [ALL], to: PUBLIC) { text: String! }
  """

@Suite struct IdempotencyTests {
  @Test func aRepeatIsAnsweredWithTheSameBytesAndDoesNothing() async throws {
    try await RouteHouse.run(schema) { house in
      let first = await house.send(.post, "/v1/notes", ["title": "a"], key: "k")
      #expect(first.status == 201 && !first.isReplay)
      let path = try #require(first.headers["Location"])
      _ = await house.send(.patch, path, ["title": "changed"])
      let again = await house.send(.post, "/v1/notes", ["title": "a"], key: "k")
      #expect(again.status == 201 && again.isReplay)
      #expect(again.body == first.body)
      #expect(again.headers["Location"] == path)
      #expect(again.headers["ETag"] == first.headers["ETag"])
      #expect(await house.count("notes") == 1)

      let change: JSON = ["uses": ["$increment": 1]]
      let changed = await house.send(.patch, path, change, key: "p")
      #expect(changed.json["uses"] == 1)
      #expect(await house.send(.patch, path, change, key: "p").body == changed.body)
      #expect(await house.send(.get, path).json["uses"] == 1)

      #expect(await house.send(.delete, path, key: "d").status == 204)
      let gone = await house.send(.delete, path, key: "d")
      #expect(gone.status == 204 && gone.isReplay && gone.body.isEmpty)
      #expect(await house.send(.delete, path, key: "d2").status == 404)
    }
  }

  @Test func twentyAtOnceHaveOneEffectAndTheOthersAreToldToRepeat() async throws {
    try await RouteHouse.run(schema) { house in
      let answers = Mutex<[RouteHouse.Answer]>([])
      try await house.holdingWriter { release in
        await withTaskGroup(of: RouteHouse.Answer.self) { group in
          for _ in 0..<20 {
            group.addTask { await house.send(.post, "/v1/notes", ["title": "a"], key: "k") }
          }
          // All but the one that waits for the writer.
          for _ in 0..<19 {
            let answer = await group.next()
            #expect(answer?.status == 409)
            #expect(answer?.headers["Retry-After"] == "1")
          }
          let other = await house.send(.post, "/v1/notes", ["title": "b"], key: "k")
          #expect(other.status == 422)
          #expect(other.faults == ["Idempotency-Key reused"])
          release()
          for await answer in group { answers.withLock { $0.append(answer) } }
        }
      }
      let first = try #require(answers.withLock { $0.first })
      #expect(first.status == 201)
      let repeated = await house.send(.post, "/v1/notes", ["title": "a"], key: "k")
      #expect(repeated.isReplay && repeated.body == first.body)
      #expect(await house.count("notes") == 1)
    }
  }

  @Test func aKeyBelongsToMethodPathConditionAndBody() async throws {
    try await RouteHouse.run(schema) { house in
      let made = await house.send(.post, "/v1/notes", ["title": "a"], key: "k")
      let path = try #require(made.headers["Location"])
      let others = [
        await house.send(.post, "/v1/notes", ["title": "b"], key: "k"),
        await house.send(.post, "/v1/wishes", ["title": "a"], key: "k"),
        await house.send(.patch, path, ["title": "a"], key: "k"),
        await house.send(
          .post, "/v1/notes", ["title": "a"], key: "k", headers: [("If-Match", "*")]),
        await house.batch([], key: "k"),
        await house.batch([RouteHouse.operation("DELETE", path)], atomic: true, key: "k"),
      ]
      for other in others {
        if other.status == 200 { continue }
        #expect(other.status == 422 && other.faults == ["Idempotency-Key reused"])
      }
      #expect(others.map(\.status) == [422, 422, 422, 422, 422, 422])
      #expect(await house.count("notes") == 1)
    }
  }

  @Test func aRefusedWriteMayBeCorrectedUnderTheSameKey() async throws {
    try await RouteHouse.run(schema) { house in
      let refused = await house.send(.post, "/v1/notes", ["title": "far too long"], key: "k")
      #expect(refused.faults == ["/title max_length"])
      let server = await house.send(.post, "/v1/notes", ["title": "a", "locked": true], key: "k")
      #expect(server.faults == ["/locked server_only"])
      #expect(await house.send(.post, "/v1/notes", ["title": "a"], key: "k").status == 201)
    }
  }

  @Test(arguments: [
    ("", 400), ("a b", 400), ("a\u{7F}", 400), ("é", 400),
    (String(repeating: "k", count: 256), 400),
    (String(repeating: "k", count: 255), 201), ("!~", 201),
  ])
  func aKeyIsVisibleASCII(key: String, status: Int) async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.send(.post, "/v1/notes", ["title": "a"], key: key)
      #expect(answer.status == status)
      if status == 400 { #expect(answer.faults == ["Idempotency-Key format"]) }
    }
  }

  @Test func callersWithoutAnAccountShareKeysOnlyWithTheirAddress() async throws {
    try await RouteHouse.run(schema) { house in
      func wish(_ address: String, signedIn: Bool = false) async -> RouteHouse.Answer {
        await house.send(
          .post, "/v1/wishes", ["text": "a"], key: "k", isSignedIn: signedIn, from: address)
      }
      let first = await wish("192.0.2.1")
      #expect(await wish("192.0.2.1").body == first.body)
      #expect(await !wish("192.0.2.2").isReplay)
      #expect(await !wish("192.0.2.1", signedIn: true).isReplay)
      #expect(await house.count("wishes") == 3)
    }
  }

  @Test func aReadTakesNoNoticeOfAKey() async throws {
    try await RouteHouse.run(schema) { house in
      #expect(await house.send(.get, "/v1/notes", key: "a b").status == 200)
      #expect(await house.count("roost_receipt") == 0)
    }
  }

  @Test func housekeepingRemovesWhatHasExpired() async throws {
    let house = try await ImportHouse(schema)
    let app = house.app
    let now = SystemTime().now()
    let times = [("old", now.adding(milliseconds: -86_400_000)), ("new", now)]
    try await app.database.write { transaction in
      for (key, time) in times {
        try await transaction.execute(
          "INSERT INTO roost_receipt VALUES ('a', \(key), '', \([0 as UInt8]), \(time), 204, '[]', \([UInt8]()))"
        )
      }
    }
    await Housekeeping(
      accounts: app.accounts, records: app.records, queue: app.jobs.queue,
      logger: Logger(level: .error)
    ).tidy()
    #expect(try await house.rows("SELECT key FROM roost_receipt", columns: 1) == ["new"])
    await house.close()
  }
}
