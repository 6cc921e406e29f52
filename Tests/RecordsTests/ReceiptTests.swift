import Foundation
import Queries
import Records
import RoostCore
import TestEngine
import Testing

private let schema = """
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    title: String! @constraint(maxLength: 10)
    slug: String @unique
  }
  """

extension RecordsHouse {
  /// Creates a note in a transaction that leaves a receipt.
  @discardableResult
  fileprivate func createNote(_ title: JSON, leaving claim: ReceiptClaim) async throws -> Receipt {
    let operation = try records.prepareCreate(
      collection("notes"), ["title": title], by: .caller(ann))
    let plan = ReceiptPlan(claim: claim) { outcomes in
      guard case .record(let record)? = outcomes.first else {
        return Receipt(status: 500, headers: [], body: [])
      }
      return Receipt(
        status: 201, headers: [("Location", "/v1/notes/\(record.id)"), ("ETag", "\"1\"")],
        body: record.json)
    }
    return try await records.batch([operation], answerBytes: .max, leaving: plan)
  }

  fileprivate func count(_ table: SQL) async throws -> String {
    try await texts("SELECT count(*) FROM \(table)").first ?? "none"
  }
}

private func claim(
  _ key: String = "k", by principal: String = "ann", _ fingerprint: UInt8 = 1
) -> ReceiptClaim {
  ReceiptClaim(
    principal: principal, key: key, route: "POST /v1/notes",
    fingerprint: [UInt8](repeating: fingerprint, count: 32))
}

@Suite struct ReceiptTests {
  @Test func aReceiptIsReadBackAsItWasLeft() async throws {
    let house = try await RecordsHouse(schema)
    #expect(try await house.records.receipt(for: claim()) == nil)
    let left = try await house.createNote("a", leaving: claim())
    let found = try #require(try await house.records.receipt(for: claim()))
    #expect(found.status == 201 && found.body == left.body)
    #expect(found.headers.map(\.name) == ["Location", "ETag"])
    #expect(found.headers.map(\.value) == left.headers.map(\.value))
    #expect(try await house.count("notes") == "1")
    await house.close()
  }

  @Test func aReceiptOutlivesTheProcess() async throws {
    let folder = RecordsHouse.folder()
    let first = try await RecordsHouse(schema, folder: folder)
    let left = try await first.createNote("a", leaving: claim())
    await first.close(keepingFolder: true)
    let second = try await RecordsHouse(schema, folder: folder)
    #expect(try await second.records.receipt(for: claim())?.body == left.body)
    await second.close()
  }

  @Test(
    arguments: [
      ("k", "ann", 2, true), ("k", "bob", 1, false), ("k0", "ann", 2, false),
      ("K", "ann", 2, false),
    ] as [(String, String, UInt8, Bool)])
  func aKeyBelongsToOnePrincipalAndOneRequest(
    key: String, principal: String, fingerprint: UInt8, isReused: Bool
  ) async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim())
    let other = claim(key, by: principal, fingerprint)
    let error = await refusal {
      let found = try await house.records.receipt(for: other)
      #expect(found == nil)
    }
    #expect(error?.code == (isReused ? .invalid : nil))
    #expect(error?.issues.map(\.pointer) == (isReused ? ["Idempotency-Key"] : nil))
    await house.close()
  }

  @Test func whoComesSecondWithAClaimLeavesNothing() async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim())
    let error = await refusal { try await house.createNote("b", leaving: claim()) }
    #expect(error?.code == .conflict && error?.retryAfterSeconds != nil)
    #expect(try await house.texts("SELECT title FROM notes") == ["a"])
    #expect(try await house.count("roost_log") == "1")
    await house.close()
  }

  @Test func aRefusedWriteLeavesNoReceipt() async throws {
    let house = try await RecordsHouse(schema)
    try await house.create("notes", ["title": "a", "slug": "s"])
    let operation = try house.records.prepareCreate(
      house.collection("notes"), ["title": "b", "slug": "s"], by: .caller(house.ann))
    let plan = ReceiptPlan(claim: claim()) { _ in Receipt(status: 201, headers: [], body: []) }
    await #expect(throws: BatchFailure.self) {
      try await house.records.batch([operation], answerBytes: .max, leaving: plan)
    }
    #expect(try await house.count("roost_receipt") == "0")
    try await house.createNote("b", leaving: claim())
    await house.close()
  }

  @Test func aReceiptIsGoodForADayAndIsReplacedThen() async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim())
    house.time.advance(ReceiptClaim.keptMilliseconds - 1)
    #expect(try await house.records.receipt(for: claim()) != nil)
    house.time.advance(1)
    #expect(try await house.records.receipt(for: claim("k", 2)) == nil)
    try await house.createNote("b", leaving: claim("k", 2))
    #expect(try await house.records.receipt(for: claim("k", 2)) != nil)
    #expect(try await house.count("roost_receipt") == "1")
    await house.close()
  }

  @Test func onlyExpiredReceiptsAreRemovedHoweverMany() async throws {
    let house = try await RecordsHouse(schema)
    let database = house.database
    let time = house.time
    try await database.write { transaction in
      for number in 0..<1203 {
        try await transaction.execute(
          """
          INSERT INTO roost_receipt VALUES (\("ann"), \("old \(number)"), \(""), \([UInt8]()), \
          \(time.now()), 204, \("[]"), \([UInt8]()))
          """)
      }
    }
    house.time.advance(ReceiptClaim.keptMilliseconds)
    try await house.createNote("new", leaving: claim())
    try await house.records.removeExpiredReceipts()
    #expect(try await house.texts("SELECT key FROM roost_receipt") == ["k"])
    await house.close()
  }

  // MARK: Parts

  @Test func aPartLeavesAReceiptOfItsOwn() async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim().part(3))
    #expect(try await house.records.receipt(for: claim().part(3)) != nil)
    #expect(try await house.records.receipt(for: claim().part(30)) == nil)
    #expect(try await house.records.receipt(for: claim()) == nil)
    await house.close()
  }

  @Test func aKeyOfWhichAPartWasUsedBelongsToThatRequest() async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim().part(3))
    let error = await refusal { _ = try await house.records.receipt(for: claim("k", 2)) }
    #expect(error?.code == .invalid)
    #expect(try await house.records.receipt(for: claim("k3", 2)) == nil)
    await house.close()
  }

  @Test func theWholeTakesThePlaceOfItsParts() async throws {
    let house = try await RecordsHouse(schema)
    for part in [0, 1, 10] { try await house.createNote("a", leaving: claim().part(part)) }
    try await house.createNote("a", leaving: claim("k0"))
    try await house.records.leave(
      Receipt(status: 200, headers: [], body: [123, 125]), for: claim(), parts: 3)
    #expect(
      try await house.texts("SELECT key FROM roost_receipt ORDER BY key") == ["k", "k0"])
    #expect(try await house.records.receipt(for: claim())?.status == 200)
    await house.close()
  }

  @Test(arguments: [1, 3])
  func theWholeDoesNotTakeThePlaceOfPartsThatItDoesNotKnow(parts: Int) async throws {
    let house = try await RecordsHouse(schema)
    for part in 0..<2 { try await house.createNote("a", leaving: claim().part(part)) }
    let error = await refusal {
      try await house.records.leave(
        Receipt(status: 200, headers: [], body: []), for: claim(), parts: parts)
    }
    #expect(error?.code == .conflict)
    #expect(
      try await house.texts("SELECT key FROM roost_receipt ORDER BY key") == ["k 0", "k 1"])
    await house.close()
  }

  @Test func noPartIsCarriedOutBehindItsWhole() async throws {
    let house = try await RecordsHouse(schema)
    try await house.createNote("a", leaving: claim().part(0))
    try await house.records.leave(
      Receipt(status: 200, headers: [], body: []), for: claim(), parts: 1)
    // As by a process that looked for the whole before it was there.
    for part in 0..<2 {
      let error = await refusal { try await house.createNote("b", leaving: claim().part(part)) }
      #expect(error?.code == .conflict && error?.retryAfterSeconds == 1)
    }
    #expect(try await house.texts("SELECT key FROM roost_receipt") == ["k"])
    #expect(try await house.count("notes") == "1")
    for other in [claim("k0").part(0), claim(by: "bob").part(0)] {
      try await house.createNote("c", leaving: other)
    }
    house.time.advance(ReceiptClaim.keptMilliseconds)
    try await house.createNote("d", leaving: claim().part(0))
    #expect(try await house.count("notes") == "4")
    await house.close()
  }

  @Test(.enabled(if: TestEngine.current == .postgres, "SQLite has one writer"))
  func aPartWaitsForAWholeThatIsAboutToBeThere() async throws {
    let house = try await RecordsHouse(schema)
    let release = DispatchSemaphore(value: 0)
    let lock = try #require(house.database.dialect.lockOfText)
    let begun = AsyncStream<Void>.makeStream()
    async let whole: Void = house.database.write { transaction in
      try await transaction.query(Statement(lock), [.text("receipt ann k")]) { _ in false }
      try await transaction.execute(
        """
        INSERT INTO roost_receipt VALUES (\("ann"), \("k"), \(""), \([UInt8](repeating: 1, count: 32)), \
        \(house.time.now()), 200, \("[]"), \([UInt8]()))
        """)
      begun.continuation.finish()
      block(release)
    }
    for await _ in begun.stream {}
    async let part = refusal { try await house.createNote("a", leaving: claim().part(0)) }
    var waits = false
    for _ in 0..<500 where !waits {
      waits =
        try await house.texts(
          "SELECT CAST(1 AS text) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ) != []
      if !waits { try await Task.sleep(nanoseconds: 20_000_000) }
    }
    release.signal()
    try await whole
    let refused = await part
    #expect(refused?.code == .conflict, "\(String(describing: refused))")
    #expect(waits)
    #expect(try await house.count("notes") == "0")
    await house.close()
  }

  // MARK: Room

  @Test func receiptsTakeTheRoomOfTheirOwnPrincipalAndNoMore() async throws {
    // Each takes a KB and its body, which is a little more than 200 bytes here.
    let house = try await RecordsHouse(schema, receiptBytes: 3000)
    for number in 0..<3 { try await house.createNote("a", leaving: claim("k\(number)")) }
    house.time.advance(10_000)
    for key in ["k3", "k4"] {
      let error = await refusal { try await house.createNote("b", leaving: claim(key)) }
      #expect(error?.code == .rateLimited)
      #expect(error?.retryAfterSeconds == 86_391)
    }
    // What was carried out is still known, others go on, and so does a write without a key.
    #expect(try await house.records.receipt(for: claim("k0")) != nil)
    try await house.createNote("c", leaving: claim("k3", by: "bob"))
    try await house.create("notes", ["title": "d"])
    #expect(try await house.count("notes") == "5")
    house.time.advance(ReceiptClaim.keptMilliseconds - 10_000)
    try await house.createNote("e", leaving: claim("k3"))
    await house.close()
  }

  @Test func receiptsThatAnotherProcessLeftCountWithinAMinute() async throws {
    let house = try await RecordsHouse(schema, receiptBytes: 5000)
    try await house.createNote("a", leaving: claim("k0"))
    let time = house.time
    _ = try await house.database.write { transaction in
      try await transaction.execute(
        """
        INSERT INTO roost_receipt VALUES (\("ann"), \("other"), \(""), \([UInt8]()), \
        \(time.now()), 200, \("[]"), \([UInt8](repeating: 32, count: 3000)))
        """)
    }
    try await house.createNote("b", leaving: claim("k1"))
    house.time.advance(60_000)
    let error = await refusal { try await house.createNote("c", leaving: claim("k2")) }
    #expect(error?.code == .rateLimited)
    await house.close()
  }

  @Test func receiptsHaveNoBoundWhereNoneIsSet() async throws {
    let house = try await RecordsHouse(schema, receiptBytes: nil)
    for number in 0..<5 { try await house.createNote("a", leaving: claim("k\(number)")) }
    #expect(try await house.count("roost_receipt") == "5")
    await house.close()
  }

  @Test func partsThatWereTakenTogetherCountOnce() async throws {
    let house = try await RecordsHouse(schema, receiptBytes: 4000)
    for part in 0..<3 { try await house.createNote("a", leaving: claim().part(part)) }
    try await house.records.leave(
      Receipt(status: 200, headers: [], body: [UInt8](repeating: 32, count: 600)), for: claim(),
      parts: 3)
    // 1.6 KB are taken.
    try await house.createNote("b", leaving: claim("k1"))
    try await house.createNote("b", leaving: claim("k2"))
    let error = await refusal { try await house.createNote("c", leaving: claim("k3")) }
    #expect(error?.code == .rateLimited)
    await house.close()
  }
}

private func block(_ semaphore: DispatchSemaphore) { semaphore.wait() }

private func claim(_ key: String, _ fingerprint: UInt8) -> ReceiptClaim {
  claim(key, by: "ann", fingerprint)
}
