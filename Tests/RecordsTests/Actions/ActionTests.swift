import Foundation
import Queries
import Records
import RoostCore
import Schema
import Synchronization
import Testing

private struct Broken: Error {}

@Suite("Actions")
struct ActionTests {
  /// Books a seat of a band: reads it, takes the seat, and makes the booking.
  private static func book(
    _ call: ActionCall, _ transaction: ActionTransaction
  ) async throws -> JSON {
    guard let id = call.arguments["band"]?.string.flatMap({ UUID($0) }),
      let band = try await transaction.asServer.get("bands", id)
    else { throw RoostError(.notFound, "There is no such band.") }
    let seats = call.arguments["seats"]?.int ?? 0
    guard let free = band["seats"]?.int, free >= seats else {
      throw RoostError(.conflict, "The band has no seats left.")
    }
    try await transaction.asServer.update(
      "bands", id, ["seats": ["$increment": .int(-seats)]])
    return try await transaction.create("bookings", ["band": .string(id.description)])
  }

  @Test func anActionReadsAndWritesInOneTransactionAndAnswersARecord() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("book") { try await ActionTests.book($0, $1) }
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls"], by: house.ann)
      let booking = try await own.call("book", ["band": band["id"] ?? .null], by: house.bob)
      #expect(booking["band"] == band["id"])
      #expect(booking["by"]?.string == house.bob.uid?.description)
      #expect(booking["version"] == 1)
      #expect(try await house.read("bands", band["id"])["seats"] == 1)
      #expect(try await house.logged() == ["3"])
      // What is left over is refused, and nothing of it stays.
      #expect(
        await own.refused("book", ["band": band["id"] ?? .null, "seats": 2], by: house.bob)
          == "conflict")
      #expect(try await own.count("roost_log") == ["3"])
    }
  }

  @Test(arguments: [(Int64(1), true), (2, false)])
  func aVersionThatAHandlerNamesIsHeldAlsoWhereItActsAsTheServer(
    version: Int64, isStale: Bool
  ) async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls"], by: house.ann)
      let id = RecordsHouse.uuid(band["id"])
      own.bind("flag") { call, transaction in
        try await transaction.asServer.update("bands", id, ["name": "First"])
        try await transaction.asServer.update("bands", id, ["name": "Second"], version: version)
        return true
      }
      let code = await own.refused("flag", [:], by: house.ann)
      #expect(code == (isStale ? "precondition_failed" : nil))
      #expect(try await house.read("bands", band["id"])["name"] == (isStale ? "Owls" : "Second"))
    }
  }

  @Test(arguments: [
    ("k", "ann", "book", [UInt8]([1]), true), ("k", "ann", "book", [2], false),
    ("k", "bob", "book", [1], false), ("k", "ann", "flag", [1], false),
    ("l", "ann", "book", [1], false),
  ])
  func anOperationIsOfItsKeyItsSenderItsRouteAndItsBody(
    key: String, sender: String, route: String, body: [UInt8], isSame: Bool
  ) {
    let first = OperationID.named("k", of: "ann", in: "book", saying: [1])
    #expect((OperationID.named(key, of: sender, in: route, saying: body) == first) == isSame)
  }

  @Test func callsAtTheSameTimeTakeEachSeatOnce() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("book") { try await ActionTests.book($0, $1) }
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls", "seats": 5], by: house.ann)
      let fixed = own
      let booked = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<16 {
          group.addTask {
            await refusal {
              _ = try await fixed.call("book", ["band": band["id"] ?? .null], by: house.bob)
            } == nil
          }
        }
        var booked = 0
        for await isBooked in group where isBooked { booked += 1 }
        return booked
      }
      #expect(booked == 5)
      #expect(try await house.read("bands", band["id"])["seats"] == 0)
      #expect(try await house.list("bookings", by: house.bob).count == 5)
    }
  }

  @Test func theRulesOfTheCallerApplyUnlessTheHandlerActsAsTheServer() async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      let band = try await house.create(
        "bands", ["name": "Owls", "secret": "s"], by: house.ann)
      let id = RecordsHouse.uuid(band["id"])
      own.bind("flag") { call, transaction in
        try await transaction.update("bands", id, ["name": "Mine"])
        return true
      }
      #expect(await own.refused("flag", by: house.bob) == "forbidden")
      #expect(try await own.call("flag", by: house.ann) == true)
      own.bind("flag") { call, transaction in
        try await transaction.asServer.update("bands", id, ["name": "Ours"])
        return true
      }
      #expect(try await own.call("flag", by: house.bob) == true)
      own.bind("flag") { call, transaction in
        try await transaction.create("ledgers", ["note": "x"])
        return true
      }
      #expect(await own.refused("flag") == "forbidden")
      #expect(try await own.count("ledgers") == ["0"])
      // Masks hold in what a handler reads as the caller, and in the answer.
      own.bind("band") { call, transaction in
        guard let seen = try await transaction.get("bands", id),
          let whole = try await transaction.asServer.get("bands", id), whole["secret"] == "s",
          (seen["secret"] == nil) == (call.caller == house.bob)
        else { throw Broken() }
        return whole
      }
      let answered = try await own.call("band", ["name": "x"], by: house.bob)
      #expect(answered["name"] == "Ours")
      #expect(answered["secret"] == nil)
      #expect(try await own.call("band", ["name": "x"], by: house.ann)["secret"] == "s")
    }
  }

  @Test func aRecordThatTheCallerMayNotReadShowsItsIDAndVersion() async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls"])
      own.bind("book") { call, transaction in
        try await transaction.asServer.create(
          "bookings",
          ["band": band["id"] ?? .null, "by": .string(house.ann.uid?.description ?? "")])
      }
      let arguments: JSON = ["band": band["id"] ?? .null]
      #expect(try await own.call("book", arguments)["band"] == band["id"])
      let hidden = try await own.call("book", arguments, by: house.bob)
      #expect(hidden.object?.members.map(\.key) == ["id", "version"])
    }
  }

  @Test func listsAreOfWhatTheCallerSeesAndTextsOfOthersAreNoFilter() async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      for name in ["Owls", "\"Owls\" || true", "Back\\slash", "Line\n\t"] {
        try await house.create("bands", ["name": .string(name), "secret": "s"])
      }
      own.bind("bands") { call, transaction in
        for name in ["Owls", "\"Owls\" || true", "Back\\slash", "Line\n\t"] {
          let found = try await transaction.list("bands", matching: ["name": .string(name)].object)
          guard found.count == 1, found[0]["name"]?.string == name else { throw Broken() }
        }
        let rest = try await transaction.list(
          "bands", filter: "name != \"Owls\"", sort: "-name", limit: 2)
        guard rest.count == 2 else { throw Broken() }
        return .array(rest)
      }
      let bands = try await own.call("bands", by: house.bob)
      #expect(bands.array?.map { $0["name"]?.string } == ["Line\n\t", "Back\\slash"])
      own.bind("bands") { call, transaction in
        .array(try await transaction.list("bands", filter: "secret == \"s\""))
      }
      // What a row hides has no value for whom it is hidden from.
      #expect(try await own.call("bands", by: house.bob) == [])
      #expect(try await own.call("bands").array?.count == 4)
    }
  }

  @Test func idsFollowFromTheOperation() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("band") { call, transaction in
        let first = try await transaction.create("bands", ["name": "First"])
        let second = try await transaction.create(
          "bands", ["name": "Second", "id": .string(call.id(1).description)])
        guard first["id"] != second["id"] else { throw Broken() }
        try await transaction.delete("bands", RecordsHouse.uuid(first["id"]))
        return second
      }
      let operation = UUID(high: 0x0197_A0C2_5F0E_7C53, low: 0x9A34_6A2F_7F2F_3A10)
      let first = try await own.call("band", ["name": "x"], operation: operation)
      // The time of the operation's id leads the ids of what it makes.
      #expect(first["id"]?.string?.hasPrefix("0197a0c2-5f0e-8") == true)
      // The same operation makes the same records: without a receipt that is a conflict.
      let again = await refusal {
        _ = try await own.call("band", ["name": "x"], operation: operation)
      }
      #expect(again?.code == .conflict)
      #expect(try await own.call("band", ["name": "x"])["id"] != first["id"])
    }
  }

  @Test func timeBoundsAreTestedAgainstTheTimeOfTheOperation() async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls"])
      let now = house.time.now()
      own.bind("book") { call, transaction in
        try await transaction.create(
          "bookings",
          [
            "band": band["id"] ?? .null,
            "at": .string(now.adding(milliseconds: -60_000).description),
          ])
      }
      let arguments: JSON = ["band": band["id"] ?? .null]
      #expect(await own.refused("book", arguments) == "invalid /at future")
      let before = now.adding(milliseconds: -120_000)
      _ = try await own.call(
        "book", arguments, madeAt: OperationTime(claimed: before, lastAccepted: before))
    }
  }

  @Test func rolesThatAreInheritedCount() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { call, transaction in
        try call.require(role: "musician")
        return true
      }
      let house = own.house
      let editor = Caller(uid: house.ann.uid, roles: ["editor"])
      #expect(try await own.call("flag", by: editor) == true)
      #expect(await own.refused("flag") == "forbidden")
    }
  }

  @Test func peopleWithoutAnAccountCallPublicActionsOnly() async throws {
    try await ActionHouse.run { own async throws in
      own.bind("flag") { _, _ in true }
      #expect(await own.refused("flag", by: .everyone) == "unauthenticated")
      own.bind("flag", isPublic: true) { _, _ in true }
      #expect(try await own.call("flag", by: .everyone) == true)
    }
  }

  @Test func aFunctionRunsBeforeTheTransactionAndItsMutationsAreTheCallers() async throws {
    try await ActionHouse.run { own async throws in
      let house = own.house
      let band = try await house.create("bands", ["name": "Owls"])
      let id = RecordsHouse.uuid(band["id"])
      own.bindFunction("book") { call in
        // It may take its time.
        try await Task.sleep(nanoseconds: 1_000_000)
        return ActionOutcome(mutations: [
          ActionMutation(.create, "bookings", values: ["band": band["id"] ?? .null].object)
        ])
      }
      let arguments: JSON = ["band": band["id"] ?? .null]
      let booking = try await own.call("book", arguments, by: house.bob)
      #expect(booking["by"]?.string == house.bob.uid?.description)
      // Rows of others are as out of reach as in any request, and the first mutation goes too.
      own.bindFunction("book") { call in
        ActionOutcome(mutations: [
          ActionMutation(.create, "bookings", values: ["band": band["id"] ?? .null].object),
          ActionMutation(.update, "bands", id: id, values: ["name": "Mine"].object),
        ])
      }
      #expect(await own.refused("book", arguments, by: house.bob) == "forbidden")
      #expect(try await house.list("bookings", by: house.bob).count == 1)
      own.bindFunction("band") { call in
        ActionOutcome(
          mutations: [ActionMutation(.update, "bands", id: id, values: ["name": "New"].object)],
          result: .record(collection: "bands", id: id))
      }
      #expect(try await own.call("band", ["name": "x"])["name"] == "New")
      own.bindFunction("band") { call in
        ActionOutcome(mutations: [ActionMutation(.delete, "bands", id: id)])
      }
      #expect(try await own.call("band", ["name": "x"]) == .null)
      own.bindFunction("flag") { _ in ActionOutcome(mutations: []) }
      #expect(try await own.call("flag") == true)
      own.bindFunction("count") { _ in ActionOutcome(mutations: [], result: .value(7)) }
      #expect(try await own.call("count") == 7)
    }
  }
}

extension JSON {
  /// The members, of a literal that is an object.
  fileprivate var members: JSONObject { object ?? JSONObject() }
}

extension [String: JSON] {
  /// A JSON object, for parameters that take members.
  fileprivate var object: JSONObject {
    JSONObject(uniqueMembers: map { (key: $0.key, value: $0.value) })
  }
}
