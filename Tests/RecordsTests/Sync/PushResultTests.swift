import Queries
import Records
import RoostCore
import Schema
import SyncProtocol
import Testing

/// Whatever a device brings ends in a result that a person can be shown, and the queue goes on.
@Suite struct PushResultTests {
  /// Bad input, with the code of its result.
  ///
  /// Row 1 is a note of Ann's, row 2 one that is deleted, row 3 is Ann's own record that nobody
  /// else sees.
  static let bad: [(String, ClientOperation)] = [
    ("row_gone", .edit(row(8), ["title": "no such row"])),
    ("row_gone", .edit(row(2), ["title": "deleted"])),
    ("row_gone", .delete(collection: "notes", id: row(2))),
    ("row_gone", .change("owns", row(3), ["text": "x"])),
    ("row_gone", .delete(collection: "owns", id: row(3))),
    ("exists", .note(row(1), ["title": "other"])),
    ("exists", .note(row(2), ["title": "comes back"])),
    ("taken", .note(row(7), ["code": "unique"])),
    ("taken", .edit(row(4), ["code": "unique"])),
    ("invalid", .edit(row(1), ["title": "a title that is far too long for it"])),
    ("invalid", .edit(row(1), ["nothing": 1])),
    ("invalid", .edit(row(1), ["title": 7])),
    ("invalid", .edit(row(1), ["rank": 1])),
    ("invalid", .edit(row(1), ["version": 9])),
    ("invalid", .edit(row(1), ["kept": "changed"])),
    ("invalid", .edit(row(1), ["count": ["$increment": -5]])),
    ("invalid", .edit(row(1), ["low": 3, "high": 2])),
    ("invalid", .edit(row(1), ["id": .string(row(5).description)])),
    ("denied", .edit(row(1), ["secret": "guess"])),
    ("denied", .new("gadgets", row(7), ["x": 1])),
    ("denied", .new("ledgers", row(7), ["x": 1])),
    ("denied", .change("_conflicts", row(7), ["mine": 1])),
    ("invalid", .new("gone", row(7), ["x": 1])),
    ("restricted", .delete(collection: "notes", id: row(1))),
    ("not_found", .call("nothing")),
    ("invalid", .call("jot", ["titel": "x"])),
    ("invalid", .call("jot", ["title": "a title that is far too long for it"])),
    ("failed", .call("spoil", ["id": .string(row(1).description)])),
    ("online_only", .call("outside")),
    ("row_gone", .resolve(conflict: row(9), choice: .mine)),
  ]

  private func prepare(_ own: PushHouse) async throws {
    var ann = Phone(90)
    ann.make([
      .note(
        row(1),
        [
          "title": "first", "code": "unique", "kept": "as it is", "secret": "s",
          "owner": .string(own.house.ann.uid?.description ?? ""),
        ])
    ])
    ann.make([.note(row(2), ["title": "second"]), .delete(collection: "notes", id: row(2))])
    ann.make([.new("owns", row(3), ["text": "mine"])])
    ann.make([.note(row(4), ["title": "fourth"])])
    ann.make([
      .new("bookings", row(6), ["note": .string(row(1).description)])
    ])
    #expect(try await own.push(ann.push()).words == ["ok", "ok", "ok", "ok", "ok"])
  }

  @Test func everyBadMutationIsAnsweredAndTheOnesAroundItTakePlace() async throws {
    try await PushHouse.run { own async throws in
      try await prepare(own)
      var phone = Phone(1)
      phone.make([.note(row(100), ["title": "good"])])
      for (_, operation) in PushResultTests.bad {
        phone.make([operation])
        phone.make([.edit(row(100), ["count": ["$increment": 1]])])
      }
      let pushed = try await own.push(phone.push(), by: own.house.bob)
      #expect(
        pushed.words == ["ok"] + PushResultTests.bad.flatMap { ["rejected " + $0.0, "ok"] })
      for result in pushed.results where result.outcome == .rejected {
        #expect(result.message?.count ?? 0 > 10, "\(result)")
        #expect(!String(describing: result).contains("\"s\""))
      }
      #expect(pushed.status.position == phone.position)
      let good = try await own.note(row(100))
      #expect(good["count"] == .int(Int64(PushResultTests.bad.count)))
      #expect(try await own.note(row(1))["title"] == "first")
      #expect(try await own.note(row(1))["code"] == "unique")
      // And again, from what is kept.
      #expect(try await own.push(phone.push(), by: own.house.bob) == pushed)
      let counts = own.house.records.pushStatistics
      #expect(counts.pushes == 3)
      #expect(counts.mutations[.rejected] == PushResultTests.bad.count)
      #expect(counts.mutations[.dup] == phone.made.count)
    }
  }

  @Test func aRejectedMutationLeavesNothingOfItsOtherOperations() async throws {
    try await PushHouse.run { own async throws in
      try await prepare(own)
      let logged = try await own.house.logged()
      var phone = Phone(1)
      for (_, operation) in PushResultTests.bad {
        phone.make([
          .note(row(200), ["title": "half"]), .edit(row(4), ["title": "half"]), operation,
        ])
      }
      let pushed = try await own.push(phone.push(), by: own.house.bob)
      #expect(pushed.words == PushResultTests.bad.map { "rejected " + $0.0 })
      #expect(try await own.note(row(4))["title"] == "fourth")
      #expect(try await own.house.logged() == logged)
      await #expect(throws: RoostError.self) { try await own.note(row(200)) }
      phone.make([.note(row(200), ["title": "whole"])])
      #expect(try await own.push(phone.last, by: own.house.bob).words == ["ok"])
    }
  }

  @Test func aPushWithManyRefusedHalfwayIsTakenInAsAWhole() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a", "code": "unique"])])
      for number in 0..<150 as Range<UInt64> {
        phone.make([
          .edit(row(1), ["count": ["$increment": 1]]),
          number % 10 == 3
            ? .note(row(50 + number), ["code": "unique"]) : .note(row(50 + number), [:]),
        ])
      }
      let pushed = try await own.push(phone.push())
      #expect(pushed.state == .taken)
      #expect(pushed.status.position == phone.position)
      let refused = (0..<150).filter { $0 % 10 == 3 }
      #expect(
        pushed.results.filter { $0.outcome == .rejected }.map { $0.seq }
          == refused.map { Int64($0 + 2) })
      #expect(try await own.note(row(1))["count"] == 135)
      #expect(try await own.count("roost_mutation") == "151")
      #expect(try await own.push(phone.push()) == pushed)
    }
  }

  @Test func issuesPointIntoTheMutation() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), [:]), .edit(row(1), ["title": 7, "count": "x"])])
      let result = try await own.push(phone.push()).results[0]
      #expect(result.issues.map(\.pointer) == ["/ops/1/args/title", "/ops/1/args/count"])
      #expect(result.issues.map(\.code) == ["type", "type"])
    }
  }

  /// What only a fault of the app can be is said so, and what is said to its developer is beside it.
  @Test(arguments: [
    (ClientOperation.call("nothing"), "/ops/0/name", "unknown_action"),
    (.edit(row(1), ["nothing": 1]), "/ops/0/args/nothing", "unknown_field"),
  ])
  func faultsOfTheAppAreToldAsSuch(
    _ operation: ClientOperation, _ pointer: String, _ code: String
  ) async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), [:])])
      phone.make([operation])
      let result = try await own.push(phone.push()).results[1]
      let issue = try #require(result.issues.first)
      #expect(issue.pointer == pointer)
      #expect(issue.code == code)
      #expect(result.message == ClientFault.told(issue.message))
    }
  }

  /// A person may have an old app: the sentence is for them, what stands beside it for its developer.
  @Test(arguments: [
    ("nots", "There is no collection \"nots\". Did you mean notes?"),
    ("quite another one", "There is no collection \"quite another one\"."),
  ])
  func aCollectionThatIsNotThereIsNamedWithTheNearestOne(
    _ name: String, _ technical: String
  ) async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), [:]), .new(name, row(7), ["x": 1])])
      phone.make([.delete(collection: name, id: row(7))])
      let results = try await own.push(phone.push()).results
      #expect(
        results.map { $0.issues.map(\.pointer) } == [["/ops/1/coll"], ["/ops/0/coll"]])
      for result in results {
        #expect(result.code == "invalid")
        #expect(
          result.message
            == "The app has no collection \"\(name)\": update the app on this device.")
        #expect(result.issues.map(\.code) == ["unknown_collection"])
        #expect(result.issues.map(\.message) == [technical])
      }
    }
  }

  @Test func aSumOutsideOfTheTypeOrItsConstraintIsInvalidWithTheReasonAmongTheErrors() async throws
  {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["count": 2_147_483_647])])
      phone.make([.edit(row(1), ["count": ["$increment": 1]])])
      phone.make([.edit(row(1), ["count": ["$increment": -2_147_483_648]])])
      let results = try await own.push(phone.push()).results[1...]
      #expect(results.map(\.code) == ["invalid", "invalid"])
      #expect(results.map { $0.issues.map(\.code) } == [["range"], ["min"]])
    }
  }

  @Test func aChoiceOfWhatAnotherRecordHasMeanwhileIsTaken() async throws {
    try await PushHouse.run { own async throws in
      var (phone, tablet) = (Phone(1), Phone(2))
      phone.make([.note(row(1), ["badge": "red"])])
      phone.make([.note(row(2), ["badge": "blue"])])
      _ = try await own.push(phone.push())
      tablet.make([.edit(row(1), ["badge": "green"])])
      let id = try #require(try await own.push(tablet.push()).results[0].conflicts.first)
      tablet.make([.resolve(conflict: id, choice: .value("blue"))])
      #expect(try await own.push(tablet.last).words == ["rejected taken"])
      tablet.make([.resolve(conflict: id, choice: .value("green"))])
      #expect(try await own.push(tablet.last).words == ["ok"])
    }
  }

  @Test func nobodyWritesToTheConflicts() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.change("_conflicts", row(1), ["mine": 1])])
      phone.make([.delete(collection: "_conflicts", id: row(1))])
      for result in try await own.push(phone.push()).results {
        #expect(result.code == "denied")
        #expect(result.message?.hasPrefix("Nobody can change this by hand:") == true)
      }
    }
  }

  @Test func anActionInAQueueIsCarriedOutOnceWithItsOwnIds() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.call("jot", ["title": "by action"])])
      #expect(try await own.push(phone.push()).words == ["ok"])
      #expect(try await own.push(phone.push()).words == ["ok"])
      #expect(try await own.house.list("notes").map { $0["title"] } == ["by action"])
    }
  }

  @Test func onlyWhoIsSignedInPushesAndOnlyAsMuchAsAFrameHolds() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), [:])])
      let push = phone.push()
      #expect(
        await refusal { _ = try await own.push(push, by: .everyone) }?.code == .unauthenticated)
      let service = Caller(uid: ServiceID.make(row(1)), isService: true)
      #expect(
        await refusal { _ = try await own.push(push, by: service) }?.code == .unauthenticated)
      for _ in 0..<1000 { phone.make([.edit(row(1), ["best": 1])]) }
      let large = phone.push()
      #expect(await refusal { _ = try await own.push(large) }?.code == .payloadTooLarge)
      #expect(try await own.count("roost_client") == "0")
      #expect(throws: RoostError.self) {
        try FrameReader().frame(Frame.push(large).encoded)
      }
    }
  }

  @Test func aSchemaThatIsNotServedAdvancesNothing() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), [:])])
      phone.make([.edit(row(1), ["title": "a"])])
      let push = phone.push()
      let lens = PushLens(lift: { mutation in
        if mutation.seq == 2 { throw UpgradeRequired("Update the app.") }
        return LiftedMutation(mutation.operations)
      })
      await #expect(throws: UpgradeRequired.self) {
        try await own.house.records.push(push, by: own.house.ann, lens: lens)
      }
      #expect(try await own.count("roost_client") == "0")
      let partial = PushLens(lift: { mutation in
        if mutation.seq == 2 { throw RoostError(.invalid, "title is not in the app any more.") }
        return LiftedMutation(mutation.operations)
      })
      let pushed = try await own.house.records.push(push, by: own.house.ann, lens: partial)
      #expect(pushed.pushed?.words == ["ok", "rejected invalid"])
    }
  }

  @Test func temporalRulesAreHeldAgainstWhenItWasMadeWithinBounds() async throws {
    try await PushHouse.run { own async throws in
      let now = own.house.time.now().milliseconds
      func booking(_ number: UInt64, at: Int64) -> ClientOperation {
        .new("bookings", row(number), ["at": .string(Timestamp(milliseconds: at).description)])
      }
      let hour: Int64 = 3_600_000
      var phone = Phone(1)
      // Made two hours ago for an hour ago: it lay in the future then.
      phone.make([booking(1, at: now - hour)], at: now - 2 * hour)
      phone.make([booking(2, at: now - hour)], at: now)
      // What was accepted last is not undercut: the clock says 1970, and counts as now.
      phone.make([booking(3, at: now - hour)], at: 0)
      // A clock of 2099 counts as now and a minute at most.
      phone.make([booking(4, at: now + 2 * hour)], at: 4_070_908_800_000)
      #expect(
        try await own.push(phone.push()).words
          == ["ok", "rejected invalid", "rejected invalid", "ok"])
    }
  }

  @Test(arguments: [0, 4_070_908_800_000])
  func aLyingClockIsNeverStoredBeyondAMinuteFromNow(_ claimed: Int64) async throws {
    try await PushHouse.run { own async throws in
      let now = own.house.time.now().milliseconds
      var honest = Phone(1)
      honest.make([.note(row(1), ["title": "made"])], at: now)
      // A creation is older than any edit; this is not.
      honest.make([.edit(row(1), ["title": "honest"])], at: now)
      _ = try await own.push(honest.push())
      own.house.time.advance(1000)
      var liar = Phone(2)
      liar.make([.edit(row(1), ["title": "liar"])], at: claimed)
      let words = try await own.push(liar.push(), by: own.house.bob).words
      #expect(words == [claimed == 0 ? "merged" : "ok"])
      own.house.time.advance(1000)
      honest.make([.edit(row(1), ["title": "later"])], at: now + 2000)
      #expect(try await own.push(honest.last).words == ["ok"])
      #expect(try await own.note(row(1))["title"] == "later")
      let clock = try await own.house.texts("SELECT CAST(max(clock) AS TEXT) FROM roost_client")
      let stored = try #require(clock.first.flatMap { UInt64($0) })
      #expect(HybridTime(rawValue: stored).milliseconds <= now + 62_000)
    }
  }
}
