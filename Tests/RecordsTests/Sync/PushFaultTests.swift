import Queries
import RoostCore
import SyncProtocol
import Testing

@testable import Records

/// Faults of the server in the middle of a push: nothing is rejected for them, and nothing wedges.
@Suite struct PushFaultTests {
  private static func broken(_ titles: String...) -> Phone {
    var phone = Phone(1)
    phone.make([.note(row(1), ["title": "a"])])
    for title in titles { phone.make([.call("break", ["title": .string(title)])]) }
    phone.make([.note(row(2), ["title": "b"])])
    return phone
  }

  private func titles(_ own: PushHouse) async throws -> [String] {
    try await own.house.texts("SELECT title FROM notes ORDER BY title")
  }

  @Test(
    arguments: [
      (RoostError(.storageFull, "The disk is full."), "overloaded"),
      (RoostError(.overloaded, "Too much.", retryAfterSeconds: 7), "overloaded"),
      (RoostError(.draining, "Soon."), "draining"),
      (RoostError(.timeout, "Too long."), "overloaded"),
      (RoostError(.internalError, "A bug."), "internal"),
      (CancellationError(), "overloaded"),
    ] as [(any Error, String)])
  func aFaultEndsThePushWhereItArises(_ fault: any Error, _ kind: String) async throws {
    try await PushHouse.run { own async throws in
      let phone = PushFaultTests.broken("x")
      own.fault.set(fault)
      let taken = try await own.take(phone.push())
      // What came before it counts, and nothing of it or behind it.
      #expect(taken.pushed?.words == ["ok"])
      #expect(taken.pushed?.status.position.last == 1)
      #expect(taken.fault?.kind.rawValue == kind)
      #expect((taken.fault?.retryAfterSeconds ?? 0) >= 1)
      if let error = fault as? RoostError, let seconds = error.retryAfterSeconds {
        #expect(taken.fault?.retryAfterSeconds == seconds)
      }
      #expect(try await titles(own) == ["a"])
      own.fault.set(nil)
      #expect(try await own.push(phone.push(from: 2)).words == ["ok", "ok"])
      #expect(try await titles(own) == ["a", "b", "x"])
    }
  }

  @Test func whatIsTheMutationsOwnFaultIsAResultAsEver() async throws {
    for (error, word) in [
      (RoostError(.forbidden, "No."), "rejected denied"), (PushHouse.Oops(), "rejected failed"),
    ] as [(any Error, String)] {
      try await PushHouse.run { own async throws in
        own.fault.set(error)
        let phone = PushFaultTests.broken("x")
        #expect(try await own.push(phone.push()).words == ["ok", word, "ok"])
        #expect(try await titles(own) == ["a", "b"])
      }
    }
  }

  @Test func aPoisonousMutationIsGivenUpAfterEnoughAttemptsOverAnHour() async throws {
    try await PushHouse.run { own async throws in
      let phone = PushFaultTests.broken("x")
      own.fault.set(RoostError(.internalError, "A bug."))
      #expect(try await own.take(phone.push()).pushed?.words == ["ok"])
      var pauses: [Int] = []
      for _ in 0..<10 {
        let taken = try await own.take(phone.push(from: 2))
        #expect(taken.pushed?.words == [])
        pauses.append(taken.fault?.retryAfterSeconds ?? 0)
      }
      #expect(pauses == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900])
      own.house.time.advance(PoisonedMutations.milliseconds)
      let taken = try await own.take(phone.push(from: 2))
      #expect(taken.fault == nil)
      #expect(taken.pushed?.words == ["rejected failed", "ok"])
      #expect(try await titles(own) == ["a", "b"])
      // Its result is kept as any other.
      #expect(
        try await own.push(phone.push()).words == ["ok", "rejected failed", "ok"])
    }
  }

  @Test func timeAloneGivesNothingUp() async throws {
    try await PushHouse.run { own async throws in
      let phone = PushFaultTests.broken("x")
      own.fault.set(RoostError(.internalError, "A bug."))
      _ = try await own.take(phone.push())
      own.house.time.advance(10 * PoisonedMutations.milliseconds)
      #expect(try await own.take(phone.push(from: 2)).fault?.kind == .internalFault)
      own.fault.set(nil)
      #expect(try await own.push(phone.push(from: 2)).words == ["ok", "ok"])
    }
  }

  @Test func aLongPushGoesInSeveralTransactionsAndItsResultsAreInOrder() async throws {
    try await PushHouse.run { own async throws in
      var phone = Phone(1)
      phone.make([.note(row(1), ["title": "a", "low": 1, "high": 9])])
      var expected = ["ok"]
      for number in 2...1000 {
        // Each tenth breaks a rule of the schema.
        let high = number % 10 == 0 ? 0 : 9
        phone.make([.edit(row(1), ["high": .int(Int64(high)), "best": .int(Int64(number))])])
        expected.append(high == 0 ? "rejected invalid" : "ok")
      }
      #expect(try await own.push(phone.push()).words == expected)
      #expect(try await own.note(row(1))["best"] == 999)
      #expect(try await own.push(phone.push()).words == expected)
      // A copy of the device with other changes from some place on.
      var copy = Phone(1)
      copy.make([.note(row(1), ["title": "a", "low": 1, "high": 9])])
      copy.make([.edit(row(1), ["best": 5])])
      let forked = try await own.push(copy.push())
      #expect(forked.state == .forked)
      #expect(forked.common == 1)
    }
  }
}
