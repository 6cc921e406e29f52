import Queries
import Records
import RoostCore
import RoostServer
import Schema
import Testing
import Transport

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") { owner: User! title: String! }
  extend type Mutation {
    note(title: String!): Note! @action
    fail: Boolean @action
    open: Int! @action
    ahead(title: String!): Note! @action
  }
  """

private func registry() -> ActionRegistry {
  var registry = ActionRegistry()
  registry.bind(
    "note",
    .transaction { call, transaction in
      try await transaction.create("notes", ["title": call.arguments["title"] ?? .null])
    })
  registry.bind("fail", .transaction { _, _ in throw RoostError(.conflict, "Not now.") })
  registry.bind("open", isPublic: true, .transaction { _, _ in 1 })
  registry.bind(
    "ahead",
    .function { call in
      ActionOutcome(mutations: [
        ActionMutation(
          .create, "notes",
          values: JSONObject(uniqueMembers: [("title", call.arguments["title"] ?? .null)]))
      ])
    })
  return registry
}

@Suite("The route of actions")
struct ActionRoutesTests {
  @Test func theResultIsAnsweredAndWithAKeyOnce() async throws {
    try await RouteHouse.run(schema, actions: registry()) { house in
      for name in ["note", "ahead"] {
        let path = "/v1/actions/\(name)"
        let before = await house.count("notes")
        let first = await house.send(.post, path, ["title": "a"], key: name)
        #expect(first.status == 200 && !first.isReplay)
        #expect(first.json["result"]?["title"] == "a")
        // Here and in another process.
        for elsewhere in [false, true] {
          let again = await house.send(
            .post, path, ["title": "a"], key: name, elsewhere: elsewhere)
          #expect(again.status == 200 && again.isReplay && again.body == first.body)
        }
        let other = await house.send(.post, path, ["title": "b"], key: name)
        #expect(other.status == 422)
        #expect(other.faults == ["Idempotency-Key reused"])
        #expect(await house.count("notes") == before + 1)
        #expect(await house.send(.post, path, ["title": "a"]).status == 200)
        #expect(await house.count("notes") == before + 2)
      }
    }
  }

  @Test(arguments: [
    ("note", "{}", 422, ["/title required"]), ("note", "[]", 422, [" type"]),
    ("note", #"{"title":1}"#, 422, ["/title type"]),
    ("note", #"{"title":"a","x":1}"#, 422, ["/x unknown_argument"]),
    ("nope", "{}", 404, []), ("fail", "{}", 409, []),
    ("fail", #"{"x":1}"#, 422, ["/x unknown_argument"]),
  ])
  func whatIsRefused(
    _ name: String, _ body: String, _ status: Int, _ faults: [String]
  ) async throws {
    try await RouteHouse.run(schema, actions: registry()) { house in
      for key in [nil, "k"] {
        let answer = await house.send(
          .post, "/v1/actions/\(name)", try JSON.parse(text: body), key: key)
        #expect(answer.status == status)
        #expect(answer.faults == faults)
      }
      #expect(await house.count("notes") == 0)
      #expect(await house.count("roost_receipt") == 0)
    }
  }

  @Test func peopleWithoutAnAccountAreAskedForOne() async throws {
    try await RouteHouse.run(schema, actions: registry()) { house in
      #expect(
        await house.send(.post, "/v1/actions/note", ["title": "a"], isSignedIn: false).status == 401
      )
      // Before the body is looked at.
      #expect(await house.send(.post, "/v1/actions/note", [], isSignedIn: false).status == 401)
      let open = await house.send(.post, "/v1/actions/open", isSignedIn: false)
      #expect(open.status == 200 && open.json["result"] == 1)
      #expect(
        await house.send(.post, "/v1/actions/open", key: "k", isSignedIn: false).status == 200)
    }
  }

  @Test func twentyAtOnceHaveOneEffectInTwoProcesses() async throws {
    try await RouteHouse.run(schema, actions: registry()) { house in
      let statuses = await withTaskGroup(of: Int.self) { group in
        for number in 0..<20 {
          group.addTask {
            await house.send(
              .post, "/v1/actions/note", ["title": "a"], key: "k", elsewhere: number % 2 == 0
            ).status
          }
        }
        var statuses: Set<Int> = []
        for await status in group { statuses.insert(status) }
        return statuses
      }
      #expect(statuses.contains(200))
      #expect(statuses.subtracting([200, 409]).isEmpty)
      #expect(await house.count("notes") == 1)
    }
  }

  @Test func eachActionNeedsItsHandlerAndEachHandlerItsAction() throws {
    let model = try SchemaModel.load(source: schema)
    var registry = ActionRegistry()
    registry.bind("note", .transaction { _, _ in .null })
    registry.bind("opne", .transaction { _, _ in .null })
    let faults = ActionBindings.faults(model, registry, path: "app/schema.graphql")
    #expect(faults.count == 3)
    #expect(faults[0].hasPrefix("app/schema.graphql:4:3: the action fail has no handler"))
    #expect(faults[1].contains("(a handler is registered for opne, which no action is called)"))
    let warnings = ActionBindings.warnings(model, registry)
    #expect(warnings.count == 1)
    #expect(warnings[0].hasSuffix("does not declare; did you mean open?"))
  }
}
