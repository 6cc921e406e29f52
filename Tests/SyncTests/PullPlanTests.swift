import RoostCore
import Rules
import Schema
import SyncProtocol
import Testing

@testable import Records
@testable import Sync

@Suite("What a client pulls")
struct PullPlanTests {
  private static let client = UUID(high: 7, low: 7)

  private func head(
    _ stream: Int64, _ sequence: Int64, removal: Int64 = 0, floor: Int64 = 0,
    tier: SyncPolicy.Tier = .live
  ) -> StreamHead {
    StreamHead(
      stream: stream, scope: .everyone, tier: tier, sequence: sequence, removal: removal,
      floor: floor)
  }

  private func hello(
    _ streams: [Int64: Int64] = [:], staged: [Int64: Int64] = [:], tiers: [Lane] = []
  ) -> Hello {
    Hello(
      cid: PullPlanTests.client, schema: "1.0.0", wall: 0, streams: streams, staged: staged,
      tiers: tiers)
  }

  private func plan(
    _ hello: Hello, _ heads: [StreamHead], isForeign: Bool = false, isPageWhole: Bool = true
  ) -> PullPlan {
    PullPlan(hello, heads, isForeign: isForeign, isPageWhole: isPageWhole)
  }

  private func stretch(_ stream: Int64, _ from: Int64, _ to: Int64) -> PullPlan.Stretch {
    PullPlan.Stretch(stream: stream, from: from, to: to)
  }

  @Test func aNewClientGetsEveryStreamFromItsBeginning() {
    let plan = plan(hello(), [head(1, 5), head(2, 0)])
    #expect(plan.add.map(\.stream) == [1, 2])
    #expect(plan.stretches == [stretch(1, 0, 5)])
    #expect(plan.heads == [1: 5, 2: 0])
  }

  @Test func aClientInStepGetsNothing() {
    let plan = plan(hello([1: 5]), [head(1, 5)])
    #expect(plan.isEmpty)
    #expect(plan.stretches == [])
  }

  @Test func onlyWhatLiesBehindTheCursorIsRead() {
    let plan = plan(hello([1: 3]), [head(1, 5)])
    #expect(plan.stretches == [stretch(1, 3, 5)])
    #expect(plan.heads == [1: 5])
  }

  @Test func streamsThatAreNotHeldAreDroppedWhereverTheyStand() {
    let plan = plan(hello([1: 5, 8: 2], staged: [9: 4]), [head(1, 5)])
    #expect(plan.drop == [8, 9])
    #expect(!plan.isEmpty)
  }

  @Test(arguments: [(Int64(3), true), (4, false), (5, false)])
  func aCursorBelowTheFloorSaysNothing(cursor: Int64, isLost: Bool) {
    let plan = plan(hello([1: cursor]), [head(1, 9, floor: 4)])
    #expect(plan.resync == (isLost ? [1] : []))
    #expect(plan.stretches == [stretch(1, isLost ? 0 : cursor, 9)])
  }

  @Test func aCursorBeyondTheHeadOrOfAnotherEpochSaysNothing() {
    #expect(plan(hello([1: 10]), [head(1, 9)]).resync == [1])
    let foreign = plan(hello([1: 9]), [head(1, 9)], isForeign: true)
    #expect(foreign.resync == [1])
    #expect(foreign.stretches == [stretch(1, 0, 9)])
    #expect(foreign.heads == [1: 9])
  }

  @Test func aPageGoesOnBehindWhatIsStaged() {
    let plan = plan(hello([1: 2], staged: [1: 6, 2: 3]), [head(1, 9), head(2, 4)])
    #expect(plan.stretches == [stretch(1, 6, 9), stretch(2, 3, 4)])
    #expect(plan.restart == [] && plan.resync == [])
  }

  @Test func aResyncOfSeveralPagesIsToldOnce() {
    let first = plan(hello([1: 2]), [head(1, 9, floor: 4)])
    #expect(first.resync == [1])
    let second = plan(hello([1: 2], staged: [1: 3]), [head(1, 9, floor: 4)])
    #expect(second.resync == [])
    #expect(second.stretches == [stretch(1, 3, 9)])
  }

  @Test func aFloorThatRisesUnderAPageBeginsTheStreamAnew() {
    let behind = plan(hello(staged: [1: 3]), [head(1, 9, floor: 4)], isPageWhole: false)
    #expect(behind.restart == [1])
    #expect(behind.stretches == [stretch(1, 0, 9)])
    let beyond = plan(hello(staged: [1: 5]), [head(1, 9, floor: 4)], isPageWhole: false)
    #expect(beyond.restart == [])
    #expect(beyond.stretches == [stretch(1, 5, 9)])
  }

  @Test func whatIsStagedOfAnotherEpochBeginsAnew() {
    let plan = plan(hello([1: 4], staged: [1: 6]), [head(1, 9)], isForeign: true)
    #expect(plan.restart == [1])
    #expect(plan.resync == [1])
    #expect(plan.stretches == [stretch(1, 0, 9)])
  }

  @Test(arguments: [Int64(4), 5])
  func whatIsStagedBeyondTheHeadOfARestoredDatabaseBeginsAnew(head end: Int64) {
    let plan = plan(hello([1: 4], staged: [1: 6]), [head(1, end)])
    #expect(plan.restart == [1])
    #expect(plan.resync == [])
    #expect(plan.stretches == [stretch(1, 0, end)])
  }

  @Test func aStreamThatBeganAnewGoesOnBelowItsCursor() {
    let plan = plan(hello([1: 6], staged: [1: 3, 2: 0]), [head(1, 9), head(2, 4)])
    #expect(plan.restart == [])
    #expect(plan.stretches == [stretch(1, 3, 9), stretch(2, 0, 4)])
  }

  @Test func onDemandIsPulledOnlyWhereItIsAskedFor() {
    let heads = [head(1, 5), head(2, 5, tier: .daily), head(3, 5, tier: .onDemand)]
    #expect(plan(hello(), heads).stretches.map(\.stream) == [1, 2])
    #expect(plan(hello(tiers: [.onDemand]), heads).stretches.map(\.stream) == [3])
  }

  @Test func aSlowTierThatLostARowTravelsWithAnyCommit() {
    let lost = head(2, 7, removal: 6, tier: .daily)
    #expect(plan(hello([2: 5], tiers: [.live]), [lost]).stretches == [stretch(2, 5, 7)])
    #expect(plan(hello([2: 6], tiers: [.live]), [lost]).stretches == [])
    #expect(plan(hello(tiers: [.live]), [lost]).add == [])
  }

  @Test func urgentTiersComeFirst() {
    let heads = [head(1, 5, tier: .daily), head(2, 5, tier: .hourly), head(3, 5)]
    #expect(plan(hello(), heads).stretches.map(\.stream) == [3, 2, 1])
  }
}
