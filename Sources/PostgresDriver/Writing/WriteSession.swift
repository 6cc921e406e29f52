import CPostgres
import Glibc
import Queries
import RoostCore

/// The connection of one writer, and the transaction that is open on it; lives on that thread.
final class WriteSession {
  enum Control {
    case begin, savepoint, release, rollbackToSavepoint
    /// The same for a part of a body.
    case attempt, releaseAttempt, rollbackToAttempt

    var text: StaticString {
      switch self {
      case .begin: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
      case .savepoint: "SAVEPOINT roost_body"
      case .release: "RELEASE SAVEPOINT roost_body"
      case .rollbackToSavepoint: "ROLLBACK TO SAVEPOINT roost_body"
      case .attempt: "SAVEPOINT roost_attempt"
      case .releaseAttempt: "RELEASE SAVEPOINT roost_attempt"
      case .rollbackToAttempt: "ROLLBACK TO SAVEPOINT roost_attempt"
      }
    }
  }

  /// What becomes of statements that nobody waits for.
  enum Mode {
    /// They travel with the next one, and no body has a savepoint: what fails undoes the batch, which
    /// begins again `waiting`.
    case posting
    /// Each is waited for, and each body of several has a savepoint.
    case waiting
  }

  private enum Deferred {
    case control(Control)
    case call(StatementCall)

    var isSavepoint: Bool {
      switch self {
      case .control(.savepoint), .control(.attempt): true
      default: false
      }
    }
  }

  let errors: ErrorTranslator
  private let factory: ConnectionFactory
  private let time: any TimeSource
  private var reconnection = Reconnection()
  private var connection: Connection?
  /// Statements that nobody waits for; they go with the next one that somebody does.
  private var deferred: [Deferred] = []
  /// Those of them that were sent and may still have failed.
  private var posted: [Exchange] = []
  private(set) var mode = Mode.waiting
  /// The batch has to begin again, `waiting`: it is not known to whom the failure belongs, or what
  /// is to be undone cannot be.
  private(set) var mustWait = false
  /// The bodies of the batch have more attempts than one transaction carries: each has to run alone.
  private(set) var mustPart = false
  /// Savepoints of the transaction, of which PostgreSQL remembers fewer than 64 well.
  private var savepoints = 0
  private static let savepointLimit = 63
  /// The first error that ends the transaction as a whole, whatever its body makes of it.
  private(set) var failure: PostgresFailure?
  /// Something of the transaction was sent.
  private(set) var isBegun = false
  /// Whether there is anything to commit, sent or not.
  var hasWork: Bool {
    isBegun
      || deferred.contains { statement in
        if case .call = statement { true } else { false }
      }
  }
  /// The row of `roost_writer` that this writer raises.
  private let id: UUID
  /// The number of the transaction, larger with each.
  private(set) var number: Int64 = 0
  private var mark: Exchange?
  private var isCommitSent = false
  /// Statements of this transaction have no bound.
  var takesTime = false
  private(set) var connects = 0
  /// Rows that went by `COPY`.
  var copiedRows = 0

  /// The table of the writers, with its schema: before a transaction begins no path may be set.
  private let table: SQL
  private let raise: Statement

  init(_ factory: ConnectionFactory, _ errors: ErrorTranslator) {
    self.factory = factory
    self.errors = errors
    time = factory.ambient.time
    id = factory.ambient.newID()
    table = """
      \(identifier: factory.configuration.schema).\(identifier: SchemaOpening.writerTable)
      """
    raise = Statement(
      "UPDATE \(table) SET number = \(SQL.placeholder) WHERE id = \(SQL.placeholder)")
  }

  var isLost: Bool { connection?.isLost ?? true }
  private var isReady: Bool { connection?.isLost == false }

  private func bound(_ milliseconds: Int? = nil) -> WaitBound {
    let usual = takesTime ? nil : factory.configuration.writeMilliseconds + 1000
    return WaitBound(time: time, milliseconds: milliseconds ?? usual)
  }

  // MARK: The connection

  /// Connects if it has to; throws `PostgresFailure`, at once while the last failure is fresh.
  func connect() throws(PostgresFailure) {
    if isReady { return }
    connection = nil
    if let failure = reconnection.failure(at: time.monotonicNanoseconds()) { throw failure }
    do {
      connection = try factory.reach.attempt { () throws(PostgresFailure) in try newConnection() }
      connects += 1
      reconnection.succeeded()
    } catch {
      reconnection.failed(error, at: time.monotonicNanoseconds())
      throw error
    }
  }

  /// The last attempt to connect failed.
  var isOut: Bool { reconnection.hasFailed }

  private func newConnection() throws(PostgresFailure) -> Connection {
    let connection = try factory.connect(.write)
    var bound = bound()
    let call = StatementCall.text(
      """
      INSERT INTO \(table) (id, number, started) VALUES (\(id), 0, \(time.now()))
      ON CONFLICT (id) DO NOTHING
      """)
    _ = try ConnectionFactory.plain { try connection.run(call, &bound) }
    // What each transaction begins with must be prepared before it; it must not run here, where it
    // would say of a lost transaction that it is there.
    try connection.prepare(.fixed(raise, []), &bound)
    return connection
  }

  func close() {
    if let connection, !connection.isLost, !connection.isInTransaction {
      var bound = bound(1000)
      let call = StatementCall.text("DELETE FROM \(table) WHERE id = \(id)")
      _ = try? connection.run(call, &bound)
    }
    connection?.close()
    connection = nil
  }

  // MARK: Statements

  /// Starts afresh; nothing is sent yet.
  func begin(_ mode: Mode) {
    self.mode = mode
    mustWait = false
    mustPart = false
    savepoints = 0
    isCommitSent = false
    takesTime = false
    posted = []
    failure = nil
    isBegun = false
    number += 1
    mark = nil
    deferred = [.control(.begin)]
  }

  func queue(_ control: Control) {
    // A body that ran nothing needs no savepoint.
    if control == .release || control == .releaseAttempt, deferred.last?.isSavepoint == true {
      deferred.removeLast()
      savepoints -= 1
    } else {
      if control == .savepoint || control == .attempt { savepoints += 1 }
      deferred.append(.control(control))
    }
  }

  /// Begins a part of a body; `isAlone` where the transaction is that body's.
  func beginAttempt(isAlone: Bool) throws {
    if let failure { throw failure }
    guard savepoints >= WriteSession.savepointLimit else { return queue(.attempt) }
    if isAlone { throw AttemptsSpent() }
    mustPart = true
    let failure = PostgresFailure.unsent(sql: "")
    self.failure = failure
    throw failure
  }

  /// Undoes what the last `beginAttempt` has begun.
  func undoAttempt() { undo([.rollbackToAttempt, .releaseAttempt]) }

  /// Has `call` travel with the next statement.
  func post(_ call: StatementCall) { deferred.append(.call(call)) }

  /// Has the batch begin again, with savepoints.
  func needSavepoints() -> PostgresFailure {
    mustWait = true
    let failure = PostgresFailure.unsent(sql: "")
    if self.failure == nil { self.failure = failure }
    return failure
  }

  /// Undoes the body that began with the last savepoint.
  func undoBody() { undo([.rollbackToSavepoint, .release]) }

  private func undo(_ controls: [Control]) {
    // Nothing of it was sent.
    if deferred.last?.isSavepoint == true {
      deferred.removeLast()
      savepoints -= 1
    } else {
      deferred += controls.map { .control($0) }
    }
  }

  /// Runs a statement behind what was posted; `isAlone` where its failure concerns its body only.
  func run(_ call: StatementCall, isAlone: Bool) throws -> PostgresResult {
    if let failure { throw failure }
    guard let connection else { throw PostgresFailure(connection: "there is no connection") }
    var bound = bound()
    do {
      let result = try connection.run(call, after: { try self.sendDeferred($0) }, &bound)
      posted.removeAll(keepingCapacity: true)
      return result
    } catch let failure as PostgresFailure {
      throw refused(failure, isAlone: isAlone)
    } catch let error as RoostError {
      if failure == nil, let refusal {
        mustWait = true
        failure = refusal
      }
      throw error
    }
  }

  /// Runs `body` on the connection, on which nothing is under way.
  func onConnection<Result>(
    isAlone: Bool, _ body: (Connection, inout WaitBound) throws -> Result
  ) throws -> Result {
    if let failure { throw failure }
    guard let connection else { throw PostgresFailure(connection: "there is no connection") }
    var bound = bound()
    do {
      return try body(connection, &bound)
    } catch let failure as PostgresFailure {
      throw refused(failure, isAlone: isAlone)
    }
  }

  /// What becomes of the transaction after a statement has failed; gives the failure to speak of.
  private func refused(_ failure: PostgresFailure, isAlone: Bool) -> PostgresFailure {
    let failure = refusal ?? failure
    note(failure)
    // Without its mark the transaction as a whole is none.
    if self.failure == nil, mark == nil || mark?.failure != nil { self.failure = failure }
    if self.failure == nil, mode == .posting, refusal != nil || !isAlone {
      mustWait = true
      self.failure = failure
    }
    return failure
  }

  /// Why something that was posted failed.
  private var refusal: PostgresFailure? {
    posted.first { $0.failure != nil && !$0.isSkipped }?.failure
  }

  func schemaChanged() { errors.forget() }

  private func note(_ failure: PostgresFailure) {
    let endsAll =
      failure.isConflict || failure.isStaleStatement || failure.isConnectionLoss || isLost
    if endsAll, self.failure == nil { self.failure = failure }
  }

  private func sendDeferred(_ connection: Connection) throws {
    let controls = deferred
    deferred = []
    for control in controls {
      guard case .control(let control) = control else {
        if case .call(let call) = control { try send(call, connection) }
        continue
      }
      if control == .begin {
        // Others may have taken its room among what is prepared, or the schema may have changed.
        var bound = bound()
        try connection.prepare(.fixed(raise, []), &bound)
      }
      isBegun = true
      try connection.send(control.text, Exchange(.run, sql: "\(control.text)"))
      if control == .begin {
        // The row stays locked until this transaction has ended, so whoever reads it with a lock
        // learns how.
        try connection.sendLocalSettings()
        let exchange = Exchange(.run, sql: raise.text)
        let call = StatementCall.fixed(raise, [.int(number), .uuid(id)])
        try connection.send(connection.entry(for: call), call.values, exchange)
        mark = exchange
      }
    }
  }

  /// Sends what was posted.
  private func send(_ call: StatementCall, _ connection: Connection) throws {
    isBegun = true
    var bound = bound()
    let exchange = Exchange(.run, sql: call.text)
    do {
      try connection.prepare(call, &bound)
    } catch {
      exchange.failure = error
      posted.append(exchange)
      throw error
    }
    posted.append(exchange)
    do {
      try connection.send(connection.entry(for: call), call.values, exchange)
    } catch is RoostError {
      // Values that do not fit: their own body shall hear of it, not the one that is running now.
      exchange.failure = .unsent(sql: call.text)
      throw PostgresFailure.unsent(sql: call.text)
    }
  }

  // MARK: The end of a transaction

  /// Commits what was sent, if anything was.
  ///
  /// Throws `PostgresFailure`; when the connection was lost on the way, the outcome is unknown.
  func commit() throws(PostgresFailure) {
    guard hasWork, let connection else { return }
    var bound = bound()
    // Where standbys answer reads, how far the log goes behind this commit.
    let positions = factory.role.positions
    let place = positions.map { _ in (ServerPlace.ofPrimary, PlaceExchange()) }
    do throws(PostgresFailure) {
      let answer = try ConnectionFactory.plain {
        try self.sendDeferred(connection)
        // A commit in flight with the mark could be carried out after the mark was looked up.
        if self.mark?.isDone != true {
          try connection.settle(&bound)
          if let refusal = self.refusal { throw refusal }
        }
        self.isCommitSent = true
        return try connection.run("COMMIT", asking: place, &bound)
      }
      // COMMIT of a transaction that has failed is no error: it tells that it undid it.
      guard answer.isCommit else {
        throw PostgresFailure(connection: "the transaction was undone at its commit", sql: "COMMIT")
      }
      posted = []
    } catch {
      let error = refusal ?? error
      note(error)
      if failure == nil, refusal != nil { mustWait = true }
      throw error
    }
    isBegun = false
    if let positions { positions.committed(place?.1.place) }
    let wasMarked = mark?.result?.changedRows == 1
    mark = nil
    // Without its row the writer could not learn how a commit ended.
    if !wasMarked { drop() }
  }

  /// Undoes what was sent, if anything was.
  func rollback() {
    deferred = []
    posted = []
    guard isBegun, let connection, !connection.isLost else { return }
    isBegun = false
    var bound = bound(5000)
    do {
      _ = try connection.run("ROLLBACK", &bound)
    } catch {
      drop()
    }
  }

  /// Closes the connection; the next transaction gets another.
  func drop() {
    connection?.close()
    connection = nil
  }

  /// Frees what the server keeps for statements that are not used any more.
  func tidy() {
    guard let connection, !connection.isLost, !connection.isInTransaction else { return }
    do { try connection.sendDrops() } catch { drop() }
  }

  /// Learns how the last transaction ended, which was lost at its commit.
  func outcome() -> CommitOutcome {
    let sent = number
    guard isCommitSent else { return .undone }
    guard mark?.result?.changedRows == 1 else { return .unknown }
    let deadline =
      time.monotonicNanoseconds() + UInt64(factory.configuration.writeMilliseconds) * 1_000_000
    repeat {
      drop()
      do {
        try connect()
        if let connection {
          var bound = bound(factory.configuration.lockMilliseconds)
          let call = StatementCall.text(
            "SELECT number FROM \(table) WHERE id = \(id) FOR UPDATE")
          let result = try connection.run(call, &bound)
          var found: Int64?
          result.forEach { row in
            found = row.int64(0)
            return false
          }
          let outcome = CommitOutcome(sent: sent, found: found)
          if outcome == .committed { factory.role.positions?.committed(nil) }
          return outcome
        }
      } catch {
        usleep(50_000)
      }
    } while time.monotonicNanoseconds() < deadline
    return .unknown
  }
}
