import Jobs
import Queries
import Records
import RoostCore

/// Follows the log for one function: each change that concerns it becomes a job, in the transaction
/// that moves the follower's place on.
///
/// Changes that the function itself made are left out, and so are those that lie too deep: changes
/// of a function that followed from a change of a function, and so on.
struct FunctionTrigger: Follower {
  let name: String
  /// What was called once is not called again: its jobs are gone, and with them their keys.
  let isReplayable = false
  let kinds: [Mutation.Kind]
  let collections: [Int64]?
  private let line: FunctionLine
  private let queue: JobQueue
  private let logger: Logger
  private let changes: Set<AppFunction.Change>
  /// The names of the collections that are followed, by their numbers.
  private let names: [Int64: String]
  /// What made a change, and how deep it lies, by the id that the log names.
  private let makers: [UUID: (function: String, depth: Int)]

  init(
    _ line: FunctionLine, _ changes: Set<AppFunction.Change>, among functions: [AppFunction],
    _ records: RecordStore, _ queue: JobQueue, _ logger: Logger
  ) {
    self.line = line
    self.queue = queue
    self.logger = logger
    self.changes = changes
    name = FunctionSetting.followerName(line.function.name)
    var names: [Int64: String] = [:]
    for collection in records.catalogue.collections
    where changes.contains(where: { $0.collection == collection.name }) {
      names[collection.number] = collection.name
    }
    self.names = names
    collections = names.keys.sorted()
    kinds = [Mutation.Kind.create, .update, .delete].filter { kind in
      changes.contains { $0.operation == kind.word }
    }
    var makers: [UUID: (function: String, depth: Int)] = [:]
    for function in functions {
      for depth in 1...AppFunction.deepest {
        makers[AppFunction.callerID(function.name, depth: depth)] = (function.name, depth)
      }
    }
    self.makers = makers
  }

  func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    let function = line.function
    for entry in entries {
      guard let collection = names[entry.collection],
        changes.contains(
          AppFunction.Change(collection: collection, operation: entry.kind.word))
      else { continue }
      let maker = entry.actor.flatMap { makers[$0] }
      if maker?.function == function.name { continue }
      let depth = (maker?.depth ?? 0) + 1
      guard depth <= AppFunction.deepest else {
        line.countLoop()
        logger.warning(
          "functions follow from one another without end: this one is not called",
          [
            ("function", .string(function.name)), ("collection", .string(collection)),
            ("record", .string(entry.id.description)),
          ])
        continue
      }
      let operation = AppFunction.operationID(function.name, entry.identity)
      var change = JSONObject()
      change["collection"] = .string(collection)
      change["operation"] = .string(entry.kind.word)
      change["id"] = .string(entry.id.description)
      change["version"] = .int(entry.version)
      change["at"] = .string(entry.at.description)
      change["depth"] = .int(Int64(depth))
      let fields = try await entry.changedFields(in: transaction)
      if !fields.isEmpty { change["changed"] = .array(fields.map { .string($0) }) }
      try await queue.enqueue(
        NewJob(
          function.jobKind,
          ["operation": .string(operation.description), "change": .object(change)],
          key: operation.description), in: transaction)
    }
    return entries.count
  }
}

extension Mutation.Kind {
  /// As it is written in `roost.yaml` and told to functions.
  var word: String {
    switch self {
    case .create: "create"
    case .update: "update"
    case .delete: "delete"
    }
  }
}
