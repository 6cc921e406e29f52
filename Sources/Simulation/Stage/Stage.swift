import Accounts
import Queries
import Records
import RoostCore
import RoostServer
import SQLiteDriver
import Schema
import SyncClient
import Synchronization

/// What all worlds of a process begin with: the app's schemas, and on SQLite an empty database of it
/// with its people signed in.
final class Stage: Sendable {
  /// A person with the tokens of their sessions: one for each device that they may come to have, and
  /// one that no device has, whose end would be the end of the others' view.
  struct Person: Sendable {
    let id: UUID
    let tokens: [String]
    let own: String
  }

  static let people = 3
  static let sessions = 8
  static let firstVersion = "1.0.0"
  private static let centurySeconds: Int64 = 100 * 366 * 86_400

  /// Whether scopes are held through others: see `WorldSchema.text`.
  let isLinked: Bool
  /// Whether the second version is another major one, with other words.
  let isRenamed: Bool
  let schema: SchemaModel
  let second: SchemaModel
  let plan: ClientPlan
  let secondPlan: ClientPlan
  /// The address of a PostgreSQL; nil for SQLite on disks in memory.
  let address: String?
  /// Processes of a server.
  let nodes: Int
  /// The people and the prepared database of SQLite; on PostgreSQL each world makes its own.
  let people: [Person]
  let image: MemoryImage
  /// The settings of all worlds; nil on PostgreSQL, where each has its own.
  let settings: Settings?
  /// What the apps of all worlds share.
  let compiled = CompiledSchemas()
  /// Disks of worlds that have ended, for those that come.
  private let disks = Mutex<[MemoryDisk]>([])

  init(
    address: String? = nil, nodes: Int = 1, linked: Bool = false, renamed: Bool = false
  ) async throws {
    self.nodes = nodes
    isLinked = linked
    isRenamed = renamed
    schema = try SchemaModel.load(source: WorldSchema.text(linked: linked))
    plan = ClientPlan(schema)
    second = try SchemaModel.load(
      source: WorldSchema.text(second: true, linked: linked, renamed: renamed))
    secondPlan = ClientPlan(second)
    self.address = address
    guard address == nil else {
      people = []
      image = MemoryImage()
      settings = nil
      return
    }
    let disk = MemoryDisk()
    let settings = try Stage.settings(nil, schema: "")
    self.settings = settings
    let app = try await Stage.open(
      schema, settings, Stage.surroundings(disk, compiled) {},
      time: WorldTime(WorldTime.begin - 1000), random: WorldRandom(seed: 1))
    people = try await Stage.meet(app)
    await app.close()
    image = disk.current
  }

  deinit {
    for disk in disks.withLock({ $0 }) { disk.forgetConnections() }
  }

  /// Makes the people, who have the same ids in every world, and signs them in.
  static func meet(_ app: App) async throws -> [Person] {
    let ids = (1...UInt64(Stage.people)).map {
      UUID(high: 0x01A2_0000_0000_7000 | $0, low: 0x8000_0000_0000_0000 | $0)
    }
    let accounts = app.accounts
    _ = try await app.database.write { try await accounts.importUsers(ids, in: $0) }
    var people: [Person] = []
    for id in ids {
      var tokens: [String] = []
      for _ in 0...sessions {
        let session = try await accounts.signIn(id, from: ClientAddress("127.0.0.1"))
        tokens.append(session.accessToken.reveal())
      }
      people.append(Person(id: id, tokens: Array(tokens.prefix(sessions)), own: tokens[sessions]))
    }
    return people
  }

  /// A disk with the prepared database.
  func takeDisk() -> MemoryDisk {
    guard let disk = disks.withLock({ $0.popLast() }) else { return MemoryDisk(image) }
    disk.begin(with: image)
    return disk
  }

  /// Takes the disk of a world that has ended, with the connections that were kept.
  func giveBack(_ disk: MemoryDisk) { disks.withLock { $0.append(disk) } }

  var secondVersion: String { isRenamed ? "2.0.0" : "1.1.0" }

  static func settings(_ address: String?, schema: String) throws -> Settings {
    var flags = [SettingKeys.authRateLimits.name: "false"]
    if address != nil { flags[SettingKeys.databaseSchema.name] = schema }
    return try Settings(
      file: nil,
      // An address with a password is taken from there alone.
      environment: address.map { [SettingKeys.database.environment: $0] } ?? [:], flags: flags)
  }

  /// Removes what a world has left in PostgreSQL.
  func drop(_ schema: String) {
    guard let address else { return }
    try? AppDatabase.drop(schema, at: address)
  }

  static func surroundings(
    _ disk: MemoryDisk?, _ compiled: CompiledSchemas, exit: @escaping @Sendable () -> Void
  ) -> SteppedSurroundings {
    SteppedSurroundings(
      disk: disk, sessionSeconds: centurySeconds, compiled: compiled, exit: exit)
  }

  /// Opens the app as its server does, but that nothing runs by itself.
  static func open(
    _ schema: SchemaModel, _ settings: Settings, _ surroundings: SteppedSurroundings,
    time: WorldTime, random: any RandomSource, sink: any LogSink = SilentSink()
  ) async throws -> App {
    var extensions = AppExtensions()
    extensions.actions = WorldSchema.actions(schema)
    return try await App.open(
      schema, data: "/tmp", settings: settings,
      ambient: Ambient(
        time: time, random: random, logger: Logger(level: .notice, sink: sink, time: time)),
      extensions: extensions, stepped: surroundings)
  }
}

/// Where the log lines of worlds go that nobody reads.
struct SilentSink: LogSink {
  func write(_ line: [UInt8]) {}
}
