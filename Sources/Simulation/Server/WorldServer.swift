import Accounts
import Queries
import Records
import RoostCore
import RoostServer
import SQLiteDriver
import Schema
import Synchronization
import Transport

/// The server of a world: the app as it is served, asked without sockets, one request after the
/// other.
///
/// On PostgreSQL it may be several processes beside each other, of which any is asked.
final class WorldServer {
  /// What a request came to: a status and a body; nil where the server went down before it answered.
  typealias Answer = (status: Int, body: [UInt8])

  let stage: Stage
  let time: WorldTime
  let random: WorldRandom
  let disk: MemoryDisk
  let log = KeptLog()
  private(set) var schema: SchemaModel
  /// Bytes of deltas in one answer; nil for as many as ever.
  var room: Int?
  private(set) var people: [Stage.Person]
  private let settings: Settings
  /// The schema of PostgreSQL in which the database lies.
  private let place: String
  private var nodes: [Node] = []
  /// Which of them is asked next; it has a chance of its own, so that the world is the same with one.
  private var chance: Chance
  private var asked = 0
  /// The disk could not be trusted any more, and the process ended itself.
  private let hasExited = Flag()
  private var isGivenBack = false

  /// `name` tells the databases of worlds apart that run at the same time.
  init(_ stage: Stage, name: String, time: WorldTime, random: WorldRandom) throws {
    chance = Chance(seed: name.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) })
    place = "roost_world_" + name
    settings = try stage.settings ?? Stage.settings(stage.address, schema: place)
    people = stage.people
    self.stage = stage
    self.time = time
    self.random = random
    schema = stage.schema
    disk = stage.takeDisk()
  }

  deinit {
    guard !isGivenBack else { return }
    nodes = []
    disk.forgetConnections()
  }

  /// One process, and what it answers by.
  private struct Node {
    let app: App
    let door: any Application
  }

  /// The process that was asked last; nil while none serves.
  var app: App? { nodes.isEmpty ? nil : nodes[asked].app }

  /// Whether it serves.
  var isUp: Bool { app != nil && !hasExited.isSet && !disk.isDead }

  /// Begins, where there is nothing yet.
  func begin() async throws {
    if stage.address != nil { stage.drop(place) }
    try await open()
    if let app, people.isEmpty { people = try await Stage.meet(app) }
  }

  /// Ends, and leaves nothing behind.
  func end() async {
    disk.closing = .keep
    await close()
    stage.giveBack(disk)
    isGivenBack = true
    stage.drop(place)
  }

  func open(_ newer: SchemaModel? = nil) async throws {
    if let newer { schema = newer }
    hasExited.clear()
    asked = 0
    for number in 0..<stage.nodes { nodes.append(try await node(number)) }
  }

  private func node(_ number: Int) async throws -> Node {
    let flag = hasExited
    let random = NodeRandom(number == 0 ? random : WorldRandom(seed: chance.next()))
    let app = try await Stage.open(
      schema, settings,
      Stage.surroundings(stage.address == nil ? disk : nil, stage.compiled) { flag.set() },
      time: time, random: random, sink: log)
    random.source = self.random
    return Node(app: app, door: try app.steppedDoor(room: room))
  }

  /// Chooses who is asked next, and now and then has that one end and begin again before.
  private func turn() async throws {
    guard stage.nodes > 1, !nodes.isEmpty else { return }
    asked = chance.below(nodes.count)
    if chance.once(in: 40) {
      await nodes[asked].app.close()
      nodes[asked] = try await node(asked + 1)
    }
    // It does so by a clock of its own, which no step waits for.
    try await nodes[asked].app.accounts.hearOthers()
  }

  /// Ends it, has `roost migrate apply` bring the database to `newer`, and serves that.
  func migrate(to newer: SchemaModel) async throws {
    await closeForDeployment()
    if disk.isDead { disk.restart() }
    try await AppMigration(
      data: "/tmp", settings: settings,
      ambient: Ambient(
        time: time, random: WorldRandom(seed: 1),
        logger: Logger(level: .notice, sink: log, time: time)),
      stepped: Stage.surroundings(stage.address == nil ? disk : nil, stage.compiled) {}
    ).apply(newer, allowing: []) { _ in }
    try await open(newer)
  }

  /// Ends it as a deployment does, behind which the tables are others.
  func closeForDeployment() async {
    disk.closing = .putAside
    await close()
    disk.closing = .close
  }

  /// Ends it in good order.
  func close() async {
    for node in nodes { await node.app.close() }
    nodes = []
  }

  /// Ends it without a goodbye, and cuts the power of its disk; `open` is next.
  ///
  /// Nothing that is closed from here on reaches the disk, so the connections may be kept.
  func fall(sector: Int, isKept: () -> Bool) {
    disk.cut(sector: sector, isKept: isKept)
    disk.closing = .keep
    for node in nodes { node.app.accounts.stop() }
    nodes = []
    disk.restart()
    disk.closing = .close
  }

  func ask(
    _ method: Transport.Method, _ path: String, token: String?, body: [UInt8] = [],
    version: String? = nil
  ) async throws -> Answer? {
    try await turn()
    guard isUp else { return nil }
    let door = nodes[asked].door
    let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
    let route = door.route(method, parts[0])
    let head = ListedHead(
      [("Content-Type", "application/json")]
        + (token.map { [("Authorization", "Bearer " + $0)] } ?? [])
        + (version.map { [("Roost-Version", $0)] } ?? []))
    let request = Request(
      method: method, path: parts[0], query: parts.count > 1 ? parts[1] : nil, requestID: "r",
      remoteAddress: "127.0.0.1", head: head, body: body, parameters: route.parameters)
    let response: Response
    do {
      response = try await route.handler(request)
    } catch {
      response = door.answer(to: error, requestID: "r")
    }
    // What a process says that has ended is heard by nobody.
    guard isUp else { return nil }
    if case .bytes(let bytes) = response.body { return (response.status, bytes) }
    return (response.status, [])
  }

  // MARK: Looking from outside

  /// Reads the database as nobody's request could: for invariants.
  func look<Result: Sendable>(
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    guard let app else { throw WorldFault("the server is down") }
    return try await app.database.read(.snapshot, body)
  }
}

/// Why a world cannot go on, which is a fault of the world and not of the product.
struct WorldFault: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Whether something has happened, told across closures.
final class Flag: Sendable {
  private let state = Atomic(false)
  var isSet: Bool { state.load(ordering: .relaxed) }
  func set() { state.store(true, ordering: .relaxed) }
  func clear() { state.store(false, ordering: .relaxed) }
}

/// The log lines of a server, for what must not be in them.
final class KeptLog: LogSink {
  private let lines = Mutex<[UInt8]>([])
  func write(_ line: [UInt8]) { lines.withLock { $0 += line } }
  var bytes: [UInt8] { lines.withLock { $0 } }
}
