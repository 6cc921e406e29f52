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
  private(set) var app: App?
  private(set) var people: [Stage.Person]
  private let settings: Settings
  /// The schema of PostgreSQL in which the database lies.
  private let place: String
  private var door: (any Application)?
  /// The disk could not be trusted any more, and the process ended itself.
  private let hasExited = Flag()
  private var isGivenBack = false

  /// `name` tells the databases of worlds apart that run at the same time.
  init(_ stage: Stage, name: String, time: WorldTime, random: WorldRandom) throws {
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
    door = nil
    app = nil
    disk.forgetConnections()
  }

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
    let flag = hasExited
    let app = try await Stage.open(
      schema, settings,
      Stage.surroundings(stage.address == nil ? disk : nil, stage.compiled) { flag.set() },
      time: time, random: random, sink: log)
    door = try app.steppedDoor(room: room)
    self.app = app
  }

  /// Ends it as a deployment does, behind which the tables are others.
  func closeForDeployment() async {
    disk.closing = .putAside
    await close()
    disk.closing = .close
  }

  /// Ends it in good order.
  func close() async {
    await app?.close()
    app = nil
    door = nil
  }

  /// Ends it without a goodbye, and cuts the power of its disk; `open` is next.
  ///
  /// Nothing that is closed from here on reaches the disk, so the connections may be kept.
  func fall(sector: Int, isKept: () -> Bool) {
    disk.cut(sector: sector, isKept: isKept)
    disk.closing = .keep
    app?.accounts.stop()
    door = nil
    app = nil
    disk.restart()
    disk.closing = .close
  }

  func ask(
    _ method: Transport.Method, _ path: String, token: String?, body: [UInt8] = []
  ) async -> Answer? {
    guard let door, isUp else { return nil }
    let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
    let route = door.route(method, parts[0])
    let head = ListedHead(
      [("Content-Type", "application/json")]
        + (token.map { [("Authorization", "Bearer " + $0)] } ?? []))
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
