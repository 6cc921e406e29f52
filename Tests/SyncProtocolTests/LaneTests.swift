import RoostCore
import Testing

@testable import SyncProtocol

@Suite struct LaneTests {
  private static let client = UUID(high: 1, low: 2)

  private static func log(_ count: Int) -> LaneLog {
    var log = LaneLog(client: client, lane: .live)
    for number in 0..<count {
      log.append(
        [.action(name: "x", arguments: [:])], nonce: UInt64(number), stamp: .at(number + 1),
        schema: "1.0.0")
    }
    return log
  }

  private static func taken(_ mutations: some Sequence<ClientMutation>) -> LaneState {
    var state = LaneState(client: client, lane: .live)
    for mutation in mutations { state.advance(over: mutation) }
    return state
  }

  @Test func theNextMutationIsCarriedOutOnce() {
    let all = Self.log(3).retained
    let state = Self.taken(all.prefix(1))
    #expect(state.decide(all[1], known: nil, isKnown: false) == .apply)
    #expect(state.decide(all[1], known: nil, isKnown: true) == .duplicate)
    #expect(state.decide(all[2], known: nil, isKnown: false) == .gap)
    #expect(state.decide(all[0], known: nil, isKnown: true) == .skip)
  }

  @Test func anotherChainAtAPlaceThatIsTakenIsAFork() {
    let mine = Self.log(3).retained
    var other = Self.log(1)
    other.append([.action(name: "y", arguments: [:])], nonce: 9, stamp: .at(9), schema: "1.0.0")
    other.append([.action(name: "z", arguments: [:])], nonce: 10, stamp: .at(9), schema: "1.0.0")
    let state = Self.taken(mine)
    #expect(state.decide(other.retained[1], known: mine[1].chain, isKnown: false) == .forked)
    #expect(state.decide(other.retained[2], known: nil, isKnown: false) == .forked)
    #expect(state.decide(mine[1], known: mine[1].chain, isKnown: true) == .skip)
    #expect(state.decide(mine[1], known: nil, isKnown: true) == .forked)
    let chains = Dictionary(uniqueKeysWithValues: mine.map { ($0.seq, $0.chain) })
    #expect(state.common(other.retained) { chains[$0] } == 1)
    #expect(state.common(mine) { _ in nil } == 3)
    #expect(
      Self.taken(mine.prefix(2)).decide(other.retained[2], known: nil, isKnown: false) == .forked)
  }

  @Test func aMutationThatCannotBeCarriedOutTakesItsPlace() {
    let sound = Self.log(1).retained[0]
    let fault = FieldIssue(pointer: "/muts/0/ops", code: "unknown_kind", message: "No.")
    let faulty = ClientMutation(
      seq: 1, nonce: 0, oid: sound.oid, prev: sound.prev, chain: sound.chain, stamp: sound.stamp,
      schema: "1.0.0", operations: [], fault: fault)
    var state = LaneState(client: Self.client, lane: .live)
    #expect(state.decide(faulty, known: nil, isKnown: false) == .reject(fault))
    state.advance(over: faulty)
    #expect(state.position == LanePosition(last: 1, chain: sound.chain))
  }

  @Test func lanesAndClientsHaveChainsOfTheirOwn() {
    let genesis = Chain.genesis(client: Self.client, lane: .live)
    #expect(genesis != Chain.genesis(client: Self.client, lane: .daily))
    #expect(genesis != Chain.genesis(client: UUID(high: 1, low: 3), lane: .live))
  }

  @Test func theStampIsNoPartOfTheChain() {
    let genesis = Chain.genesis(client: Self.client, lane: .live)
    func mutation(_ stamp: Stamp, nonce: UInt64 = 1) -> ClientMutation {
      ClientMutation(
        seq: 1, after: genesis, nonce: nonce, stamp: stamp, schema: "1.0.0",
        operations: [.delete(collection: "goals", id: Self.client)])
    }
    #expect(mutation(.at(1)).chain == mutation(.at(2)).chain)
    #expect(mutation(.at(1)).chain != mutation(.at(1), nonce: 2).chain)
  }

  @Test func aRestoredPhoneForksOnAServerThatKnowsMore() {
    var phone = Self.log(2)
    let all = Self.log(3)
    #expect(phone.receive(LaneStatus(position: all.head)) == .fork)
    let forked = phone.forked(as: UUID(high: 9, low: 9))
    #expect(forked.retained.map(\.oid) == phone.retained.map(\.oid))
    #expect(forked.retained.map(\.seq) == [1, 2])
    #expect(forked.retained[0].chain != phone.retained[0].chain)
    #expect(forked.acknowledged == 0)
  }

  @Test func aRestoredServerIsHealedFromTheLog() {
    var phone = Self.log(4)
    let all = phone.retained
    #expect(phone.receive(LaneStatus(position: Self.taken(all).position)) == .goOn)
    #expect(phone.unacknowledged.isEmpty)
    #expect(phone.receive(LaneStatus(position: Self.taken(all.prefix(2)).position)) == .replay)
    #expect(phone.unacknowledged.map(\.seq) == [3, 4])
  }

  @Test func onlyWhatABackupOfTheSameLineageHoldsIsForgotten() {
    var phone = Self.log(4)
    let all = phone.retained
    let position = Self.taken(all.prefix(3)).position
    let strange = LanePosition(last: 2, chain: Chain.genesis(client: .zero, lane: .live))
    _ = phone.receive(LaneStatus(position: position, durable: strange))
    #expect(phone.retained.count == 4)
    let durable = Self.taken(all.prefix(2)).position
    _ = phone.receive(LaneStatus(position: position, durable: durable))
    #expect(phone.retained.map(\.seq) == [3, 4])
    // A backup that is ahead of what was answered here forgets nothing beyond it.
    _ = phone.receive(LaneStatus(position: position, durable: Self.taken(all).position))
    #expect(phone.retained.map(\.seq) == [4])
    // A server from before what is kept cannot be served from this log.
    #expect(phone.receive(LaneStatus(position: Self.taken(all.prefix(1)).position)) == .fork)
  }

  @Test func aGapIsFilledFromWhereTheServerIs() {
    var phone = Self.log(3)
    let all = phone.retained
    _ = phone.receive(LaneStatus(position: Self.taken(all.prefix(2)).position))
    let gap = Pushed(
      lane: .live, state: .gap, status: LaneStatus(position: Self.taken(all.prefix(1)).position))
    #expect(phone.receive(gap) == .replay)
    #expect(phone.unacknowledged.map(\.seq) == [2, 3])
    let forked = Pushed(
      lane: .live, state: .forked, status: LaneStatus(position: Self.taken(all).position))
    #expect(phone.receive(forked) == .fork)
  }
}
