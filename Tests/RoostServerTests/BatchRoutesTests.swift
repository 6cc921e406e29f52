import Queries
import Records
import RoostCore
import Testing
import Transport

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    title: String!
    slug: String @unique
    locked: Boolean @serverOnly
  }
  """

private func create(_ title: String, slug: String? = nil, id: RoostCore.UUID? = nil) -> JSON {
  var body: JSONObject = JSONObject()
  body["title"] = .string(title)
  if let slug { body["slug"] = .string(slug) }
  if let id { body["id"] = .string(id.description) }
  return RouteHouse.operation("POST", "/v1/notes", .object(body))
}

private let id = UUID(high: 1, low: 1)
private let path = "/v1/notes/\(id)"

@Suite struct BatchRoutesTests {
  @Test(arguments: [false, true])
  func operationsAreCarriedOutInTheirOrder(isAtomic: Bool) async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch(
        [
          create("a", id: id),
          RouteHouse.operation(
            "PATCH", path, ["title": "b"], headers: ["If-Match": "\"1-x\""]),
          RouteHouse.operation("GET", path),
          RouteHouse.operation("GET", "/v1/notes?limit=1"),
          RouteHouse.operation("DELETE", path),
        ], atomic: isAtomic)
      #expect(answer.status == 200)
      #expect(answer.statuses == [201, 200, 200, 200, 204])
      let results = answer.results
      #expect(results[0]["headers"]?["Location"]?.string == path)
      #expect(results[1]["headers"]?["ETag"] == results[2]["headers"]?["ETag"])
      #expect(results[1]["body"]?["title"] == "b")
      #expect(results[3]["body"]?["items"]?.array?.count == 1)
      #expect(results[4]["body"] == .null)
      #expect(results.allSatisfy { $0.object?.map(\.key) == ["status", "headers", "body"] })
      #expect(await house.count("roost_receipt") == 0)
    }
  }

  @Test func aTagThatIsKnownGivesNoBody() async throws {
    try await RouteHouse.run(schema) { house in
      let made = await house.batch([create("a", id: id)])
      let tag = try #require(made.results[0]["headers"]?["ETag"])
      for isAtomic in [false, true] {
        let answer = await house.batch(
          [RouteHouse.operation("GET", path, headers: ["if-none-match": tag])], atomic: isAtomic)
        #expect(answer.statuses == [304] && answer.results[0]["body"] == .null)
      }
    }
  }

  @Test func eachOperationFailsByItselfWhereTheBatchIsNotAtomic() async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch([
        create("a", slug: "s"), create("b", slug: "s"),
        RouteHouse.operation("POST", "/v1/notes", ["title": 1]),
        RouteHouse.operation("POST", "/v1/notes"),
        RouteHouse.operation("GET", path),
        RouteHouse.operation("POST", "/v1/notes", ["title": "a", "locked": true]),
        RouteHouse.operation("DELETE", "/v1/notes"),
        RouteHouse.operation("GET", "/v1/nope"),
        create("c"),
      ])
      #expect(answer.status == 200)
      #expect(answer.statuses == [201, 409, 422, 400, 404, 422, 405, 404, 201])
      #expect(answer.results[2]["body"]?["errors"]?.array?[0]["pointer"] == "/title")
      #expect(answer.results[6]["headers"]?["Allow"] != nil)
      #expect(answer.results[1]["body"]?["requestId"] == "r1")
      #expect(await house.count("notes") == 2)
    }
  }

  @Test func anAtomicBatchThatFailsLeavesNothing() async throws {
    try await RouteHouse.run(schema) { house in
      _ = await house.batch([create("a", slug: "s")])
      let answer = await house.batch(
        [create("b", id: id), create("c", slug: "s"), RouteHouse.operation("DELETE", path)],
        atomic: true, key: "k")
      #expect(answer.status == 422)
      #expect(answer.statuses == [424, 409, 424])
      #expect(answer.faults == ["/operations/1 conflict"])
      #expect(answer.json["status"] == 422 && answer.json["requestId"] == "r1")
      #expect(await house.count("notes") == 1)
      #expect(await house.count("roost_log") == 1)
      #expect(await house.count("roost_receipt") == 0)
      let twice = await house.batch([create("b", id: id), create("c", id: id)], atomic: true)
      #expect(twice.statuses == [424, 409])
      #expect(await house.send(.get, path).status == 404)
    }
  }

  @Test func whatIsWrongWithTheOperationsOfAnAtomicBatchIsToldAtOnce() async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch(
        [
          create("a"), RouteHouse.operation("POST", "/v1/notes", ["locked": true]),
          RouteHouse.operation("GET", "/v1/notes?limit=0"), RouteHouse.operation("GET", "/v1/no"),
          RouteHouse.operation("POST", path, [:]), RouteHouse.operation("GET", "/v1/notes/%2e%2e"),
        ], atomic: true)
      #expect(answer.statuses == [424, 422, 422, 404, 405, 400])
      #expect(
        answer.faults == [
          "/operations/1/body/locked server_only", "/operations/1/body/title required",
          "/operations/2/path range", "/operations/3 not_found",
          "/operations/4 method_not_allowed", "/operations/5 not_found",
        ])
    }
  }

  @Test func listsBesideWritesAreBrief() async throws {
    try await RouteHouse.run(schema) { house in
      let sorted = RouteHouse.operation("GET", "/v1/notes?sort=-title&count=exact")
      #expect(await house.batch([sorted], atomic: true).statuses == [200])
      let beside = await house.batch([create("a"), sorted], atomic: true)
      #expect(beside.statuses == [424, 422] && beside.faults == ["/operations/1/path unexpected"])
      let list = RouteHouse.operation("GET", "/v1/notes?sort=-id")
      let ten = [create("a")] + [JSON](repeating: list, count: 10)
      #expect(await house.batch(ten, atomic: true).status == 200)
      #expect(await house.batch(ten + [list], atomic: true).status == 422)
      #expect(await house.batch(ten + [list, sorted]).status == 200)
    }
  }

  @Test func aCallerWithoutAnAccountIsAskedForOneInEachOperation() async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch([create("a")], isSignedIn: false)
      #expect(answer.status == 200 && answer.statuses == [401])
      #expect(await house.batch([create("a")], atomic: true, isSignedIn: false).statuses == [401])
      let bad = await house.send(
        .post, "/v1/batch", ["operations": []], headers: [("Authorization", "Bearer x")],
        isSignedIn: false)
      #expect(bad.status == 401 && bad.json["results"] == nil)
    }
  }

  // MARK: Shape

  @Test(
    arguments: [
      ([], [" type"]),
      ([:], ["/operations required"]),
      (["operations": [:]], ["/operations type"]),
      (["operations": [], "atomic": 1], ["/atomic type"]),
      (["operations": [], "atomik": true], ["/atomik unknown_field"]),
      (["operations": [1]], ["/operations/0 type"]),
      (["operations": [[:]]], ["/operations/0/method required", "/operations/0/path required"]),
      (
        ["operations": [["method": 1, "path": nil]]],
        ["/operations/0/method type", "/operations/0/path type"]
      ),
      (["operations": [["method": "get", "path": "/v1/notes"]]], ["/operations/0/method enum"]),
      (["operations": [["method": "PUT", "path": "/v1/notes"]]], ["/operations/0/method enum"]),
      (
        ["operations": [["method": "GET", "path": "/v1/notes", "url": ""]]],
        ["/operations/0/url unknown_field"]
      ),
      (
        ["operations": [["method": "GET", "path": "/v1/notes", "body": [:]]]],
        ["/operations/0/body unexpected"]
      ),
      (
        ["operations": [["method": "GET", "path": "/v1/notes", "headers": []]]],
        ["/operations/0/headers type"]
      ),
    ] as [(JSON, [String])])
  func aBatchOfAnotherShapeIsRefusedWithThePlace(body: JSON, faults: [String]) async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.send(.post, "/v1/batch", body)
      #expect(answer.status == 422)
      #expect(answer.faults == faults)
      #expect(answer.json["results"] == nil)
    }
  }

  @Test(arguments: [
    "", "/", "/v1", "/v1/batch", "/v1/batch?x=1", "/v1/auth/login", "/v1/admin/x", "/health/live",
    "notes", "http://127.0.0.1/v1/notes", "//evil/v1/notes", "/v1/notes#x", "/v1/no tes",
    "/v1/notes\r\nX: y", "/v1/nötes", "/V1/notes", "/v1/" + String(repeating: "n", count: 8200),
  ])
  func aPathThatIsNoCollectionsIsRefused(target: String) async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch([create("a"), RouteHouse.operation("GET", target)])
      #expect(answer.status == 422)
      #expect(answer.faults == ["/operations/1/path format"])
      #expect(await house.count("notes") == 0)
    }
  }

  @Test(arguments: [
    ("/v1/%6eotes", 200), ("/v1/notes?", 200), ("/v1/notes?limit=1&limit=2", 400),
    ("/v1/notes?nope=1", 422), ("/v1/notes/", 404), ("/v1//notes", 404), ("/v1/notes/..", 400),
    ("/v1/../v1/auth/me", 404), ("/v1/notes%2f\(id)", 400), ("/v1/%00", 400), ("/v1/%zz", 400),
    ("/v1/%62atch", 404), ("/v1/notes/\(id)/x", 404), ("/v1/notes/1", 404),
  ])
  func whateverAPathSaysItReachesCollectionsOnly(target: String, status: Int) async throws {
    try await RouteHouse.run(schema) { house in
      for isAtomic in [false, true] {
        let answer = await house.batch(
          [RouteHouse.operation("GET", target)], atomic: isAtomic)
        #expect(answer.statuses == [status], "\(target) \(isAtomic)")
      }
    }
  }

  @Test(
    arguments: [
      (["Authorization": "Bearer x"], "/operations/0/headers/Authorization unexpected"),
      (["Cookie": "x"], "/operations/0/headers/Cookie unknown_field"),
      (["a/b": "x"], "/operations/0/headers/a~1b unknown_field"),
      (["If-Match": 1], "/operations/0/headers/If-Match type"),
      (["If-Match": "\n"], "/operations/0/headers/If-Match format"),
      (["If-Match": "*", "if-match": "*"], "/operations/0/headers/if-match repeated"),
    ] as [(JSON, String)])
  func anOperationTakesThreeHeaders(headers: JSON, fault: String) async throws {
    try await RouteHouse.run(schema) { house in
      let answer = await house.batch([
        RouteHouse.operation("DELETE", path, headers: headers)
      ])
      #expect(answer.status == 422 && answer.faults == [fault])
    }
  }

  @Test(arguments: [(0, 200), (1, 200), (100, 200), (101, 422)])
  func aBatchHasUpToAHundredOperations(count: Int, status: Int) async throws {
    try await RouteHouse.run(schema) { house in
      for isAtomic in [false, true] {
        let answer = await house.batch(
          (0..<count).map { create("\($0)") }, atomic: isAtomic)
        #expect(answer.status == status)
        if status == 200 {
          #expect(answer.results.compactMap { $0["body"]?["title"]?.string }.count == count)
        } else {
          #expect(answer.faults == ["/operations max_items"])
        }
      }
      #expect(await house.count("notes") == (status == 200 ? 2 * count : 0))
    }
  }

  @Test func operationsBeyondTheBoundOfTheAnswerAreNotCarriedOut() async throws {
    try await RouteHouse.run(schema) { house in
      let long = String(repeating: "x", count: 500_000)
      for number in 0..<10 {
        #expect(
          await house.send(.post, "/v1/notes", ["title": .string(long + "\(number)")]).status == 201
        )
      }
      let list = RouteHouse.operation("GET", "/v1/notes")
      let answer = await house.batch([list, create("late"), list])
      #expect(answer.statuses == [200, 413, 413])
      #expect(answer.body.count < 6_000_000)
      #expect(await house.batch([create("late"), list], atomic: true).statuses == [424, 413])
      // What is stored for a day is bounded more closely.
      let page = RouteHouse.operation("GET", "/v1/notes?limit=3")
      #expect(await house.batch([page, create("late")], key: "a").statuses == [200, 413])
      let whole = await house.batch([create("late"), page], atomic: true, key: "a")
      #expect(whole.statuses == [424, 413])
      #expect(await house.count("notes") == 10)
    }
  }

  // MARK: Once

  @Test func anAtomicBatchIsDoneOnce() async throws {
    try await RouteHouse.run(schema) { house in
      let operations = [create("a"), RouteHouse.operation("GET", "/v1/notes")]
      let first = await house.batch(operations, atomic: true, key: "k")
      #expect(first.statuses == [201, 200])
      let again = await house.batch(operations, atomic: true, key: "k")
      #expect(again.isReplay && again.body == first.body && again.status == 200)
      #expect(await house.count("notes") == 1)
      #expect(await house.count("roost_receipt") == 1)
      let other = await house.batch(operations + [create("b")], atomic: true, key: "k")
      #expect(other.status == 422 && other.faults == ["Idempotency-Key reused"])
    }
  }

  @Test func aBatchOfSingleOperationsIsDoneOnce() async throws {
    try await RouteHouse.run(schema) { house in
      let operations = [create("a", slug: "s"), create("b", slug: "s"), create("c")]
      let first = await house.batch(operations, key: "k")
      #expect(first.statuses == [201, 409, 201])
      let again = await house.batch(operations, key: "k")
      #expect(again.isReplay && again.body == first.body)
      #expect(await house.count("notes") == 2)
      #expect(await house.count("roost_receipt") == 1)
    }
  }

  @Test func aBatchThatWasCutOffGoesOnWhereItEnded() async throws {
    try await RouteHouse.run(schema) { house in
      let operations = [create("a"), create("b"), create("c")]
      let first = await house.batch(operations, key: "k")
      // As if the process had ended behind the second operation.
      try await house.database.write { transaction in
        try await transaction.execute("DELETE FROM notes WHERE title = 'c'")
        try await transaction.execute(
          "UPDATE roost_receipt SET key = 'k 0', status = 201, body = \([0x7b, 0x7d] as [UInt8]) WHERE key = 'k'"
        )
      }
      let other = await house.batch([create("x")], key: "k")
      #expect(other.status == 422 && other.faults == ["Idempotency-Key reused"])
      let again = await house.batch(operations, key: "k")
      #expect(again.statuses == [201, 201, 201] && again.body != first.body)
      #expect(again.results[0]["headers"]?["Idempotent-Replayed"] == "true")
      #expect(again.results[1]["headers"]?["Idempotent-Replayed"] == nil)
      // The first was not repeated; the second and the third were.
      #expect(await house.count("notes") == 4)
      #expect(await house.count("roost_receipt") == 1)
    }
  }

  @Test(arguments: [false, true])
  func aBatchThatTwoProcessesWorkOnIsDoneOnce(atomic: Bool) async throws {
    try await RouteHouse.run(schema) { house in
      for round in 0..<10 {
        let names = (0..<20).map { "\(round) \($0)" }
        let operations = names.map { create($0) } + [create("x", slug: "s")]
        async let here = house.batch(operations, atomic: atomic, key: "k\(round)")
        async let there = house.batch(operations, atomic: atomic, key: "k\(round)", elsewhere: true)
        let answers = await [here, there]
        for answer in answers {
          // The one that came second is told to repeat it, as a whole or in one of the parts.
          #expect([200, 409, 422].contains(answer.status))
          #expect(answer.statuses.allSatisfy { [201, 409, 424].contains($0) })
        }
        let again = await house.batch(operations, atomic: atomic, key: "k\(round)")
        let isDone = !atomic || round == 0
        #expect(again.status == (isDone ? 200 : 422))
        #expect(await house.count("notes") == (atomic ? 21 : 20 * (round + 1) + 1))
        guard isDone else { continue }
        #expect(again.statuses == names.map { _ in 201 } + [round == 0 ? 201 : 409])
        let last = await house.batch(operations, atomic: atomic, key: "k\(round)", elsewhere: true)
        #expect(last.isReplay && last.body == again.body)
      }
      #expect(await house.count("roost_receipt") == (atomic ? 1 : 10))
    }
  }

  @Test func anOperationMayHaveAKeyOfItsOwn() async throws {
    try await RouteHouse.run(schema) { house in
      let keyed = RouteHouse.operation(
        "POST", "/v1/notes", ["title": "a"], headers: ["Idempotency-Key": "k"])
      let first = await house.batch([keyed, keyed])
      #expect(first.statuses == [201, 201])
      #expect(first.results[0]["body"] == first.results[1]["body"])
      #expect(await house.send(.post, "/v1/notes", ["title": "a"], key: "k").isReplay)
      #expect(await house.count("notes") == 1)
      let place = "/operations/0/headers/Idempotency-Key unexpected"
      #expect(await house.batch([keyed], atomic: true).faults == [place])
      #expect(await house.batch([keyed], key: "b").faults == [place])
      let malformed = RouteHouse.operation(
        "POST", "/v1/notes", ["title": "a"], headers: ["Idempotency-Key": "k 0"])
      #expect(await house.batch([malformed]).statuses == [400])
    }
  }

  @Test func aBatchWithoutEffectLeavesNoReceipt() async throws {
    try await RouteHouse.run(schema) { house in
      for isAtomic in [false, true] {
        _ = await house.batch(
          [RouteHouse.operation("GET", "/v1/notes")], atomic: isAtomic, key: "k")
        _ = await house.batch([RouteHouse.operation("DELETE", path)], atomic: isAtomic, key: "k")
      }
      #expect(await house.count("roost_receipt") == 0)
      #expect(await house.batch([create("a")], key: "k").statuses == [201])
    }
  }
}
