import Queries
import Records
import RoostCore
import SyncProtocol
import Synchronization
import Testing

/// Records under pushes of devices.
struct PushHouse: Sendable {
  static let schema = """
    enum Stage { open started done }
    enum Role @roles { editor }
    type Note @collection @allow(ops: [ALL], to: USER, except: ["secret", "hidden"])
        @allow(ops: [ALL], owner: "owner") @check(name: "span", expr: "low <= high") {
      owner: User
      title: String @constraint(maxLength: 20)
      count: Int! @merge(strategy: COUNTER) @default(value: "0") @constraint(min: 0)
      best: Int @merge(strategy: MAX)
      stage: Stage @merge(strategy: MAX)
      tags: [String!] @merge(strategy: SET_UNION)
      goals: [JSON!] @merge(strategy: SET_UNION)
      prefs: JSON @merge(strategy: MERGE_DEEP)
      diary: [String!] @merge(strategy: APPEND)
      streak: Int @merge(strategy: LATEST_VALID, validWhen: "streak >= 0")
      choice: String @merge(strategy: USER_CHOICE)
      slot: String @merge(strategy: REJECT)
      fixed: String @merge(strategy: SERVER_WINS)
      plan: String @merge(strategy: CLIENT_WINS, staleAfter: "PT1H")
      code: String @unique
      badge: String @unique @merge(strategy: USER_CHOICE)
      low: Int
      high: Int
      secret: String
      hidden: String @merge(strategy: USER_CHOICE)
      rank: Int @serverOnly
      kept: String @immutable
    }
    type Own @collection @allow(ops: [ALL], owner: "by") { by: User! text: String }
    type Booking @collection @allow(ops: [ALL], to: USER) {
      note: Note @relation(onDelete: RESTRICT)
      at: DateTime @constraint(temporal: FUTURE)
    }
    type Task @collection @allow(ops: [ALL], owner: "by")
        @allow(ops: [READ, UPDATE], owner: "helper") {
      by: User!
      helper: User
      note: Note @relation(onDelete: CASCADE)
      word: String @merge(strategy: USER_CHOICE)
    }
    type Gadget @collection @allow(ops: [ALL], to: USER) @sync(tier: LOCAL_ONLY) { x: Int }
    type Ledger @collection @allow(ops: [ALL], to: USER) @sync(tier: SERVER_ONLY) { x: Int }
    type Photo @collection @allow(ops: [ALL], to: USER) @sync(tier: ON_DEMAND) { x: Int }
    extend type Mutation {
      jot(title: String!): Note! @action
      spoil(id: ID!): Boolean! @action
      outside: Boolean! @action
      break(title: String!): Boolean! @action
    }
    """

  struct Oops: Error {}

  /// What the action `break` throws behind its change.
  final class PlantedFault: Sendable {
    private let planted = Mutex<(any Error)?>(nil)
    var current: (any Error)? { planted.withLock { $0 } }
    func set(_ error: (any Error)?) { planted.withLock { $0 = error } }
  }

  let house: RecordsHouse
  let actions: ActionRunner
  let fault = PlantedFault()

  init(folder: String = RecordsHouse.folder(), time: TestTime = TestTime()) async throws {
    house = try await RecordsHouse(PushHouse.schema, folder: folder, time: time)
    var registry = ActionRegistry()
    registry.bind(
      "jot",
      .transaction { call, transaction in
        try await transaction.create("notes", ["title": call.arguments["title"] ?? .null])
      })
    registry.bind(
      "spoil",
      .transaction { call, transaction in
        let id = call.arguments["id"]?.string.flatMap { UUID($0) } ?? .zero
        try await transaction.update("notes", id, ["title": "spoilt"])
        throw Oops()
      })
    registry.bind(
      "outside", .function { _ in ActionOutcome(mutations: [], result: .value(true)) })
    let fault = fault
    registry.bind(
      "break",
      .transaction { call, transaction in
        let note = ["title": call.arguments["title"] ?? .null] as JSON
        _ = try await transaction.create("notes", note)
        if let planted = fault.current { throw planted }
        return .bool(true)
      })
    actions = ActionRunner(house.records, registry)
  }

  static func run(_ body: (PushHouse) async throws -> Void) async throws {
    let own = try await PushHouse()
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(own))
    } catch {
      result = .failure(error)
    }
    await own.house.close()
    try result.get()
  }

  func push(_ push: Push, by caller: Caller? = nil) async throws -> Pushed {
    let taken = try await take(push, by: caller)
    if let fault = taken.fault { throw fault }
    return try #require(taken.pushed)
  }

  func take(_ push: Push, by caller: Caller? = nil) async throws -> TakenPush {
    try await house.records.push(push, by: caller ?? house.ann, actions: actions)
  }

  /// What a first pull of a person has.
  func entries(_ caller: Caller) async throws -> [StreamEntry] {
    let records = house.records
    return try await house.database.read(.snapshot) { reader in
      var entries: [StreamEntry] = []
      var streams = StreamReader(records, in: reader)
      for head in try await records.reader(caller).heldStreams(in: reader).heads {
        var delta = DeltaWriter(stream: head.stream, from: 0)
        let step = try await streams.write(
          head.stream, head.tier, after: 0, end: head.sequence, room: .max, to: &delta)
        if case .delta(let delta) = try FrameReader().frame(delta.finish(to: step.to)) {
          entries += delta.entries
        }
      }
      return entries
    }
  }

  /// The row of a note as the server has it.
  func note(_ id: UUID, by caller: Caller? = nil) async throws -> JSON {
    try await house.read("notes", .string(id.description), by: caller)
  }

  func count(_ table: SQL) async throws -> String {
    try await house.texts("SELECT count(*) FROM \(table)").first ?? ""
  }
}

/// A device with one lane, which makes mutations as a client does.
struct Phone {
  let cid: UUID
  let lane: Lane
  private(set) var position: LanePosition
  /// All that it made, the last one last.
  private(set) var made: [ClientMutation] = []
  private var nonce: UInt64

  init(_ number: UInt64, lane: Lane = .live) {
    cid = UUID(high: 0xC1D0_0000_0000_7000, low: 0x8000_0000_0000_0000 | number)
    nonce = number << 32
    self.lane = lane
    position = LanePosition(last: 0, chain: Chain.genesis(client: cid, lane: lane))
  }

  /// Makes a mutation; `at` is its time in milliseconds.
  @discardableResult
  mutating func make(
    _ operations: [ClientOperation], at: Int64 = 1_760_000_000_000, oid: ChainHash? = nil
  ) -> ClientMutation {
    nonce += 1
    let mutation = ClientMutation(
      seq: position.last + 1, after: position.chain, nonce: nonce,
      stamp: Stamp(time: HybridTime(milliseconds: at, counter: UInt16(made.count)), client: cid),
      schema: "1.0.0", operations: operations, oid: oid)
    position = LanePosition(last: mutation.seq, chain: mutation.chain)
    made.append(mutation)
    return mutation
  }

  /// The frame of what it made from `from` on.
  func push(from: Int64 = 1) -> Push {
    Push(cid: cid, lane: lane, mutations: made.filter { $0.seq >= from })
  }

  /// The frame of the last that it made.
  var last: Push { push(from: position.last) }
}

extension ClientOperation {
  static func note(_ id: UUID, _ fields: JSON) -> ClientOperation {
    .create(collection: "notes", id: id, fields: fields.object ?? JSONObject())
  }

  static func edit(
    _ id: UUID, _ fields: JSON, base: [String: Stamp] = [:]
  ) -> ClientOperation {
    .update(collection: "notes", id: id, fields: fields.object ?? JSONObject(), base: base)
  }

  static func new(_ collection: String, _ id: UUID, _ fields: JSON) -> ClientOperation {
    .create(collection: collection, id: id, fields: fields.object ?? JSONObject())
  }

  static func change(_ collection: String, _ id: UUID, _ fields: JSON) -> ClientOperation {
    .update(collection: collection, id: id, fields: fields.object ?? JSONObject(), base: [:])
  }

  static func call(_ name: String, _ arguments: JSON = [:]) -> ClientOperation {
    .action(name: name, arguments: arguments.object ?? JSONObject())
  }
}

/// The id of the `number`th row of a test.
func row(_ number: UInt64) -> UUID {
  UUID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0000 | number)
}

extension Pushed {
  /// What became of each, with the code where there is one.
  var words: [String] {
    results.map { result in result.outcome.rawValue + (result.code.map { " " + $0 } ?? "") }
  }
}
