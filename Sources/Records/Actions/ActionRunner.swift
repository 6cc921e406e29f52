import Queries
package import RoostCore
import Rules
package import Schema

/// Carries out the actions of an app: the one way of every call, whichever door it came through.
package struct ActionRunner: Sendable {
  private let records: RecordStore
  private let registry: ActionRegistry

  package init(_ records: RecordStore, _ registry: ActionRegistry) {
    self.records = records
    self.registry = registry
  }

  /// A call that was checked, and waits to be carried out.
  package struct Prepared: Sendable {
    package let call: ActionCall
    let handler: ActionHandler
  }

  private var model: SchemaModel { records.catalogue.model }

  /// The action of that name, which `caller` may try: before its arguments are even read.
  ///
  /// Throws 404 for an unknown name, 401 for somebody without an account whom it is not open to.
  package func action(
    _ name: String, for caller: Caller
  ) throws(RoostError) -> ActionDeclaration {
    guard let action = model.action(named: name) else {
      throw RoostError(
        .notFound,
        "There is no action \"\(name.prefix(60))\": see GET /schema.graphql"
          + didYouMean(name, among: model.actions.map(\.name)) + ".")
    }
    guard caller.uid != nil || registry[name]?.isPublic == true else {
      throw RoostError(
        .unauthenticated,
        "The action \(name) needs an account: send Authorization: Bearer with an access token.")
    }
    return action
  }

  /// Checks a call.
  ///
  /// Throws as `action(_:for:)`, and 422 with a pointer for each fault of the arguments.
  ///
  /// `operationID` is the same for every attempt; without one the call is one of its own.
  package func prepare(
    _ name: String, _ arguments: JSON, by caller: Caller, operationID: UUID? = nil,
    madeAt: OperationTime? = nil
  ) throws -> Prepared {
    let action = try action(name, for: caller)
    guard let entry = registry[name] else {
      throw RoostError(.internalError, "The action \(name) has no handler in this server.")
    }
    let now = records.ambient.time.now()
    let time = madeAt?.clamped(now: now) ?? now
    let closure = model.roles?.closure ?? [:]
    let roles = caller.roles.reduce(into: Set<String>()) { $0.formUnion(closure[$1] ?? [$1]) }
    let call = ActionCall(
      action: action, caller: caller, arguments: try action.decode(arguments, now: time),
      operationID: operationID ?? records.ambient.newID(), time: time, madeAt: madeAt,
      roles: roles)
    return Prepared(call: call, handler: entry.handler)
  }

  /// Carries a call out in one transaction; gives the JSON of its result.
  package func run(_ prepared: Prepared) async throws -> [UInt8] {
    let work = try await work(prepared)
    return try await records.database.write { try await work($0) }
  }

  /// Carries a call out in one transaction, in which the receipt is stored too; gives the receipt.
  ///
  /// `answer` makes it of the JSON of the result. Throws `.conflict` where somebody else was faster
  /// with the same claim, and `.rateLimited` where the claimant has no room for another receipt;
  /// then nothing is done.
  package func run(
    _ prepared: Prepared, leaving claim: ReceiptClaim,
    answer: @escaping @Sendable ([UInt8]) -> Receipt
  ) async throws -> Receipt {
    let records = records
    try await records.checkRoom(for: claim)
    let work = try await work(prepared)
    let receipt = try await records.database.write { transaction in
      try await records.begin(claim, in: transaction)
      let receipt = answer(try await work(transaction))
      try await records.leave(receipt, for: claim, in: transaction)
      return receipt
    }
    records.receiptUse.add(receipt.byteCount, to: claim.principal)
    return receipt
  }

  /// Carries a call out as a part of a transaction; gives the JSON of its result.
  ///
  /// Throws `.notImplemented` for one that a function carries out: that comes before a transaction,
  /// and never in it.
  func run(
    _ prepared: Prepared, in transaction: any Transaction
  ) async throws -> [UInt8] {
    guard case .transaction = prepared.handler else {
      throw RoostError(
        .notImplemented,
        "The action \(prepared.call.name) is carried out by a function and cannot be queued: call "
          + "it while the server can be reached.")
    }
    return try await work(prepared)(transaction)
  }

  // MARK: Steps

  /// What an action may take in its transaction before the log tells of it.
  private static let slowMilliseconds: UInt64 = 250

  private typealias Work = @Sendable (any Transaction) async throws -> [UInt8]

  /// What is done in the transaction; a function is called here, before it.
  private func work(_ prepared: Prepared) async throws -> Work {
    let (records, call) = (records, prepared.call)
    switch prepared.handler {
    case .transaction(let handler):
      return { transaction in
        let own = ActionRunner.open(records, call, transaction)
        let start = records.ambient.time.monotonicNanoseconds()
        let value = try await handler(call, own)
        let bytes = try await ActionRunner.answer(value, call, own)
        try own.end()
        ActionRunner.noteDuration(since: start, call, records.ambient)
        return bytes
      }
    case .function(let function):
      let outcome = try await function(call)
      return { transaction in
        let own = ActionRunner.open(records, call, transaction)
        do {
          let bytes = try await ActionRunner.apply(outcome, call, own, records)
          try own.end()
          return bytes
        } catch let error as RoostError {
          guard outcome.isForeign, let fault = error.cause as? ActionFault else { throw error }
          throw RoostError(
            .functionFailed,
            "The function of \(call.name) gave an answer that cannot be used: \(fault.reason)",
            cause: fault)
        }
      }
    }
  }

  /// Tells the log of a handler that kept others waiting who write.
  private static func noteDuration(since start: UInt64, _ call: ActionCall, _ ambient: Ambient) {
    let milliseconds = (ambient.time.monotonicNanoseconds() &- start) / 1_000_000
    guard milliseconds >= slowMilliseconds else { return }
    ambient.logger.warning(
      "an action took long in its transaction, for which others wait",
      [("action", .string(call.name)), ("milliseconds", .int(Int64(clamping: milliseconds)))])
  }

  private static func open(
    _ records: RecordStore, _ call: ActionCall, _ transaction: any Transaction
  ) -> ActionTransaction {
    ActionTransaction(
      records, transaction, as: .caller(call.caller), operationID: call.operationID,
      madeAt: call.madeAt)
  }

  private static func apply(
    _ outcome: ActionOutcome, _ call: ActionCall, _ transaction: ActionTransaction,
    _ records: RecordStore
  ) async throws -> [UInt8] {
    let type = call.action.result
    let wanted = wantedCollection(call, records)
    var first: UUID?
    for mutation in outcome.mutations {
      let id = try await transaction.apply(mutation)
      if first == nil, mutation.collection == wanted, mutation.kind != .delete { first = id }
    }
    switch outcome.result {
    case .value(let value): return try await answer(value, call, transaction)
    case .record(let collection, let id):
      guard collection == wanted else {
        throw fault(call, "it answers a record of \(collection.prefix(60))")
      }
      return try await answer(.string(id.description), call, transaction)
    case nil:
      var value = first.map { JSON.string($0.description) } ?? .null
      if type.field.type == .boolean, !type.field.isList { value = true }
      return try await answer(value, call, transaction)
    }
  }

  /// What is wrong with the result of a function, as far as it can be told before the transaction;
  /// nil where it is of the declared type.
  package static func fault(
    in outcome: ActionOutcome, _ call: ActionCall, _ records: RecordStore
  ) -> String? {
    let type = call.action.result
    let wanted = wantedCollection(call, records)
    let value: JSON
    switch outcome.result {
    case .value(let given): value = given
    case .record(let collection, let id):
      guard collection == wanted else { return "it is a record of \(collection.prefix(60))" }
      value = .string(id.description)
    case nil:
      if type.field.type == .boolean, !type.field.isList { return nil }
      let isWritten = outcome.mutations.contains { $0.collection == wanted && $0.kind != .delete }
      value = isWritten ? .string(call.operationID.description) : .null
    }
    switch type.decode(type.recordType == nil ? value : identifiers(value, call)) {
    case .success: return nil
    case .failure(let issue):
      return "its result is not \(type.field.declaredType): \(issue.message)"
    }
  }

  private static func wantedCollection(_ call: ActionCall, _ records: RecordStore) -> String? {
    call.action.result.recordType.flatMap { records.catalogue.model.collection(ofType: $0)?.name }
  }

  // MARK: Result

  /// The JSON of what a handler returned, checked against the declared type; records as the caller
  /// may see them.
  ///
  /// Throws `.internalError` for another type (`.functionFailed` where another server gave it):
  /// nothing of the action remains then.
  private static func answer(
    _ value: JSON, _ call: ActionCall, _ transaction: ActionTransaction
  ) async throws -> [UInt8] {
    let type = call.action.result
    guard type.recordType != nil else {
      switch type.decode(value) {
      case .failure(let issue): throw fault(call, issue.message)
      case .success(let value):
        var json = JSONWriter()
        type.field.encode(value, into: &json)
        return json.bytes
      }
    }
    switch type.decode(identifiers(value, call)) {
    case .failure(let issue): throw fault(call, issue.message)
    case .success(.uuid(let id)): return try await record(id, call, transaction)
    case .success(.json(.array(let elements))):
      var json = JSONWriter()
      json.beginArray()
      for element in elements {
        if let id = element.string.flatMap({ UUID($0) }) {
          json.raw(try await record(id, call, transaction))
        } else {
          json.null()
        }
      }
      json.endArray()
      return json.bytes
    case .success: return Array("null".utf8)
    }
  }

  /// A handler may return the records that it has read or written, or their ids.
  private static func identifiers(_ value: JSON, _ call: ActionCall) -> JSON {
    guard call.action.result.field.isList else { return identifier(value) }
    return value.array.map { .array($0.map(identifier)) } ?? value
  }

  private static func identifier(_ value: JSON) -> JSON { value["id"] ?? value }

  private static func record(
    _ id: UUID, _ call: ActionCall, _ transaction: ActionTransaction
  ) async throws -> [UInt8] {
    guard let typeName = call.action.result.recordType,
      let bytes = try await transaction.acting(as: call.caller).shown(ofType: typeName, id)
    else { throw fault(call, "there is no record \(id)") }
    return bytes
  }

  private static func fault(_ call: ActionCall, _ reason: String) -> RoostError {
    RoostError(
      .internalError, "The action \(call.name) failed: nothing was changed.",
      cause: ActionFault(
        reason: "its result is not \(call.action.result.field.declaredType): \(reason)"))
  }
}

/// Why an action failed by its own fault, for the log.
struct ActionFault: Error, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}
