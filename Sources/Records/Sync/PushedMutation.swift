import Cryptography
import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// Carries out the operations of one mutation: all of them, or none.
struct PushedMutation {
  let records: RecordStore
  let actions: ActionRunner?
  let caller: Caller
  let mutation: ClientMutation
  /// The operations in the words of the schema that the server has.
  let operations: [ClientOperation]
  /// How the values of choices are said in them.
  let lens: ChoiceLens
  /// When and where it was made, held to what the server's clock allows.
  let stamp: Stamp
  let madeAt: OperationTime
  let now: Timestamp

  private var author: Mutation.Author { .caller(caller) }

  /// What the operations came to.
  private struct Report {
    var isMerged = false
    var conflicts: [UUID] = []
  }

  /// Throws `OperationFailure`; then what was done has to be undone.
  func carryOut(
    deleting budget: inout Int, in transaction: any Transaction
  ) async throws -> MutationResult {
    var report = Report()
    for (index, operation) in operations.enumerated() {
      do {
        try await carryOut(operation, index, &report, &budget, transaction)
      } catch {
        throw OperationFailure(index: index, operation: operation, error: error)
      }
    }
    if !report.conflicts.isEmpty {
      return MutationResult(
        seq: mutation.seq, .conflict, code: "conflict",
        message: "Somebody else has changed the same: choose which of the two stands.",
        conflicts: report.conflicts)
    }
    return MutationResult(seq: mutation.seq, report.isMerged ? .merged : .ok)
  }

  private func carryOut(
    _ operation: ClientOperation, _ index: Int, _ report: inout Report, _ budget: inout Int,
    _ transaction: any Transaction
  ) async throws {
    switch operation {
    case .create(let name, let id, let fields):
      var decoder = try decoder(name, .create)
      var body = fields
      if let given = body["id"], given.string != id.description {
        throw RoostError.invalid("/id", "immutable", "The id stands beside the fields.")
      }
      body["id"] = .string(id.description)
      let draft = try records.path.draft(try decoder.create(.object(body)))
      _ = try await records.path.create(draft, in: transaction)
    case .update(let name, let id, let fields, let base):
      var decoder = try decoder(name, .update)
      let change = try decoder.update(id, .object(fields), expecting: .nothing, base: base)
      let outcome = try await records.path.apply(change, deleting: &budget, in: transaction)
      if outcome.isMerged { report.isMerged = true }
      for conflict in outcome.conflicts {
        report.conflicts.append(
          try await keep(conflict, change, outcome, fields, base, index, transaction))
      }
    case .delete(let name, let id):
      let decoder = try decoder(name, .delete)
      _ = try await records.path.apply(
        decoder.delete(id, expecting: .any), deleting: &budget, in: transaction)
    case .action(let name, let arguments):
      try await call(name, arguments, index, transaction)
    case .resolve(let id, let choice):
      try await resolve(id, choice, &budget, transaction)
    }
  }

  // MARK: Rows

  /// Throws where the collection takes no changes from devices, or none of this kind by the caller.
  private func decoder(
    _ name: String, _ operation: Schema.Operation
  ) throws -> MutationDecoder {
    guard name != ConflictRows.name else { throw ConflictRows.refusal }
    guard let collection = records.catalogue.collection(named: name) else {
      throw UnknownCollection(
        name: name,
        hint: nearest(name, among: records.catalogue.collections.map(\.name)).map {
          " Did you mean \($0)?"
        } ?? "")
    }
    switch collection.model.sync.tier {
    case .localOnly:
      throw RoostError(
        .forbidden, "\(name) stays on each device: its records are not sent to the server.")
    case .serverOnly:
      throw RoostError(
        .forbidden, "\(name) is kept by the server: devices neither have nor change its records.")
    default: break
    }
    try records.authorize(operation, collection, by: author)
    return MutationDecoder(
      collection, author: author, ambient: records.ambient, madeAt: madeAt, stamp: stamp)
  }

  // MARK: Actions

  private func call(
    _ name: String, _ arguments: JSONObject, _ index: Int, _ transaction: any Transaction
  ) async throws {
    guard let actions, records.catalogue.model.action(named: name) != nil else {
      throw UnknownAction(name: name)
    }
    let prepared = try actions.prepare(
      name, .object(arguments), by: caller, operationID: operationID(index), madeAt: madeAt)
    do {
      _ = try await actions.run(prepared, in: transaction)
    } catch let error as RoostError {
      throw error
    } catch let error as CancellationError {
      throw error
    } catch {
      // Whatever a handler throws: its mutation is rejected, and the queue goes on. (An error that
      // ends the transaction ends it whatever is made of it here.)
      records.ambient.logger.error(
        "an action failed that a device had queued",
        [("action", .string(name)), ("cause", .string("\(error)"))])
      throw HandlerFailure(action: name)
    }
  }

  /// The same for every attempt: what the operation makes has the same ids in each.
  private func operationID(_ index: Int) -> UUID {
    let made = NameUUID.make(mutation.oid.bytes + Array("action \(index)".utf8))
    let time = UInt64(clamping: stamp.time.milliseconds)
    return UUID(high: time << 16 | made.high & 0xFFFF, low: made.low)
  }

  // MARK: Conflicts

  private func keep(
    _ conflict: ContestedField, _ change: Mutation, _ outcome: WriteOutcome, _ fields: JSONObject,
    _ base: [String: Stamp], _ index: Int, _ transaction: any Transaction
  ) async throws -> UUID {
    let collection = change.collection
    let name = collection.fields[conflict.field].name
    let id = NameUUID.make(mutation.oid.bytes + Array("conflict \(index) \(name)".utf8))
    let isSeen = outcome.members?.contains(conflict.field) == true
    if let account = caller.uid {
      transaction.attach(ConflictChange(of: account, id, isOpen: true))
    }
    let theirs =
      isSeen
      ? try await text(
        collection.json(conflict.theirs, of: conflict.field), of: id, collection.name, name,
        transaction)
      : .null
    let mine = try await text(fields[name] ?? .null, of: id, collection.name, name, transaction)
    try await transaction.post(
      SyncTables.putConflict,
      [
        .uuid(id), .optional(caller.uid), .int(collection.number), .uuid(change.id),
        .int(Int64(collection.fieldNumbers[conflict.field])),
        .optional(base[name]?.description), theirs, mine, .uuid(mutation.oid.uuid),
        .timestamp(now),
      ])
    return id
  }

  /// A value of a conflict as it is kept.
  private func text(
    _ value: JSON, of conflict: UUID, _ collection: String, _ field: String?,
    _ transaction: any Transaction
  ) async throws -> Value {
    guard let account = caller.uid else { return .text(value.text) }
    return try await records.conflictText(
      value, of: conflict, account, collection, field, in: transaction)
  }

  /// Decides a conflict, once, and on the value that the person saw.
  private func resolve(
    _ id: UUID, _ choice: ConflictChoice, _ budget: inout Int, _ transaction: any Transaction
  ) async throws {
    let nothing = RoostError(.notFound, "There is nothing to decide here any more.")
    guard let account = caller.uid,
      let known = try await records.conflict(id, of: account, isHeld: false, in: transaction)
    else { throw nothing }
    if let refusal = known.refusal { throw refusal }
    guard let collection = records.catalogue.collection(named: known.collection),
      let name = known.field, let index = collection.index(of: name)
    else {
      throw ConflictRefusal.moot(known)
    }
    let stored = try await transaction.first(
      collection.selectForWrite, [.uuid(known.row)]
    ) { collection.record($0) }
    // Who deletes the row holds it before what is to be decided about it.
    guard let conflict = try await records.conflict(id, of: account, isHeld: true, in: transaction)
    else { throw nothing }
    if let refusal = conflict.refusal { throw refusal }
    guard let record = stored ?? nil, record.deletedAt == nil else {
      throw ConflictRefusal.moot(conflict)
    }
    // Whoever may see the row again decides then.
    guard let seen = try await Authority(author, collection).members(of: record, in: transaction)
    else {
      throw RoostError(
        .notFound, "You may not see this record of \(collection.name) now: nothing was decided.")
    }
    let value = collection.json(record.values[index], of: index)
    // A person who may not see the field any more decides without it.
    if seen.contains(index), let theirs = conflict.theirs, theirs != value {
      throw ConflictRefusal.outdated(
        conflict, value: value, shown: lens.backward(value, collection.name, name))
    }
    var choice = choice
    let chosen: JSON?
    switch choice {
    case .theirs: chosen = nil
    case .mine: chosen = conflict.mine
    case .value(let value):
      let value = try ofValue { () throws in try lens.forward(value, collection.name, name) }
      choice = .value(value)
      chosen = value
    }
    if let chosen {
      var decoder = try decoder(collection.name, .update)
      let change = try ofValue { () throws in
        try decoder.update(
          conflict.row, .object(JSONObject(uniqueMembers: [(name, chosen)])), expecting: .nothing,
          base: [name: record.clocks.clock(collection.fieldNumbers[index])])
      }
      _ = try await records.path.apply(change, deleting: &budget, in: transaction)
    }
    try await transaction.post(
      SyncTables.resolve,
      [
        .timestamp(now),
        try await text(choice.stored, of: id, conflict.collection, conflict.field, transaction),
        .uuid(id),
      ])
    transaction.attach(ConflictChange(of: account, id, isOpen: false))
  }

  /// Says of what is wrong with a field that it is the choice's `value`.
  private func ofValue<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as RoostError {
      throw RoostError(
        error.code, error.detail,
        issues: error.issues.map { issue in
          let inner = issue.pointer.split(separator: "/").dropFirst().map { "/" + $0 }.joined()
          return FieldIssue(
            pointer: "/value" + inner, code: issue.code, message: issue.message)
        })
    }
  }
}

/// A device calls an action that the app does not have.
struct UnknownAction: Error {
  let name: String
}

/// A device changes a record of a collection that the app does not have, any more or at all.
struct UnknownCollection: Error {
  let name: String
  /// The name that it may be meant to be, as a sentence for the app's developer.
  let hint: String
}

/// Why a choice does not take place.
enum ConflictRefusal: Error {
  /// Somebody chose before.
  case closed
  /// It went with its row, and nobody chose.
  case ended
  /// What stands is no longer what the person chose against.
  case outdated(SyncConflict, value: JSON, shown: (name: String, value: JSON)?)
  /// There is nothing left to choose: the row or the field is gone.
  case moot(SyncConflict)
}

extension SyncConflict {
  /// Why there is nothing to choose any more; nil while there is.
  fileprivate var refusal: ConflictRefusal? {
    guard isResolved else { return nil }
    return resolution == nil ? .ended : .closed
  }
}

extension ConflictChoice {
  /// How a choice is kept.
  fileprivate var stored: JSON {
    switch self {
    case .theirs: ["choose": "theirs"]
    case .mine: ["choose": "mine"]
    case .value(let value): ["value": value]
    }
  }
}
