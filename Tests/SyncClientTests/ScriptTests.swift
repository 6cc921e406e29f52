import Foundation
import SyncProtocol
import Testing

@testable import RoostCore
@testable import SyncClient

/// Devices and a server under chance: whatever happens, nothing is lost, doubled or shown wrongly.
@Suite struct ScriptTests {
  /// Scripts in each of the parts; `ROOST_SCRIPTS` runs more.
  private static let count =
    ProcessInfo.processInfo.environment["ROOST_SCRIPTS"].flatMap { Int($0) } ?? 30

  @Test(arguments: 0..<20) func whateverHappensEachChangeTakesPlaceOnce(_ part: Int) throws {
    for seed in part * Self.count..<(part + 1) * Self.count {
      var script = Script(seed)
      for _ in 0..<script.length { try script.step() }
      try script.settle()
      if let fault = script.fault {
        Issue.record("seed \(seed): \(fault)")
        return
      }
    }
  }
}

/// One run: what happens is chosen by the seed.
struct Script {
  let seed: Int
  var dice: Dice
  var server: ModelServer
  var devices: [TestDevice]
  /// Copies of devices and of the server, to be put back.
  var copies: [ClientCore]
  var backup: ModelServer
  var wall = TestApp.now
  /// Answers on their way, with the device and the time of their request.
  var late: [(device: Int, frames: [Frame], sent: Int64)] = []
  var number = 0
  var fault: String?

  init(_ seed: Int) {
    self.seed = seed
    dice = Dice(seed)
    server = ModelServer(epoch: dice.uuid())
    devices = (0..<2 + seed % 3).map { TestDevice(seed * 10 + $0) }
    copies = devices.map(\.core)
    backup = server
    for number in 0..<6 { write(number) }
    for index in devices.indices where dice.chance(0.5) {
      devices[index].skew = Int64(dice.roll(-300_000...300_000)) * 1000
    }
    if seed.isMultiple(of: 10) { for number in 100..<150 { write(number) } }
    if dice.chance(0.7) { server.page = dice.roll(1...30) }
  }

  /// Whether devices are copied and put back.
  var hasCopies: Bool { !seed.isMultiple(of: 2) }

  var length: Int { 40 + seed % 60 }

  /// A row of somebody else's.
  private mutating func write(_ number: Int) {
    let key: RowKey = number % 3 == 2 ? .news(number) : .gig(number)
    server.write(.create(key, ["title": .string("n\(number)"), "log": []]), at: wall)
  }

  /// An edit that tells of itself whether it took place, and how often.
  private mutating func edit(_ key: RowKey) -> ClientOperation {
    number += 1
    return .update(key, ["plays": ["$increment": 1], "log": ["$add": [.string("m\(number)")]]])
  }

  private mutating func anyKey() -> RowKey {
    let number = dice.roll(0...7)
    return number % 3 == 2 ? .news(number) : .gig(number)
  }

  mutating func step() throws {
    guard fault == nil else { return }
    wall += Int64(dice.roll(1...5000))
    let index = dice.roll(0...devices.count - 1)
    switch dice.roll(0...99) {
    case 0..<38: try change(index)
    case 38..<50: try ask(index, fate: .arrives)
    case 50..<56: try ask(index, fate: .lost)
    case 56..<62: try ask(index, fate: .cut)
    case 62..<66: try ask(index, fate: .late)
    case 66..<70: try deliverLate()
    case 70..<74: _ = try devices[index].sync(&server, at: wall)
    case 74..<77: copies[index] = devices[index].core
    case 77..<80 where hasCopies:
      devices[index].core = copies[index]
      late.removeAll { $0.device == index }
    case 80..<82 where hasCopies && devices.count < 5:
      devices.append(devices[index])
      devices[devices.count - 1].dice = Dice(seed &+ number &* 31 &+ 5)
      copies.append(copies[index])
    case 82..<84: backup = server.backUp()
    case 84..<86: server.restore(backup, epoch: dice.uuid(), at: wall)
    case 86..<88: server.purge()
    case 88..<91:
      let stream = Int64(dice.roll(1...4))
      if server.granted.remove(stream) == nil { server.granted.insert(stream) }
    case 91..<93: wall += 100 * 86_400_000
    case 93..<96:
      server.write(.update(.gig(dice.roll(0...7)), ["team": dice.pick(["red", "blue"])]), at: wall)
    case 96..<98: server.write(.delete(anyKey()), at: wall)
    default: devices[index].skew += Int64(dice.roll(-40_000...40_000)) * 1000
    }
    check()
  }

  private mutating func change(_ index: Int) throws {
    let key = anyKey()
    switch dice.roll(0...9) {
    case 0:
      number += 1
      try devices[index].change(
        .create(.gig(1000 + seed % 7 * 1000 + number), ["title": "new", "log": []]), at: wall)
    case 1: try devices[index].change(edit(key), edit(anyKey()), at: wall)
    case 2: try devices[index].change(edit(key), .update(key, ["title": "refused"]), at: wall)
    case 3: try devices[index].change(.update(.gig(0), ["price": .int(Int64(number))]), at: wall)
    default: try devices[index].change(edit(key), at: wall)
    }
  }

  enum Fate { case arrives, lost, cut, late }

  private mutating func ask(_ index: Int, fate: Fate) throws {
    let tiers: [Lane] = dice.pick([[], [], [.live], [.daily]])
    let most = dice.chance(0.2) ? dice.roll(0...3) : 1000
    let sent = wall
    let request = devices[index].core.request(
      wall: sent + devices[index].skew, tiers: tiers, mutations: most)
    var answer = server.answer(request, at: wall)
    switch fate {
    case .lost: return
    case .late: late.append((index, answer, sent + devices[index].skew))
    case .cut:
      answer = Array(answer.prefix(dice.roll(0...answer.count - 1)))
      _ = try devices[index].receive(answer, at: sent)
    case .arrives:
      _ = try devices[index].receive(answer, at: sent)
      if dice.chance(0.2) {
        let again = try devices[index].receive(answer, at: sent)
        if again != .stale { fault = "an answer was taken in twice" }
      }
    }
  }

  private mutating func deliverLate() throws {
    guard !late.isEmpty else { return }
    let answer = late.remove(at: dice.roll(0...late.count - 1))
    var dice = devices[answer.device].dice
    _ = try devices[answer.device].core.receive(
      answer.frames, sent: answer.sent, received: wall + devices[answer.device].skew,
      newClient: { dice.uuid() })
    devices[answer.device].dice = dice
  }

  /// A row shows each change once, wherever its effect comes from.
  ///
  /// Not where devices are copied: what one copy brought stands in the rows of the other before it
  /// has said that it has the same.
  private mutating func check() {
    guard !hasCopies else { return }
    for (index, device) in devices.enumerated() {
      for collection in ["gigs", "news"] {
        for (id, row) in device.core.rows(collection) {
          let plays = row["plays"]?.int ?? 0
          let log = row["log"]?.array?.count ?? 0
          if plays != Int64(log) {
            fault =
              "device \(index) shows \(plays) plays and \(log) entries of \(collection) \(id.low)"
            return
          }
        }
      }
    }
  }

  /// Everything heals, and everybody has seen what the others brought.
  mutating func settle() throws {
    guard fault == nil else { return }
    wall += 10_000
    for _ in 0..<2 {
      for index in devices.indices {
        guard try devices[index].sync(&server, at: wall) else {
          fault = "device \(index) comes to no end"
          return
        }
        wall += 10
      }
    }
    for (index, device) in devices.enumerated() {
      if device.core.pendingCount > 0 { fault = "device \(index) has something pending" }
      for collection in ["gigs", "news"] {
        let expected = server.visible(collection)
        if device.core.synced(collection) != expected || device.core.rows(collection) != expected {
          fault = "device \(index) has other \(collection) than the server"
        }
      }
      for mutation in device.core.retained.values.joined() { checkResult(mutation, index) }
    }
  }

  /// What a device still knows of took place, or was refused and shown.
  private mutating func checkResult(_ mutation: ClientMutation, _ index: Int) {
    guard let result = server.results[mutation.oid] else {
      fault = "device \(index) has a change that the server never took in"
      return
    }
    let told = devices[index].core.results[mutation.oid]
    if result.outcome == .rejected, told?.outcome != .rejected {
      fault = "device \(index) was not told that a change was refused"
    }
    for operation in mutation.operations where result.outcome != .rejected {
      guard case .update(_, _, let fields, _) = operation, let key = operation.row,
        let tag = fields["log"]?["$add"]?.array?.first, let row = server.rows[key]
      else { continue }
      if row.fields["log"]?.value.array?.contains(tag) != true {
        fault = "a change of device \(index) is lost"
      }
    }
  }
}
