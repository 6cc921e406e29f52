import Foundation
import Queries
import RoostCore
import Testing

@testable import Accounts

/// One-time claims in a data folder of their own.
private struct ClaimFixture {
  let base: AccountsFixture
  var file: AdminClaimFile { AdminClaimFile(folder: base.folder) }
  var path: String { base.folder + "/admin-claim" }

  func issue() throws -> String {
    try file.issue(random: base.random, now: base.time.now()).token.reveal()
  }

  func claim(_ session: Session, _ token: String) async -> ErrorCode? {
    await base.refusal {
      try await base.accounts.becomeAdministrator(
        base.caller(session), token: token, claim: file, from: AccountsFixture.client)
    }?.code
  }

  static func run(_ body: (ClaimFixture) async throws -> Void) async throws {
    try await AccountsFixture.run { try await body(ClaimFixture(base: $0)) }
  }
}

@Suite struct AdminClaimTests {
  @Test func aClaimMakesOneAdministratorOnce() async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      let bob = try await fixture.base.register("bob@example.com")
      let token = try fixture.issue()
      #expect(try fixture.base.caller(ada).roles == [])
      #expect(await fixture.claim(ada, token) == nil)
      #expect(try fixture.base.caller(ada).roles == ["admin"])
      #expect(!FileManager.default.fileExists(atPath: fixture.path))
      #expect(await fixture.claim(bob, token) == .forbidden)
      #expect(await fixture.claim(ada, token) == .forbidden)
      #expect(try await fixture.claim(bob, fixture.issue()) == nil)
    }
  }

  @Test func theFileIsTheOwnersAloneAndHoldsNoToken() async throws {
    try await ClaimFixture.run { fixture in
      let token = try fixture.issue()
      let attributes = try FileManager.default.attributesOfItem(atPath: fixture.path)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      let text = try String(contentsOfFile: fixture.path, encoding: .utf8)
      #expect(!text.contains(token) && text.contains("sha256"))
      #expect(token.utf8.count == 43)
      let names = try FileManager.default.contentsOfDirectory(atPath: fixture.base.folder)
      #expect(names.filter { $0.hasPrefix("admin-claim") } == ["admin-claim"])
    }
  }

  /// A crash between the commit and the removal of the file.
  @Test func aUsedClaimWhoseFileIsStillThereDoesNotWork() async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      let bob = try await fixture.base.register("bob@example.com")
      let token = try fixture.issue()
      let content = try #require(FileManager.default.contents(atPath: fixture.path))
      #expect(await fixture.claim(ada, token) == nil)
      try content.write(to: URL(fileURLWithPath: fixture.path))
      #expect(await fixture.claim(bob, token) == .forbidden)
      #expect(try fixture.base.caller(bob).roles == [])
    }
  }

  @Test func aNewerClaimReplacesTheOlder() async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      let (old, new) = (try fixture.issue(), try fixture.issue())
      #expect(await fixture.claim(ada, old) == .forbidden)
      #expect(await fixture.claim(ada, new) == nil)
    }
  }

  @Test(arguments: [(0.0, true), (1799, true), (1800, false), (100_000, false)])
  func aClaimEndsAfterHalfAnHour(_ seconds: Double, _ works: Bool) async throws {
    try await ClaimFixture.run { fixture in
      let token = try fixture.issue()
      fixture.base.time.pass(seconds: seconds)
      let ada = try await fixture.base.register()
      #expect(await fixture.claim(ada, token) == (works ? nil : .forbidden))
    }
  }

  @Test func aClaimThatEndsTooLateIsNoneOfOurs() async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      let now = fixture.base.time.now()
      let token = try fixture.file.issue(
        random: fixture.base.random, now: now.adding(milliseconds: 3_600_000)
      ).token.reveal()
      #expect(await fixture.claim(ada, token) == .forbidden)
    }
  }

  @Test(arguments: ["", "x", String(repeating: "A", count: 43), "é", "\u{0}"])
  func aForgedTokenIsRefused(_ token: String) async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      #expect(await fixture.claim(ada, token) == .forbidden)
      let right = try fixture.issue()
      #expect(await fixture.claim(ada, token) == .forbidden)
      #expect(await fixture.claim(ada, right + "A") == .forbidden)
      #expect(await fixture.claim(ada, String(right.dropLast())) == .forbidden)
      #expect(await fixture.claim(ada, right) == nil)
    }
  }

  @Test func aFileThatOthersMayHaveWrittenOrThatIsNoneSaysNothing() async throws {
    try await ClaimFixture.run { fixture in
      let ada = try await fixture.base.register()
      let files = FileManager.default
      for change: () throws -> Void in [
        { try files.setAttributes([.posixPermissions: 0o620], ofItemAtPath: fixture.path) },
        {
          try files.moveItem(atPath: fixture.path, toPath: fixture.path + "-else")
          try files.createSymbolicLink(
            atPath: fixture.path, withDestinationPath: fixture.path + "-else")
        },
        { try Data("{".utf8).write(to: URL(fileURLWithPath: fixture.path)) },
        { try Data(count: 5000).write(to: URL(fileURLWithPath: fixture.path)) },
        {
          try files.removeItem(atPath: fixture.path)
          try files.createDirectory(atPath: fixture.path, withIntermediateDirectories: false)
        },
      ] {
        let token = try fixture.issue()
        try change()
        #expect(await fixture.claim(ada, token) == .forbidden)
      }
      try files.removeItem(atPath: fixture.path)
      #expect(try await fixture.claim(ada, fixture.issue()) == nil)
    }
  }

  @Test func ofTwoAtOnceOneWins() async throws {
    try await ClaimFixture.run { fixture in
      var sessions: [Session] = []
      for number in 1...8 {
        sessions.append(try await fixture.base.register("p\(number)@example.com"))
      }
      let token = try fixture.issue()
      let outcomes = await withTaskGroup(of: ErrorCode?.self) { group in
        for session in sessions { group.addTask { await fixture.claim(session, token) } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.count { $0 == nil } == 1)
      #expect(outcomes.count { $0 == .forbidden } == 7)
      #expect(try await fixture.base.accounts.roleHolders(limit: 9)[2].count == 1)
    }
  }

  @Test func nobodyAndAnAnonymousAccountAreRefusedAndTheClaimStays() async throws {
    try await ClaimFixture.run { fixture in
      let token = try fixture.issue()
      let anonymous = try await fixture.base.anonymous()
      #expect(await fixture.claim(anonymous, token) == .forbidden)
      let nobody = await fixture.base.refusal {
        try await fixture.base.accounts.becomeAdministrator(
          .everyone, token: token, claim: fixture.file, from: AccountsFixture.client)
      }
      #expect(nobody?.code == .unauthenticated)
      #expect(try await fixture.claim(fixture.base.register(), token) == nil)
    }
  }

  @Test func guessingIsSlowedDown() async throws {
    var configuration = AccountsFixture.relaxed()
    configuration.loginsPerAccount = Rate(count: 5, seconds: 60, burst: 10)
    try await AccountsFixture.run(configuration) { base in
      let fixture = ClaimFixture(base: base)
      let ada = try await base.register()
      let right = try fixture.issue()
      for _ in 0..<10 { #expect(await fixture.claim(ada, "x") == .forbidden) }
      #expect(await fixture.claim(ada, right) == .rateLimited)
      base.time.pass(seconds: 60)
      #expect(await fixture.claim(ada, right) == nil)
    }
  }

  @Test func aFolderThatIsMissingIsSaid() throws {
    let file = AdminClaimFile(folder: "/tmp/roost-there-is-no-such-folder")
    #expect {
      try file.issue(random: SystemRandom(), now: SystemTime().now())
    } throws: {
      ($0 as? RoostError)?.detail.contains("There is no data folder") == true
    }
  }
}
