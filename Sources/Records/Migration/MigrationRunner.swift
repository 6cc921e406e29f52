package import Queries
package import RoostCore

/// How far a migration is.
package struct MigrationProgress: Sendable {
  package let what: String
  package let done: Int
  package let total: Int
  /// Rows a second, since this process took it up.
  package let rate: Double

  /// From 0 to 1.
  package var fraction: Double { total > 0 ? min(1, Double(done) / Double(total)) : 1 }
  package var secondsLeft: Double { rate > 0 ? Double(max(0, total - done)) / rate : 0 }
}

/// Goes through the rows of what is under way, a piece at a time.
package struct MigrationRunner: Sendable {
  let database: any Database
  let time: any TimeSource
  /// Nanoseconds of rest after each piece, for each nanosecond that it took: what a server leaves to
  /// its callers.
  private let rest: UInt64
  /// Nanoseconds between two looks at what somebody else goes through.
  private static let pause: UInt64 = 50_000_000

  package init(database: any Database, time: any TimeSource, rest: UInt64 = 0) {
    self.database = database
    self.time = time
    self.rest = rest
  }

  /// Converts what is left to be converted.
  package func convert(
    _ onProgress: @escaping @Sendable (MigrationProgress) -> Void = { _ in }
  ) async throws {
    try await run(.convert, onProgress, knows: { _ in true }) { task, now, transaction in
      let table = try await transaction.first(
        "SELECT name FROM roost_collection WHERE number = \(task.collection)"
      ) { $0.text(0) }
      guard let table else {
        try await task.advance(to: nil, by: 0, in: transaction)
        return 0
      }
      return try await MigrationBatch(task: task, now: now).convert(table: table, in: transaction)
    }
  }

  /// Brings the rows that a new default reached in step, as far as `catalogue` knows its fields.
  package func fill(
    _ catalogue: Catalogue,
    _ onProgress: @escaping @Sendable (MigrationProgress) -> Void = { _ in }
  ) async throws {
    let knows: @Sendable (MigrationTask) -> Bool = { task in
      guard let collection = catalogue.collection(number: task.collection) else { return false }
      let names = (task.argument.array ?? []).compactMap(\.string)
      return names.allSatisfy { collection.index(of: $0) != nil }
    }
    try await run(.fill, onProgress, knows: knows) { task, now, transaction in
      guard let collection = catalogue.collection(number: task.collection) else { return 0 }
      return try await MigrationBatch(task: task, now: now).fill(
        collection, catalogue, in: transaction)
    }
  }

  /// Brings streams in step with changed rules, as far as `catalogue` has them; sync waits for it.
  package func rescope(
    _ catalogue: Catalogue,
    _ onProgress: @escaping @Sendable (MigrationProgress) -> Void = { _ in }
  ) async throws {
    let knows: @Sendable (MigrationTask) -> Bool = { StreamRescope.isKnown($0, to: catalogue) }
    try await run(.rescope, onProgress, knows: knows) { task, _, transaction in
      guard let collection = catalogue.collection(number: task.collection) else { return 0 }
      return try await StreamRescope(task: task, collection: collection, catalogue: catalogue)
        .piece(in: transaction)
    }
  }

  /// Whether rows are still to be brought in step.
  package func isFilling() async throws -> Bool {
    try await database.read(.statement) { reader in
      try await MigrationTask.all(onlyOpen: true, in: reader).contains { $0.kind == .fill }
    }
  }

  /// Whether something is left of what this process can do, whoever is at it.
  private func isOpen(
    _ kind: MigrationTask.Kind, _ knows: @escaping @Sendable (MigrationTask) -> Bool
  ) async throws -> Bool {
    try await database.read(.statement) { reader in
      try await MigrationTask.all(onlyOpen: true, in: reader)
        .contains { $0.kind == kind && knows($0) }
    }
  }

  private static let words: [MigrationTask.Kind: String] = [
    .convert: "converting", .fill: "filling", .rescope: "rescoping",
  ]

  /// Tasks that `knows` does not know are another process's.
  private func run(
    _ kind: MigrationTask.Kind, _ onProgress: @escaping @Sendable (MigrationProgress) -> Void,
    knows: @escaping @Sendable (MigrationTask) -> Bool,
    _ work: @escaping @Sendable (MigrationTask, Timestamp, any Transaction) async throws -> Int
  ) async throws {
    var begun: [Int64: (nanoseconds: UInt64, done: Int, total: Int)] = [:]
    while true {
      try Task.checkCancellation()
      let now = time.now()
      let start = time.monotonicNanoseconds()
      let step = try await database.write { transaction -> (MigrationTask, Int)? in
        let open = try await MigrationTask.all(onlyOpen: true, locking: .free, in: transaction)
        guard let task = open.first(where: { $0.kind == kind && knows($0) }) else { return nil }
        return (task, try await work(task, now, transaction))
      }
      guard let (task, count) = step else {
        guard try await isOpen(kind, knows) else { return }
        // Another process is at it: it may end before it is done.
        try await Task.sleep(nanoseconds: MigrationRunner.pause)
        continue
      }
      let took = time.nanoseconds(since: start)
      let since: (nanoseconds: UInt64, done: Int, total: Int)
      if let known = begun[task.collection] {
        since = known
      } else {
        let total = task.total > 0 ? task.total : try await task.count(on: database)
        since = (start, task.done, total)
        begun[task.collection] = since
      }
      let seconds = Double(time.nanoseconds(since: since.nanoseconds)) / 1_000_000_000
      let done = task.done + count
      onProgress(
        MigrationProgress(
          what: MigrationRunner.words[kind] ?? "", done: done, total: since.total,
          rate: seconds > 0 ? Double(done - since.done) / seconds : 0))
      if rest > 0 { try await Task.sleep(nanoseconds: took * rest) }
    }
  }
}
