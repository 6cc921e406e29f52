package import RoostCore
import Schema
import SyncProtocol

@testable import SyncClient

/// The app whose devices the tests make.
enum TestApp {
  static let source = """
    enum Level { BRONZE SILVER GOLD }
    type Gig @collection @allow(ops: [ALL], to: PUBLIC) {
      title: String
      team: String
      news: News @relation(onDelete: SET_NULL)
      plays: Int! @merge(strategy: COUNTER) @default(value: "0") @constraint(min: 0, max: 100000)
      tags: [String!] @merge(strategy: SET_UNION)
      best: Int @merge(strategy: MAX)
      least: Int @merge(strategy: MIN)
      level: Level @merge(strategy: MAX)
      since: DateTime @merge(strategy: MAX)
      longest: Duration @merge(strategy: MAX)
      notes: JSON @merge(strategy: MERGE_DEEP)
      log: [String!] @merge(strategy: APPEND)
      price: Int @merge(strategy: REJECT)
      poster: String @merge(strategy: USER_CHOICE)
      stage: String @merge(strategy: SERVER_WINS)
      mood: String @merge(strategy: CLIENT_WINS)
      diary: String @sync(tier: DAILY)
      pinned: Boolean @sync(tier: LOCAL_ONLY)
    }
    type News @collection(name: "news") @sync(tier: DAILY) @allow(ops: [ALL], to: PUBLIC) {
      title: String
      gig: Gig @relation(onDelete: SET_NULL)
      plays: Int! @merge(strategy: COUNTER) @default(value: "0")
      log: [String!] @merge(strategy: APPEND)
    }
    type Setting @collection @sync(tier: LOCAL_ONLY) {
      theme: String
      opened: Int @merge(strategy: COUNTER)
    }
    """

  static let schema: SchemaModel = {
    do {
      return try SchemaModel.load(source: source)
    } catch {
      fatalError("the schema of the tests: \(error)")
    }
  }()
  static let plan = ClientPlan(schema)
  static let version = "1.0.0"
  /// A day in 2026, in milliseconds.
  static let now: Int64 = 1_790_000_000_000
}

/// A small generator of repeatable random numbers (SplitMix64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[roll(0...elements.count - 1)]
  }

  mutating func uuid() -> UUID { UUID(high: next(), low: next()) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self.init(uniqueMembers: elements.map { (key: $0.0, value: $0.1) })
  }
}

extension UUID {
  /// An identifier with that number.
  static func of(_ number: Int) -> UUID { UUID(high: 0x0198, low: UInt64(number)) }
}

extension RowKey {
  static func gig(_ number: Int) -> RowKey { RowKey(collection: "gigs", id: .of(number)) }
  static func news(_ number: Int) -> RowKey { RowKey(collection: "news", id: .of(number)) }
  static func setting(_ number: Int) -> RowKey {
    RowKey(collection: "settings", id: .of(number))
  }
}

extension ClientOperation {
  static func create(_ key: RowKey, _ fields: JSONObject) -> ClientOperation {
    .create(collection: key.collection, id: key.id, fields: fields)
  }

  static func update(
    _ key: RowKey, _ fields: JSONObject, base: [String: Stamp] = [:]
  ) -> ClientOperation {
    .update(collection: key.collection, id: key.id, fields: fields, base: base)
  }

  static func delete(_ key: RowKey) -> ClientOperation {
    .delete(collection: key.collection, id: key.id)
  }
}
