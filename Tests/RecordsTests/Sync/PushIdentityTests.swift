import Queries
import Records
import RoostCore
import SyncProtocol
import TestEngine
import Testing

/// Every mutation takes place once, however often, in whatever order and from how many copies of a
/// device it comes.
@Suite struct PushIdentityTests {
  private static func counting(_ phone: inout Phone, _ count: Int) {
    phone.make([.note(row(1), ["title": "a"])])
    for _ in 0..<count { phone.make([.edit(row(1), ["count": ["$increment": 1]])]) }
  }

  private func total(_ own: PushHouse) async throws -> Int64? {
    try await own.note(row(1))["count"]?.int
  }

  @Test func aPushIsTakenInOnceHoweverOftenItComes() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 5)
      let first = try await own.push(phone.push())
      #expect(first.words == ["ok", "ok", "ok", "ok", "ok", "ok"])
      #expect(first.status.position == phone.position)
      #expect(try await own.push(phone.push()) == first)
      #expect(try await own.push(phone.push(from: 3)).words == ["ok", "ok", "ok", "ok"])
      #expect(try await total(own) == 5)
    }
  }

  @Test func aRepeatThatBringsMoreIsTakenInFromThereOn() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 2)
      _ = try await own.push(phone.push())
      phone.make([.edit(row(1), ["count": ["$increment": 10]])])
      let pushed = try await own.push(phone.push(from: 2))
      #expect(pushed.words == ["ok", "ok", "ok"])
      #expect(pushed.status.position == phone.position)
      #expect(try await total(own) == 12)
    }
  }

  @Test func identicalPushesAtOnceTakePlaceOnce() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 20)
      for start in [1, 8] as [Int64] {
        let push = Push(
          cid: phone.cid, lane: phone.lane,
          mutations: phone.made.filter { $0.seq < start + 14 && $0.seq >= start })
        let answers = try await withThrowingTaskGroup(of: Pushed.self) { group in
          for _ in 0..<2 { group.addTask { try await own.push(push) } }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers[0] == answers[1])
        #expect(answers[0].state == .taken)
      }
      #expect(try await total(own) == 20)
      #expect(try await own.count("roost_mutation") == "21")
    }
  }

  @Test func aCopyOfADeviceAndTheOriginalTakePlaceOnceAtOnce() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a"])])
      _ = try await own.push(phone.push())
      for _ in 0..<10 { phone.make([.edit(row(1), ["count": ["$increment": 1]])]) }
      // The copy has taken an identity of its own and pushes all that it holds.
      var copy = Phone(2)
      for mutation in phone.made { copy.make(mutation.operations, oid: mutation.oid) }
      let (original, forked) = (phone.push(), copy.push())
      let answers = try await withThrowingTaskGroup(of: Pushed.self) { group in
        group.addTask { try await own.push(original) }
        group.addTask { try await own.push(forked) }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for answer in answers { #expect(answer.status.position.last == 11) }
      #expect(try await total(own) == 10)
      // What was answered to the copy is answered again when it repeats itself.
      #expect(try await own.push(copy.push()).state == .taken)
      #expect(try await own.push(copy.push(from: 4)).state == .taken)
    }
  }

  @Test func whatWasTakenInSurvivesARestart() async throws {
    let folder = RecordsHouse.folder()
    var phone = Phone(1)
    PushIdentityTests.counting(&phone, 3)
    let first = try await PushHouse(folder: folder)
    _ = try await first.push(phone.push())
    await first.house.close(keepingFolder: true)
    let second = try await PushHouse(folder: folder)
    let again = try await second.push(phone.push())
    phone.make([.edit(row(1), ["count": ["$increment": 1]])])
    let more = try await second.push(phone.last)
    let count = try await total(second)
    await second.house.close()
    #expect(again.words == ["ok", "ok", "ok", "ok"])
    #expect(more.words == ["ok"])
    #expect(count == 4)
  }

  @Test func whatComesOutOfOrderWaitsForWhatIsMissing() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 4)
      let gap = try await own.push(phone.push(from: 3))
      #expect(gap.state == .gap)
      #expect(gap.results.isEmpty)
      #expect(gap.status.position.last == 0)
      #expect(try await own.count("roost_client") == "0")
      #expect(try await own.push(phone.push()).state == .taken)
      #expect(try await total(own) == 4)
    }
  }

  @Test func lineagesThatPartedAreToldHowFarTheyAreTheSame() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 2)
      var copy = phone
      phone.make([.edit(row(1), ["title": "phone"])])
      phone.make([.edit(row(1), ["title": "phone 2"])])
      copy.make([.edit(row(1), ["title": "copy"])])
      _ = try await own.push(phone.push())
      let forked = try await own.push(copy.push(from: 2))
      #expect(forked.state == .forked)
      #expect(forked.common == 3)
      #expect(forked.status.position == phone.position)
      #expect(try await own.note(row(1))["title"] == "phone 2")
      // One that knows nothing of what was taken in.
      copy.make([.edit(row(1), ["title": "copy"])])
      copy.make([.edit(row(1), ["title": "copy"])])
      let late = try await own.push(copy.push(from: 6))
      #expect(late.state == .forked)
      #expect(late.common == 0)
    }
  }

  @Test func aForkBringsEverythingAgainAndNothingTakesPlaceTwice() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 3)
      phone.make([.edit(row(9), ["title": "nothing there"])])
      _ = try await own.push(phone.push())
      var fork = Phone(2)
      for mutation in phone.made { fork.make(mutation.operations, oid: mutation.oid) }
      fork.make([.edit(row(1), ["count": ["$increment": 1]])])
      let answer = try await own.push(fork.push())
      #expect(answer.words == ["dup", "dup", "dup", "dup", "rejected row_gone", "ok"])
      #expect(try await own.push(fork.push()).words == answer.words)
      #expect(try await total(own) == 4)
    }
  }

  /// As a device brings it once more that had come before the one whose row it is about.
  @Test func whatLackedARowIsCarriedOutWhereItComesOnceMore() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      let ann = JSON.string(own.house.ann.uid?.description ?? "")
      let edit = phone.make([.edit(row(1), ["count": ["$increment": 5]])])
      let task = phone.make([
        .new("tasks", row(2), ["by": ann, "note": .string(row(1).description)])
      ])
      // A refusal for anything else stands.
      let wrong = phone.make([.edit(row(1), ["nothing": 1])])
      #expect(
        try await own.push(phone.push()).words
          == ["rejected row_gone", "rejected invalid", "rejected invalid"])
      let twin = phone
      var other = Phone(2)
      other.make([.note(row(1), ["title": "of another device"])])
      #expect(try await own.push(other.push()).words == ["ok"])
      // At its own place it is a repeat, as ever.
      #expect(try await own.push(phone.push()).words.first == "rejected row_gone")
      for mutation in [edit, task, wrong] { phone.make(mutation.operations, oid: mutation.oid) }
      let again = phone.push(from: 4)
      #expect(try await own.push(again).words == ["ok", "ok", "rejected invalid"])
      #expect(try await own.note(row(1))["count"] == 5)
      // A copy of the device, with all of it in its log twice, changes nothing.
      var fork = Phone(3)
      for mutation in twin.made + phone.made {
        fork.make(mutation.operations, oid: mutation.oid)
      }
      let words = try await own.push(fork.push()).words
      #expect(
        words == Array(repeating: ["dup", "dup", "rejected invalid"], count: 3).flatMap { $0 })
      #expect(try await own.note(row(1))["count"] == 5)
      #expect(try await own.count("roost_mutation") == "4")
      #expect(try await own.push(again).words == ["ok", "ok", "rejected invalid"])
    }
  }

  @Test func bothPlacesMayComeInOnePush() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      let edit = phone.make([.edit(row(1), ["count": ["$increment": 5]])])
      phone.make([.note(row(1), ["title": "a"])])
      for _ in 0..<2 { phone.make(edit.operations, oid: edit.oid) }
      #expect(
        try await own.push(phone.push()).words == ["rejected row_gone", "ok", "ok", "dup"])
      #expect(try await own.note(row(1))["count"] == 5)
      #expect(try await own.count("roost_mutation") == "2")
    }
  }

  @Test func aClientBelongsToTheAccountThatUsedItFirst() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 1)
      _ = try await own.push(phone.push())
      for lane in [Lane.live, .daily] {
        var other = Phone(1, lane: lane)
        other.make([.edit(row(1), ["title": "bob"])])
        let answer = try await own.push(other.push(), by: own.house.bob)
        #expect(answer.state == .forked)
        #expect(answer.common == 0)
        #expect(answer.status.position.last == 0)
        #expect(answer.results.isEmpty)
      }
      #expect(try await own.note(row(1))["title"] == "a")
      // And what another account has pushed is neither a repeat nor carried out once more.
      var bobs = Phone(3)
      bobs.make([.edit(row(1), ["title": "bob"])], oid: phone.made[0].oid)
      #expect(
        try await own.push(bobs.push(), by: own.house.bob).words == ["rejected foreign"])
      #expect(try await own.note(row(1))["title"] == "a")
    }
  }

  @Test func aLieAboutTheSequenceEndsInAGapOrAFork() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 2)
      _ = try await own.push(phone.push())
      func lie(_ seq: Int64, after prev: ChainHash) async throws -> Pushed.State {
        let mutation = ClientMutation(
          seq: seq, after: prev, nonce: 77, stamp: phone.made[0].stamp, schema: "1.0.0",
          operations: [.edit(row(1), ["title": "lie"])])
        return try await own.push(
          Push(cid: phone.cid, lane: phone.lane, mutations: [mutation])
        ).state
      }
      #expect(try await lie(1 << 53, after: phone.position.chain) == .gap)
      #expect(try await lie(4, after: phone.made[0].chain) == .forked)
      #expect(try await lie(1, after: Chain.genesis(client: phone.cid, lane: .live)) == .forked)
      #expect(try await own.note(row(1))["title"] == "a")
      phone.make([.edit(row(1), ["title": "true"])])
      #expect(try await own.push(phone.last).words == ["ok"])
    }
  }

  @Test func aForgedChainIsRejectedAndTheQueueGoesOn() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a"])])
      phone.make([.edit(row(1), ["title": "b"])])
      phone.make([.edit(row(1), ["best": 5])])
      var text = String(decoding: Frame.push(phone.push()).encoded, as: UTF8.self)
      text = text.replacing("\"title\":\"b\"", with: "\"title\":\"c\"")
      guard case .push(let forged) = try FrameReader().frame(Array(text.utf8)) else {
        Issue.record("no push was read")
        return
      }
      let pushed = try await own.push(forged)
      #expect(pushed.words == ["ok", "rejected chain_mismatch", "ok"])
      #expect(try await own.note(row(1))["title"] == "a")
      #expect(try await own.note(row(1))["best"] == 5)
    }
  }

  @Test func resultsAreForgottenAfterFourHundredDaysAndLanesNever() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      PushIdentityTests.counting(&phone, 2)
      _ = try await own.push(phone.push())
      own.house.time.advance(399 * 86_400_000)
      try await own.house.records.removeExpiredMutations()
      #expect(try await own.count("roost_mutation") == "3")
      own.house.time.advance(2 * 86_400_000)
      try await own.house.records.removeExpiredMutations()
      #expect(try await own.count("roost_mutation") == "0")
      #expect(try await own.count("roost_client") == "1")
      // A repeat from so long ago is still none that takes place.
      let repeated = try await own.push(phone.push())
      #expect(repeated.state == .taken)
      #expect(repeated.words == ["dup", "dup", "dup"])
      #expect(try await total(own) == 2)
    }
  }
}
