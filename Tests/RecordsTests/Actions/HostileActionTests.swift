import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

private struct Broken: Error {}

/// Counts, and lets itself be waited for.
private final class Tally: Sendable {
  private let count = Mutex(0)
  func add() { count.withLock { $0 += 1 } }
  var value: Int { count.withLock { $0 } }
}

@Suite("Actions that go wrong")
struct HostileActionTests {
  @Test(arguments: [
    ("nope", "{}", "not_found"), ("bandz", "{}", "not_found"), ("flag", "[]", "invalid  type"),
    ("flag", #"{"x":1}"#, "invalid /x unknown_argument"),
    ("book", "{}", "invalid /band required"),
    ("book", #"{"band":7}"#, "invalid /band type"),
    ("book", #"{"band":"x","seats":9}"#, "invalid /seats max"),
    ("book", #"{"band":"x","seat":1}"#, "invalid /seat unknown_argument"),
  ])
  func whatNobodyCouldCarryOutReachesNoHandler(
    _ name: String, _ arguments: String, _ refusal: String
  ) async throws {
    try await ActionHouse.run { own async throws in
      let tally = Tally()
      for name in ["flag", "book"] {
        own.bind(name) { _, _ in
          tally.add()
          return true
        }
      }
      #expect(await own.refused(name, try JSON.parse(text: arguments)) == refusal)
      #expect(tally.value == 0)
    }
  }

  @Test func anUnknownActionIsToldWithTheNearest() async throws {
    try await ActionHouse.run { own async throws in
      let error = await refusal { _ = try await own.call("bokk") }
      #expect(error?.detail.contains("did you mean book?") == true)
    }
  }

  @Test func anActionWithoutAHandlerIsAnErrorOfTheServer() async throws {
    try await ActionHouse.run { own async throws in
      #expect(await own.refused("flag") == "internal_error")
      #expect(own.registry.missing(in: own.house.records.catalogue.model).count == 6)
    }
  }

  @Test func nothingRemainsOfAHandlerThatThrows() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { call, transaction in
        try await transaction.create("bands", ["name": "Half"])
        throw Broken()
      }
      await #expect(throws: Broken.self) { try await own.call("flag") }
      #expect(try await own.house.list("bands").isEmpty)
      #expect(try await own.house.logged() == ["0"])
    }
  }

  @Test func nothingRemainsWhereAHandlerHidesAWriteThatFailed() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { call, transaction in
        try await transaction.create("bands", ["name": "Half"])
        _ = try? await transaction.create("bands", ["name": "This name is far too long"])
        return true
      }
      #expect(await own.refused("flag") == "invalid /name max_length")
      own.bind("flag") { call, transaction in
        try await transaction.asServer.create("ledgers", ["note": "a"])
        _ = try? await transaction.asServer.create("ledgers", ["note": "a"])
        return true
      }
      #expect(await own.refused("flag") == "conflict")
      #expect(try await own.count("ledgers") == ["0"])
      #expect(try await own.house.logged() == ["0"])
    }
  }

  @Test func aHandlerThatAwaitsSomethingElseIsUndone() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { call, transaction in
        try await transaction.create("bands", ["name": "Half"])
        try await Task.sleep(nanoseconds: 50_000_000)
        try await transaction.create("bands", ["name": "Late"])
        return true
      }
      let error = await refusal { _ = try await own.call("flag") }
      #expect(error?.code == .internalError)
      let told = error?.description ?? ""
      #expect(told.contains("awaits something else"))
      #expect(try await own.house.list("bands").isEmpty)
      // Others write as before.
      try await own.house.create("bands", ["name": "Next"])
    }
  }

  @Test(arguments: ["\"x\"", "1.5", "null", "[1]", "{}", "99999999999"])
  func aResultOfAnotherTypeUndoesTheAction(_ result: String) async throws {
    try await ActionHouse.run { own async throws in
      let value = try JSON.parse(text: result)
      own.bind("count") { call, transaction in
        try await transaction.create("bands", ["name": "Half"])
        return value
      }
      let error = await refusal { _ = try await own.call("count") }
      #expect(error?.code == .internalError)
      let told = error?.description ?? ""
      #expect(told.contains("its result is not Int!"))
      #expect(try await own.house.list("bands").isEmpty)
    }
  }

  @Test func aRecordThatIsNotThereIsNoResult() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("band") { call, _ in .string(call.id(1).description) }
      #expect(await own.refused("band", ["name": "x"]) == "internal_error")
      own.bind("band") { _, _ in ["name": "x"] }
      #expect(await own.refused("band", ["name": "x"]) == "internal_error")
      own.bind("band") { _, _ in .null }
      #expect(try await own.call("band", ["name": "x"]) == .null)
      own.bind("bands") { _, _ in [.null] }
      #expect(await own.refused("bands") == "internal_error")
      own.bind("bands") { _, _ in [] }
      #expect(try await own.call("bands") == [])
      own.bind("texts") { _, _ in ["a", .null] }
      #expect(try await own.call("texts") == ["a", .null])
    }
  }

  @Test func anUnknownCollectionIsTheHandlersFault() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { _, transaction in
        try await transaction.create("bandz", ["name": "x"])
        return true
      }
      let error = await refusal { _ = try await own.call("flag") }
      #expect(error?.code == .internalError)
      own.bindFunction("flag") { _ in
        ActionOutcome(mutations: [ActionMutation(.update, "bands")])
      }
      #expect(await own.refused("flag") == "invalid /id required")
    }
  }

  @Test func aCallWithAReceiptIsDoneOnce() async throws {
    try await ActionHouse.run { own async throws in
      let tally = Tally()
      own.bind("band") { call, transaction in
        tally.add()
        return try await transaction.create("bands", ["name": call.arguments["name"] ?? .null])
      }
      let runner = own.runner
      func claim(_ body: UInt8, of principal: String = "ann") -> ReceiptClaim {
        ReceiptClaim(
          principal: principal, key: "k", route: "POST /v1/actions/band", fingerprint: [body])
      }
      let house = own.house
      func call(_ claim: ReceiptClaim) async throws -> Receipt {
        let operation = OperationID.named(claim.key, of: claim.principal, in: claim.route)
        let prepared = try runner.prepare(
          "band", ["name": "Owls"], by: house.ann, operationID: operation)
        return try await runner.run(prepared, leaving: claim) { body in
          Receipt(status: 200, headers: [], body: body)
        }
      }
      let first = try await call(claim(1))
      #expect(try await house.records.receipt(for: claim(1))?.body == first.body)
      // A second process that did not see it in time has nothing of its own left.
      let second = await refusal { _ = try await call(claim(1)) }
      #expect(second?.code == .conflict)
      #expect(try await house.list("bands").count == 1)
      let reused = await refusal { _ = try await house.records.receipt(for: claim(2)) }
      #expect(reused?.code == .invalid)
      // The key of somebody else is another operation.
      _ = try await call(claim(1, of: "bob"))
      #expect(try await house.list("bands").count == 2)
      #expect(tally.value >= 2)
    }
  }

  @Test func noReceiptRemainsOfAnActionThatFails() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { _, _ in throw RoostError(.conflict, "Not now.") }
      let claim = ReceiptClaim(principal: "ann", key: "k", route: "r", fingerprint: [1])
      let runner = own.runner
      let house = own.house
      let error = await refusal {
        let prepared = try runner.prepare("flag", .object(JSONObject()), by: house.ann)
        _ = try await runner.run(prepared, leaving: claim) {
          Receipt(status: 200, headers: [], body: $0)
        }
      }
      #expect(error?.code == .conflict)
      #expect(try await house.records.receipt(for: claim) == nil)
    }
  }
}
