import Queries
import Records
import RoostCore
import Schema
import Testing

/// Records with actions over a database of their own.
struct ActionHouse: Sendable {
  static let schema = """
    enum Role @roles { musician editor @inherits(from: ["musician"]) }
    type Band @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], fields: ["name"]) {
      owner: User!
      name: String! @constraint(maxLength: 20)
      seats: Int! @default(value: "2")
      secret: String
    }
    type Booking @collection @allow(ops: [READ, CREATE], owner: "by") {
      by: User!
      band: Band! @relation(onDelete: CASCADE)
      at: DateTime @constraint(temporal: FUTURE)
    }
    type Ledger @collection { note: String! @unique }
    extend type Mutation {
      book(band: ID!, seats: Int = 1 @constraint(min: 1, max: 5)): Booking! @action
      band(name: String!): Band @action
      bands: [Band!]! @action
      count: Int! @action
      flag: Boolean! @action
      texts: [String] @action
    }
    """

  let house: RecordsHouse
  var registry = ActionRegistry()

  static func run(_ body: (inout ActionHouse) async throws -> Void) async throws {
    let house = try await RecordsHouse(schema)
    var own = ActionHouse(house: house)
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(&own))
    } catch {
      result = .failure(error)
    }
    await house.close()
    try result.get()
  }

  mutating func bind(
    _ name: String, isPublic: Bool = false,
    _ handler: @escaping @Sendable (ActionCall, ActionTransaction) async throws -> JSON
  ) { registry.bind(name, isPublic: isPublic, .transaction(handler)) }

  mutating func bindFunction(
    _ name: String, _ function: @escaping @Sendable (ActionCall) async throws -> ActionOutcome
  ) { registry.bind(name, .function(function)) }

  var runner: ActionRunner { ActionRunner(house.records, registry) }

  func call(
    _ name: String, _ arguments: JSON = .object(JSONObject()), by caller: Caller? = nil,
    operation: RoostCore.UUID? = nil, madeAt: OperationTime? = nil
  ) async throws -> JSON {
    let prepared = try runner.prepare(
      name, arguments, by: caller ?? house.ann, operationID: operation, madeAt: madeAt)
    return try JSON.parse(try await runner.run(prepared))
  }

  /// The code of the refusal of a call, with the pointers of its faults.
  func refused(
    _ name: String, _ arguments: JSON = .object(JSONObject()), by caller: Caller? = nil
  ) async -> String? {
    let error = await refusal { _ = try await call(name, arguments, by: caller) }
    return error.map { error in
      ([error.code.rawValue] + error.issues.map { "\($0.pointer) \($0.code)" })
        .joined(separator: " ")
    }
  }

  /// The rows of a table.
  func count(_ table: SQL) async throws -> [String] {
    try await house.texts("SELECT count(*) FROM \(table)")
  }
}
