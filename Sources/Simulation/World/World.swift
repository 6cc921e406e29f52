import RoostCore
import SQLiteDriver
import SyncClient
import SyncProtocol

/// A world: people, their devices, a network and a server, and what one seed does to them.
///
/// Everything happens one step after the other, so the same seed always makes the same world.
final class World {
  let seed: UInt64
  let stage: Stage
  let bug: PlantedBug?
  let time = WorldTime()
  let server: WorldServer
  let weather: Weather
  var chance: Chance
  var devices: [WorldDevice] = []
  var letters: [Letter] = []
  var replies: [Reply] = []
  var ledger = Ledger()
  var trace: Trace
  var breaches: [Breach] = []
  var backups: [WorldBackup] = []
  /// How far the server's sequences were at the last look; nil where nothing is known of it.
  var sequences: Sequences? = Sequences()
  /// Requests that the server has answered.
  var requests = 0
  /// How often the server was put back to an older copy.
  var restores = 0
  /// Whether the second version of the schema was deployed.
  var isDeployed = false
  /// Where that is another major version: when it comes.
  let versions: VersionPlan?
  /// Whether the first version is not served any more.
  var isRaised = false
  /// Whether everything is healed and only drains.
  var isCalm = false
  /// Milliseconds that passed in leaps, of which a world has not many.
  var leapt: Int64 = 0
  /// Unique texts and numbers.
  private var counter = 0
  let ids: WorldRandom

  init(
    seed: UInt64, stage: Stage, bug: PlantedBug? = nil, weather: Weather? = nil,
    hasDisk: Bool = true, keepsLines: Bool = false
  ) throws {
    self.seed = seed
    self.stage = stage
    self.bug = bug
    var chance = Chance(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 1)
    let drawn = Weather(&chance, hasDisk: hasDisk && stage.address == nil)
    self.weather = weather ?? drawn
    ids = WorldRandom(seed: chance.next())
    server = try WorldServer(
      stage, name: "\(seed)", time: time, random: WorldRandom(seed: chance.next()))
    if self.weather.has(.paging) { server.room = 200 + chance.below(3000) }
    versions =
      stage.isRenamed && self.weather.steps > 0
      ? VersionPlan(&chance, steps: self.weather.steps) : nil
    self.chance = chance
    trace = Trace(keepsLines: keepsLines)
  }

  /// A number that nothing else in this world has.
  func unique() -> Int {
    counter += 1
    return counter
  }

  func newID() -> UUID { .version7(at: time.now(), random: ids) }

  func note(_ line: @autoclosure () -> String) { trace.note(line()) }

  func breach(_ invariant: Invariant, _ detail: String) {
    if let bug, bug.invariant != invariant { return }
    // One of each kind says enough.
    guard !breaches.contains(where: { $0.invariant == invariant }) else { return }
    breaches.append(Breach(invariant, detail))
    trace.note("!! \(invariant.rawValue) \(invariant.says): \(detail)")
  }

  // MARK: Life

  /// What a world came to.
  struct Outcome: Sendable {
    let hash: UInt64
    let breaches: [Breach]
    let lines: [String]
    let steps: Int
    /// A digest of the rows at the end, for the comparison of engines.
    let state: UInt64
  }

  /// Runs `steps` steps at most, heals everything, and checks what must hold.
  func run(steps limit: Int = .max) async throws -> Outcome {
    try await server.begin()
    try await bug?.plant(in: self)
    try await populate()
    let steps = min(limit, weather.steps)
    var done = 0
    while done < steps, breaches.isEmpty {
      done += 1
      try await step(done)
    }
    if breaches.isEmpty {
      try await heal()
      try await drain()
    }
    var state: UInt64 = 0
    if breaches.isEmpty {
      let views = try await allViews()
      try await checkAtRest(views)
      state = stateDigest(inFirstWords(views))
    }
    await server.end()
    return Outcome(
      hash: trace.hash, breaches: breaches, lines: trace.lines, steps: done, state: state)
  }

  private func populate() async throws {
    let count = 3 + chance.below(3)
    for number in 0..<count {
      _ = addDevice(number, person: number % Stage.people)
    }
  }

  /// A device with an empty store; a person has as many as there are sessions of theirs.
  func addDevice(_ number: Int, person: Int) -> WorldDevice {
    let isSkewed = weather.has(.skew)
    let skew: Int64
    switch isSkewed ? chance.below(4) : 3 {
    case 0: skew = 10 * 365 * 86_400_000
    case 1: skew = -10 * 365 * 86_400_000
    case 2: skew = Int64(chance.below(7_200_000)) - 3_600_000
    default: skew = 0
    }
    let plan = isDeployed ? stage.secondPlan : stage.plan
    let device = WorldDevice(
      number: number, person: person,
      token: server.people[person].tokens[number % Stage.sessions],
      core: ClientCore(
        client: newID(), device: DeviceNotice(id: newID(), name: "d\(number)"), plan: plan,
        schema: isDeployed ? stage.secondVersion : Stage.firstVersion),
      skew: skew, drift: isSkewed ? Int64(chance.below(5)) - 2 : 0)
    devices.append(device)
    note("  d\(number) is p\(person)'s, its clock is \(device.skew) ms ahead")
    return device
  }
}
