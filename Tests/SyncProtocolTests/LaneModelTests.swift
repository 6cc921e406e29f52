import RoostCore
import Testing

@testable import SyncProtocol

/// Clients and a server under lost answers, repeats, copied and restored devices, and a server that
/// is restored to a backup: each change takes place once, none is lost, and every queue drains.
@Suite struct LaneModelTests {
  /// What a client or a server could do without, each a way in which the model was broken.
  enum Fault: String, CaseIterable {
    /// The server goes by the sequence alone: a repeat is carried out again.
    case withoutSkip
    /// Neither side compares chains.
    case withoutChains
    /// The server does not know mutations by their `oid`.
    case withoutOID
    /// A client that forks brings only what was not acknowledged.
    case withoutRetained
    /// A client does not notice that the server knows more than it ever made.
    case withoutRewind
    /// A client does not compare the chain at `last`.
    case withoutChainAtLast
    /// A client does not push again what a restored server has lost.
    case withoutReplay
  }

  /// What a server keeps, and what a backup of it holds.
  private struct Kept {
    var lanes: [UUID: LaneState] = [:]
    var chains: [UUID: [Int64: ChainHash]] = [:]
    var known: Set<ChainHash> = []
    /// How often each change took place.
    var effects: [UInt64: Int] = [:]
  }

  private struct Server {
    var kept = Kept()
    var backup: Kept?
    let fault: Fault?

    func status(_ client: UUID) -> LaneStatus {
      let state = kept.lanes[client] ?? LaneState(client: client, lane: .live)
      let durable = backup?.lanes[client]?.position
      return LaneStatus(position: state.position, durable: durable)
    }

    mutating func push(_ client: UUID, _ mutations: [ClientMutation]) -> Pushed {
      var lane = kept.lanes[client] ?? LaneState(client: client, lane: .live)
      var state = Pushed.State.taken
      for mutation in mutations {
        var decision = lane.decide(
          mutation, known: kept.chains[client]?[mutation.seq],
          isKnown: kept.known.contains(mutation.oid) && fault != .withoutOID)
        if fault == .withoutChains, decision == .forked {
          decision = mutation.seq <= lane.position.last ? .skip : .apply
        }
        if fault == .withoutSkip, decision == .skip {
          kept.effects[mutation.nonce, default: 0] += 1
        }
        switch decision {
        case .skip: continue
        case .forked: state = .forked
        case .gap: state = .gap
        case .apply: kept.effects[mutation.nonce, default: 0] += 1
        case .duplicate, .reject: break
        }
        if state != .taken { break }
        lane.advance(over: mutation)
        kept.chains[client, default: [:]][mutation.seq] = mutation.chain
        kept.known.insert(mutation.oid)
        kept.lanes[client] = lane
      }
      return Pushed(lane: .live, state: state, status: status(client))
    }
  }

  private struct Device {
    var log: LaneLog
    let fault: Fault?
    /// The changes that must not be lost: those made here and not in a backup of the server.
    var keeps: Set<UInt64> = []

    mutating func take(_ pushed: Pushed, _ dice: inout Dice) {
      let before = log
      let decision = log.receive(pushed)
      keeps.subtract(Set(before.retained.map(\.nonce)).subtracting(log.retained.map(\.nonce)))
      switch decision {
      case .goOn: break
      case .replay: if fault == .withoutReplay { undo(to: before, pushed) }
      case .fork:
        if pushed.state != .forked || fault == .withoutChains {
          let last = pushed.status.position.last
          if fault == .withoutRewind, last > log.head.last { return ignore(before) }
          if fault == .withoutChainAtLast || fault == .withoutChains, last <= log.head.last,
            last >= log.floor.last
          {
            return ignore(before, acknowledging: last)
          }
        }
        var source = log
        if fault == .withoutRetained {
          source = LaneLog(
            client: log.client, lane: .live, head: log.head, acknowledged: log.acknowledged,
            floor: log.floor, retained: Array(log.unacknowledged))
        }
        log = source.forked(as: UUID(high: dice.next(), low: dice.next()))
      }
    }

    private mutating func undo(to before: LaneLog, _ pushed: Pushed) { log = before }

    private mutating func ignore(_ before: LaneLog, acknowledging last: Int64? = nil) {
      log = LaneLog(
        client: before.client, lane: .live, head: before.head,
        acknowledged: last ?? before.head.last, floor: before.floor, retained: before.retained)
    }
  }

  /// Runs one history; returns what went wrong.
  private func run(_ seed: Int, _ fault: Fault? = nil) -> String? {
    var dice = Dice(seed)
    var server = Server(fault: fault)
    var devices = (0..<3).map { index in
      Device(
        log: LaneLog(client: UUID(high: dice.next(), low: UInt64(index)), lane: .live),
        fault: fault)
    }
    var copies: [(Int, Device)] = []
    var restores = 0
    func push(_ index: Int, lossy: Bool) {
      // A hello: the welcome tells how far the server is.
      if !lossy || dice.chance(0.5) {
        let status = server.status(devices[index].log.client)
        devices[index].take(Pushed(lane: .live, state: .taken, status: status), &dice)
      }
      let waiting = Array(devices[index].log.unacknowledged.prefix(dice.roll(1...5)))
      if waiting.isEmpty { return }
      if lossy, dice.chance(0.2) { return }
      var answer = server.push(devices[index].log.client, waiting)
      if lossy, dice.chance(0.2) { answer = server.push(devices[index].log.client, waiting) }
      if lossy, dice.chance(0.25) { return }
      devices[index].take(answer, &dice)
    }
    for _ in 0..<130 {
      let index = dice.roll(0...2)
      switch dice.roll(0...99) {
      case 0..<40:
        let nonce = dice.next()
        devices[index].log.append(
          [.action(name: "x", arguments: [:])], nonce: nonce, stamp: .zero, schema: "1.0.0")
        devices[index].keeps.insert(nonce)
      case 40..<76: push(index, lossy: true)
      case 76..<84: copies.append((index, devices[index]))
      case 84..<92:
        // A copy comes back on its own device, or on another one that goes on beside it.
        guard let (place, copy) = copies.randomElement(using: &dice) else { continue }
        devices[dice.chance(0.5) ? place : index] = copy
      case 92..<95: server.backup = server.kept
      default:
        guard let backup = server.backup, restores < 3 else { continue }
        restores += 1
        server.kept = backup
      }
    }
    for _ in 0..<60 { for index in devices.indices { push(index, lossy: false) } }
    return verdict(server, devices)
  }

  /// A server goes back to a backup, and before the device hears of it a copy takes its places.
  private func restoredBehindTwoCopies(_ fault: Fault?) -> String? {
    var dice = Dice(1)
    var server = Server(fault: fault)
    var device = Device(
      log: LaneLog(client: UUID(high: 7, low: 7), lane: .live), fault: fault)
    func make(_ device: inout Device) {
      let nonce = dice.next()
      device.log.append(
        [.action(name: "x", arguments: [:])], nonce: nonce, stamp: .zero, schema: "1.0.0")
      device.keeps.insert(nonce)
    }
    func push(_ device: inout Device) {
      for _ in 0..<3 {
        let waiting = Array(device.log.unacknowledged)
        device.take(server.push(device.log.client, waiting), &dice)
      }
    }
    make(&device)
    push(&device)
    server.backup = server.kept
    var copy = device
    make(&device)
    push(&device)
    server.kept = server.backup ?? Kept()
    make(&copy)
    push(&copy)
    push(&device)
    return verdict(server, [device, copy])
  }

  private func verdict(_ server: Server, _ devices: [Device]) -> String? {
    if let twice = server.kept.effects.first(where: { $0.value > 1 }) {
      return "a change took place \(twice.value) times"
    }
    for device in devices {
      if !device.log.unacknowledged.isEmpty { return "a queue does not drain" }
      if !device.keeps.allSatisfy({ server.kept.effects[$0] != nil }) {
        return "a change that a device made is lost"
      }
    }
    return nil
  }

  @Test func nothingIsLostOrDoubled() {
    for seed in 0..<400 {
      if let wrong = run(seed) {
        Issue.record("seed \(seed): \(wrong)")
        return
      }
    }
  }

  @Test func aForkBringsWhatTheServerHadAcknowledgedToo() {
    #expect(restoredBehindTwoCopies(nil) == nil)
    #expect(restoredBehindTwoCopies(.withoutRetained) != nil)
  }

  @Test(arguments: Fault.allCases) func eachFaultIsFound(_ fault: Fault) {
    #expect(restoredBehindTwoCopies(fault) != nil || (0..<400).contains { run($0, fault) != nil })
  }
}
