import Queries
import RoostCore

/// An app's database with somebody who looks on: how long its queues make people wait, which
/// statements are slow, and what a traced request does.
///
/// A point read that nobody traces goes through untouched, under its budget on the caller's thread; it
/// cannot be slow without becoming a read of another kind, which is looked at.
final class WatchedDatabase: Database {
  private let base: any Database
  private let slow: SlowStatements?
  private let isTraced: Bool
  private let delays: DatabaseDelays
  private let time: any TimeSource

  init(
    _ base: any Database, delays: DatabaseDelays, slow: SlowStatements?, isTraced: Bool,
    time: any TimeSource
  ) {
    self.base = base
    self.delays = delays
    self.slow = slow
    self.isTraced = isTraced
    self.time = time
  }

  var dialect: Dialect { base.dialect }
  var hasReplicas: Bool { base.hasReplicas }

  func position(isExact: Bool) async throws -> DatabasePosition? {
    try await base.position(isExact: isExact)
  }

  func close() async { await base.close() }

  // MARK: Reading

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    let watch = Watch(self)
    return try await base.read(consistency) { reader in
      if watch.scope == nil, reader.isBounded { return try await body(reader) }
      return try await body(watch.reader(reader))
    }
  }

  func read<Result: Sendable>(
    _ consistency: ReadConsistency, from source: ReadSource,
    _ body: @escaping @Sendable (any Reader) async throws -> Result
  ) async throws -> Result {
    let watch = Watch(self)
    return try await base.read(consistency, from: source) { reader in
      if watch.scope == nil, reader.isBounded { return try await body(reader) }
      return try await body(watch.reader(reader))
    }
  }

  /// What is known of a read or a write when it is asked for.
  private struct Watch: Sendable {
    let scope: TraceScope?
    let began: UInt64
    let delays: DatabaseDelays
    let slow: SlowStatements?
    let time: any TimeSource

    init(_ database: WatchedDatabase) {
      scope = database.isTraced ? TraceScope.current : nil
      began = database.time.monotonicNanoseconds()
      delays = database.delays
      slow = database.slow
      time = database.time
    }

    /// The reader of a read that runs now.
    func reader(_ reader: any Reader) -> any Reader {
      let now = time.monotonicNanoseconds()
      // A bounded one has waited for nobody.
      if !reader.isBounded { delays.reads.note(now &- began, at: now) }
      guard scope != nil || slow != nil else { return reader }
      return WatchedReader(reader, StatementWatch(scope: scope, slow: slow, time: time))
    }
  }

  // MARK: Writing

  func write<Result: Sendable>(
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    let watch = Watch(self)
    if let scope = watch.scope { return try await write(watch, scope, body) }
    return try await base.write { transaction in
      let now = watch.time.monotonicNanoseconds()
      watch.delays.writes.note(now &- watch.began, at: now)
      guard let slow = watch.slow else { return try await body(transaction) }
      return try await body(
        WatchedTransaction(
          transaction, StatementWatch(scope: nil, slow: slow, time: watch.time)))
    }
  }

  /// A write of a traced request: its wait, its body with its statements, the commit of its batch, and
  /// what is told to others afterwards.
  private func write<Result: Sendable>(
    _ watch: Watch, _ scope: TraceScope,
    _ body: @escaping @Sendable (any Transaction) async throws -> Result
  ) async throws -> Result {
    let mark = CommitMark()
    defer { WatchedDatabase.record(mark, scope, from: watch.began, to: scope.now) }
    return try await base.write { transaction in
      let now = watch.time.monotonicNanoseconds()
      watch.delays.writes.note(now &- watch.began, at: now)
      let inner = TraceScope(scope.trace, mark.begin(at: now, in: scope.trace))
      transaction.attach(mark)
      defer { mark.endBody(at: watch.time.monotonicNanoseconds()) }
      // The body runs in a task of the writer's, which inherits nothing.
      return try await TraceScope.$current.withValue(inner) {
        try await body(
          WatchedTransaction(
            transaction, StatementWatch(scope: inner, slow: watch.slow, time: watch.time)))
      }
    }
  }

  private static func record(
    _ mark: CommitMark, _ scope: TraceScope, from began: UInt64, to end: UInt64
  ) {
    let times = mark.times
    guard times.body != 0 else { return }
    let trace = scope.trace
    trace.record("db.wait", in: scope.span, from: began, to: times.body)
    trace.record(
      "db.transaction", id: times.span, in: scope.span, from: times.body, to: times.bodyEnd)
    // Without a commit the body was undone, and there is nothing to tell.
    guard times.committed != 0 else { return }
    trace.record("db.commit", in: scope.span, from: times.bodyEnd, to: times.committed)
    trace.record(
      "publish", in: scope.span, from: times.committed, to: times.told == 0 ? end : times.told)
  }
}

/// How long the queues before the database make people wait.
final class DatabaseDelays: Sendable {
  let reads: QueueDelay
  let writes: QueueDelay

  /// The wait in milliseconds that a queue should not exceed; 0 for no bound.
  init(milliseconds: Int) {
    let target = UInt64(milliseconds) * 1_000_000
    reads = QueueDelay(target: target / 2)
    // A commit takes what it takes, and everybody waits for the one before.
    writes = QueueDelay(target: target)
  }
}
