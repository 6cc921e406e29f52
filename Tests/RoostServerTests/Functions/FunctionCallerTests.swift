import Queries
import Records
import RoostCore
import RoostServer
import Testing

@Suite("As whom functions write")
struct FunctionCallerTests {
  private static let schema = """
    enum Role @roles { steward }
    type Booking @collection @allow(ops: [ALL], owner: "owner")
      @allow(ops: [ALL], roles: ["steward"]) { owner: User! title: String! }
    """

  private func caller(_ roles: Set<String>) -> Caller {
    Caller(uid: AppFunction.callerID("audit", depth: 1), roles: roles, isService: true)
  }

  @Test("A function owns nothing: an owner is not filled in with it, nor taken from it")
  func ownsNothing() async throws {
    let house = try await ImportHouse(Self.schema)
    let bookings = try #require(house.app.records.catalogue.collection(named: "bookings"))
    let steward = Mutation.Author.caller(caller(["steward"]))
    let missing = await #expect(throws: RoostError.self) {
      try await house.app.records.create(bookings, ["title": "x"], by: steward)
    }
    #expect(missing?.issues.map(\.pointer) == ["/owner"])
    #expect(missing?.issues.map(\.code) == ["required"])
    let own = AppFunction.callerID("audit", depth: 1)
    let dangling = await #expect(throws: RoostError.self) {
      try await house.app.records.create(
        bookings, ["title": "x", "owner": .string(own.description)], by: steward)
    }
    #expect(dangling?.code == .invalid)
    await house.close()
  }

  @Test(
    "What the server does because of a function bears its id, because of a person nobody's",
    arguments: [true, false])
  func consequences(isFunction: Bool) async throws {
    let house = try await ImportHouse(
      "type Note @collection @allow(ops: [ALL]) { title: String }", followers: false)
    let records = house.app.records
    let cause =
      isFunction ? AppFunction.callerID("audit", depth: 3) : DerivedID.key("imported:17")
    try await house.app.database.write { transaction in
      let own = ActionTransaction(
        records, transaction, as: .server(because: cause), operationID: UUID(high: 1, low: 1))
      _ = try await own.asServer.create("notes", ["title": "x"])
      try own.end()
    }
    let named = try await house.app.database.read(.statement) { reader in
      try await reader.first("SELECT actor FROM roost_log ORDER BY position DESC LIMIT 1") {
        [$0.uuid(0)]
      }
    }
    #expect(named == [isFunction ? cause : nil])
    await house.close()
  }

  @Test("Who made a change and how deep it lies is one id each")
  func identities() {
    var ids: Set<UUID> = []
    for name in ["a", "b", "a/1"] {
      for depth in 1...AppFunction.deepest { ids.insert(AppFunction.callerID(name, depth: depth)) }
    }
    #expect(ids.count == 3 * AppFunction.deepest)
    #expect(AppFunction.callerID("a", depth: 2) == AppFunction.callerID("a", depth: 2))
    #expect(AppFunction.operationID("a", "x") != AppFunction.operationID("b", "x"))
  }
}
