import RoostCore
import Rules
import Schema
import SyncProtocol
import Testing

@testable import Records
@testable import Sync

@Suite("What callers were found to hold")
struct StandingsTests {
  private static let epoch = UUID(high: 1, low: 1)
  private let caller = Caller(uid: UUID(high: 2, low: 2))

  private func standing(_ sequence: Int64 = 5, mark: String? = "m") -> Standings.Standing {
    Standings.Standing(
      epoch: StandingsTests.epoch, mark: mark,
      held: HeldScopes(CallerFacts(caller, nil), grants: []),
      heads: [
        StreamHead(
          stream: 1, scope: .everyone, tier: .live, sequence: sequence, removal: 0, floor: 0)
      ])
  }

  private func hello(
    _ streams: [Int64: Int64] = [1: 5], epoch: UUID? = nil, mark: String? = nil,
    staged: [Int64: Int64] = [:]
  ) -> Hello {
    Hello(
      cid: UUID(high: 3, low: 3), epoch: epoch, schema: "1.0.0", wall: 0, streams: streams,
      staged: staged, wait: 60, mark: mark)
  }

  @Test func whoHasAllIsInStep() {
    #expect(standing().isInStep(hello()))
    #expect(standing().isInStep(hello(epoch: StandingsTests.epoch, mark: "m")))
  }

  @Test func whoeverMayBeToldSomethingIsNot() {
    let others = [
      hello([1: 4]), hello([:]), hello([1: 5, 2: 0]), hello([1: 6]),
      hello(epoch: UUID(high: 9, low: 9)), hello(epoch: StandingsTests.epoch, mark: "another"),
      hello(staged: [1: 5]),
    ]
    for other in others { #expect(!standing().isInStep(other)) }
  }

  @Test func aStandingHoldsUntilTheNextCommit() {
    let standings = Standings()
    standings.note(standing(), of: caller, commits: 3, at: 0)
    #expect(standings.find(caller, commits: 3, at: 1) != nil)
    #expect(standings.find(caller, commits: 4, at: 1) == nil)
    #expect(standings.find(Caller(uid: UUID(high: 2, low: 3)), commits: 3, at: 1) == nil)
  }

  @Test func anotherRoleIsAnotherCaller() {
    let standings = Standings()
    standings.note(standing(), of: caller, commits: 3, at: 0)
    let other = Caller(uid: caller.uid, roles: ["admin"])
    #expect(standings.find(other, commits: 3, at: 1) == nil)
  }

  @Test func aLookFromBeforeALaterCommitIsNotTaken() {
    let standings = Standings()
    standings.note(standing(9), of: caller, commits: 4, at: 0)
    standings.note(standing(5), of: caller, commits: 3, at: 0)
    #expect(standings.find(caller, commits: 4, at: 1)?.heads.first?.sequence == 9)
    #expect(standings.find(caller, commits: 3, at: 1) == nil)
  }

  @Test func standingsEndAfterFiveSeconds() {
    let standings = Standings()
    standings.note(standing(), of: caller, commits: 3, at: 0)
    #expect(standings.find(caller, commits: 3, at: 4_999_999_999) != nil)
    #expect(standings.find(caller, commits: 3, at: 5_000_000_000) == nil)
  }
}
