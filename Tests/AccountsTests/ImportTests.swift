import Queries
import RoostCore
import Testing

@testable import Accounts

@Suite struct ImportTests {
  private struct Stop: Error {}

  @Test func anImportedAccountExistsOnceAndNobodySignsInToIt() async throws {
    try await AccountsFixture.run { fixture in
      let accounts = fixture.accounts
      let (id, other) = (accounts.ambient.newID(), accounts.ambient.newID())
      let made = try await fixture.database.write { transaction in
        [
          try await accounts.importUser(id: id, email: " A@Example.com", in: transaction),
          try await accounts.importUser(id: id, email: "a@example.com", in: transaction),
          try await accounts.exists(id, in: transaction),
          try await accounts.exists(other, in: transaction),
        ]
      }
      #expect(made == [true, false, true, false])
      let account = try await accounts.me(Caller(uid: id))
      #expect(account == Account(id: id, email: "a@example.com", isAnonymous: false))
      let refusal = await fixture.refusal { _ = try await fixture.login("a@example.com") }
      #expect(refusal?.code == .unauthenticated)
    }
  }

  @Test func anImportObeysItsTransaction() async throws {
    try await AccountsFixture.run { fixture in
      let accounts = fixture.accounts
      let id = accounts.ambient.newID()
      await #expect(throws: Stop.self) {
        try await fixture.database.write { transaction in
          try await accounts.importUser(id: id, in: transaction)
          throw Stop()
        }
      }
      let exists = try await fixture.database.read(.statement) { reader in
        try await accounts.exists(id, in: reader)
      }
      #expect(!exists)
    }
  }

  @Test func anAddressThatIsTakenOrNoneIsRefused() async throws {
    try await AccountsFixture.run { fixture in
      _ = try await fixture.register()
      let accounts = fixture.accounts
      for (email, code) in [("ADA@example.com", ErrorCode.conflict), ("ada", .invalid)] {
        let id = accounts.ambient.newID()
        let refusal = await fixture.refusal {
          _ = try await fixture.database.write { transaction in
            try await accounts.importUser(id: id, email: email, in: transaction)
          }
        }
        #expect(refusal?.code == code)
      }
    }
  }

  @Test func manyAreImportedAtOnceAndAgainWithoutHarm() async throws {
    try await AccountsFixture.run { fixture in
      let accounts = fixture.accounts
      let ids = (0..<2000).map { _ in accounts.ambient.newID() }
      let first = try await fixture.database.write { transaction in
        try await accounts.importUsers(ids + ids, in: transaction)
      }
      let second = try await fixture.database.write { transaction in
        try await accounts.importUsers(ids, in: transaction)
      }
      #expect(first == 2000)
      #expect(second == 0)
      #expect(try await fixture.count("SELECT count(*) FROM roost_user") == 2000)
    }
  }
}

@Suite struct RemovalTests {
  private let sessions: SQL = "SELECT count(*) FROM roost_session"

  @Test func endedSessionsAreRemovedAfterAWeekAndLiveOnesStay() async throws {
    try await AccountsFixture.run { fixture in
      let left = try await fixture.register()
      try await fixture.accounts.logout(try fixture.caller(left))
      fixture.time.pass(seconds: 7 * 86_400 - 1)
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count(sessions) == 1)
      fixture.time.pass(seconds: 2)
      let live = try await fixture.login()
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count(sessions) == 1)
      _ = try await fixture.refresh(live)
      fixture.time.pass(seconds: 37 * 86_400 + 1)
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count(sessions) == 0)
    }
  }

  @Test func manySessionsAreRemovedInBatches() async throws {
    try await AccountsFixture.run { fixture in
      for _ in 0..<1100 { _ = try await fixture.anonymous() }
      fixture.time.pass(seconds: 38 * 86_400)
      try await fixture.accounts.removeEnded()
      #expect(try await fixture.count(sessions) == 0)
      // The accounts stay: their lifetime is off.
      #expect(
        try await fixture.count("SELECT count(*) FROM roost_user WHERE deleted_at IS NULL") == 1100)
    }
  }

  @Test func anonymousAccountsEndWithTheirSessionsWhereThatIsWanted() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.anonymousLifetimeSeconds = 90 * 86_400
    try await AccountsFixture.run(configuration) { fixture in
      let gone = try await fixture.anonymous().account.id
      let registered = try await fixture.register().account.id
      var kept = try await fixture.anonymous()
      for _ in 0..<4 {
        fixture.time.pass(seconds: 25 * 86_400)
        kept = try await fixture.refresh(kept)
      }
      try await fixture.accounts.removeEnded()
      let accounts = fixture.accounts
      let keptID = kept.account.id
      let present = try await fixture.database.read(.statement) { reader in
        [
          try await accounts.exists(gone, in: reader),
          try await accounts.exists(registered, in: reader),
          try await accounts.exists(keptID, in: reader),
        ]
      }
      #expect(present == [false, true, true])
    }
  }
}
