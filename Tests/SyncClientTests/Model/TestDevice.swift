import SyncProtocol

@testable import RoostCore
@testable import SyncClient

/// A device with a wall clock and chance of its own.
struct TestDevice {
  var core: ClientCore
  var dice: Dice
  /// How far its wall clock is off, in milliseconds.
  var skew: Int64 = 0

  init(_ seed: Int) {
    dice = Dice(seed &+ 7919)
    core = ClientCore(
      client: dice.uuid(), device: DeviceNotice(id: .of(seed)), plan: TestApp.plan,
      schema: TestApp.version)
  }

  @discardableResult
  mutating func change(_ operations: ClientOperation..., at wall: Int64) throws -> ChainHash {
    try core.change(operations, nonce: dice.next(), wall: wall + skew)
  }

  /// Takes in an answer to the last request.
  mutating func receive(_ frames: [Frame], at wall: Int64) throws -> Outcome {
    var dice = dice
    defer { self.dice = dice }
    return try core.receive(
      frames, sent: wall + skew, received: wall + skew, newClient: { dice.uuid() })
  }

  /// One request and its answer.
  @discardableResult
  mutating func ask(
    _ server: inout ModelServer, at wall: Int64, tiers: [Lane] = [], mutations: Int = 1000
  ) throws -> Outcome {
    let request = core.request(wall: wall + skew, tiers: tiers, mutations: mutations)
    return try receive(server.answer(request, at: wall), at: wall)
  }

  /// Requests until everything is taken in and there is nothing more to ask; false where that takes
  /// too many.
  @discardableResult
  mutating func sync(
    _ server: inout ModelServer, at wall: Int64, rounds: Int = 200
  ) throws -> Bool {
    for _ in 0..<rounds {
      let outcome = try ask(&server, at: wall)
      if outcome == .committed, core.unacknowledgedCount == 0 { return true }
      if case .ended = outcome { return false }
    }
    return false
  }
}
