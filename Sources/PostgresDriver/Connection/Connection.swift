import CPostgres
import Glibc
import Queries
import RoostCore
import Synchronization

/// A connection of libpq in pipeline mode; used by one thread at a time.
///
/// Commands are sent without waiting; their answers come in the same order (`receive`). A group of
/// commands ends with a sync, up to which an error makes the server skip the rest.
final class Connection: @unchecked Sendable {
  // Sendable: its owner, a thread, is the only one that uses it.
  let handle: OpaquePointer
  private var cache: StatementCache
  private var arena = ParameterArena()
  private let types: ParameterTypes?
  /// The statement that sets up each transaction, where a session lasts no longer.
  private let localSettings: String?
  private var inFlight: [Exchange] = []
  private var firstInFlight = 0
  /// The first error since the last sync, which is also that of the commands that were skipped.
  private var groupFailure: PostgresFailure?
  /// When it was made, of the monotonic clock in nanoseconds; 0 where nobody asks.
  var madeAt: UInt64 = 0
  /// What a standby had when the connection was made.
  var floor: UInt64 = 0
  private var cancelRequest: CancelRequest?
  /// Why nothing can be sent any more.
  private(set) var loss: PostgresFailure?

  /// Takes over an open handle, whose session is set up.
  ///
  /// With `types` statements have no names, and what is known about their placeholders is kept
  /// there; `localSettings` then sets up each transaction.
  init(_ handle: OpaquePointer, types: ParameterTypes? = nil, localSettings: String? = nil) {
    self.handle = handle
    self.types = types
    self.localSettings = localSettings
    cache = StatementCache(isNamed: types == nil)
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    if PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) != 1 {
      loss = PostgresFailure(connection: "pipeline mode was refused")
    }
  }

  private var isClosed = false

  deinit { close() }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    if loss == nil { loss = PostgresFailure(connection: "the connection was closed") }
    failAll()
    PQfinish(handle)
  }

  var isLost: Bool { loss != nil }
  var isIdle: Bool { firstInFlight == inFlight.count }
  var socket: Int32 { PQsocket(handle) }
  var isInTransaction: Bool {
    let status = PQtransactionStatus(handle)
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
  }

  /// The number of prepared statements kept, for tests.
  var preparedCount: Int { cache.count }

  // MARK: Sending

  /// The entry of the call's statement, whose types may have to be asked for (`sendPrepare`).
  func entry(for call: StatementCall) -> PreparedStatement {
    let entry = cache.entry(for: call)
    if entry.types == nil, let known = types?.types(of: entry.text) { entry.types = known }
    return entry
  }

  /// Asks the server to prepare the statement; the result of `exchange` will have the types.
  ///
  /// Gives the exchange of the preparation itself.
  func sendPrepare(
    _ entry: PreparedStatement, _ exchange: Exchange
  ) throws(PostgresFailure) -> Exchange {
    try check(PQsendPrepare(handle, entry.name, entry.text, 0, nil) == 1, entry.text)
    let preparation = Exchange(.prepare, sql: entry.text)
    push(preparation)
    try check(PQsendDescribePrepared(handle, entry.name) == 1, entry.text)
    push(exchange)
    return preparation
  }

  /// Takes the types from the answer to `sendPrepare`.
  func learn(_ entry: PreparedStatement, _ call: StatementCall, from exchange: Exchange) {
    guard exchange.failure == nil, let result = exchange.result else { return cache.forget(call) }
    let found = (0..<PQnparams(result.handle)).map { PQparamtype(result.handle, $0) }
    entry.types = found
    types?.set(found, of: entry.text)
  }

  /// Sends a statement whose types are known.
  func send(_ entry: PreparedStatement, _ values: [Value], _ exchange: Exchange) throws {
    let known = entry.types ?? []
    guard known.count == values.count else {
      throw RoostError.misuse(
        "A statement takes \(known.count) values and was given \(values.count): \(entry.text)")
    }
    try arena.set(values, types: known)
    let sent = arena.withPointers { count, addresses, lengths, formats in
      entry.name.isEmpty
        ? PQsendQueryParams(handle, entry.text, count, known, addresses, lengths, formats, 1)
        : PQsendQueryPrepared(handle, entry.name, count, addresses, lengths, formats, 1)
    }
    try check(sent == 1, entry.text)
    push(exchange)
  }

  /// Sends a statement without values.
  func send(_ control: StaticString, _ exchange: Exchange) throws(PostgresFailure) {
    try send(text: "\(control)", exchange)
  }

  private func send(text: String, _ exchange: Exchange) throws(PostgresFailure) {
    try check(PQsendQueryParams(handle, text, 0, nil, nil, nil, nil, 1) == 1, text)
    push(exchange)
  }

  /// Whether each transaction is set up by itself, since the next may run in another session.
  var hasLocalSettings: Bool { localSettings != nil }

  /// Sets the transaction up that was just begun, or that the group is, where that has to be.
  func sendLocalSettings() throws(PostgresFailure) {
    guard let localSettings else { return }
    try send(text: localSettings, Exchange(.run, sql: "set_config"))
  }

  /// Ends a group.
  @discardableResult
  func sendSync() throws(PostgresFailure) -> Exchange {
    try check(PQpipelineSync(handle) == 1, "")
    let exchange = Exchange(.sync)
    push(exchange)
    return exchange
  }

  /// Frees the statements that made room for others; nothing may have failed in the transaction.
  func sendDrops() throws(PostgresFailure) {
    guard types == nil else { return }
    for name in cache.takeDropped() {
      try send(text: "DEALLOCATE \(name)", Exchange(.run, sql: "DEALLOCATE"))
      try sendSync()
    }
  }

  /// Forgets what was prepared, since it fits the schema no more.
  func forgetStatements() { cache.dropAll() }

  private func push(_ exchange: Exchange) { inFlight.append(exchange) }

  private func check(_ isGood: Bool, _ sql: String) throws(PostgresFailure) {
    if let loss { throw loss }
    guard !isGood else { return }
    throw lose(sql)
  }

  // MARK: Receiving

  /// Hands out what has arrived; does not wait.
  func receive() {
    while firstInFlight < inFlight.count, loss == nil {
      guard PQisBusy(handle) == 0 else { return }
      let exchange = inFlight[firstInFlight]
      guard let raw = PQgetResult(handle) else {
        if PQstatus(handle) == CONNECTION_BAD {
          _ = lose(exchange.sql)
          return
        }
        // A sync has no end of its own.
        if exchange.kind == .sync { return loseStep(exchange) }
        finishFirst()
        continue
      }
      take(PostgresResult(raw), exchange)
    }
  }

  private func take(_ result: PostgresResult, _ exchange: Exchange) {
    switch result.status {
    case PGRES_PIPELINE_SYNC:
      guard exchange.kind == .sync else { return loseStep(exchange) }
      groupFailure = nil
      finishFirst()
    case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
      let failure = PostgresFailure(result, sql: exchange.sql)
      exchange.failure = failure
      if groupFailure == nil { groupFailure = failure }
      if PQstatus(handle) == CONNECTION_BAD {
        _ = lose(failure)
      } else if exchange.kind == .sync {
        loseStep(exchange)
      }
    case PGRES_PIPELINE_ABORTED:
      exchange.isSkipped = true
      exchange.failure = groupFailure ?? PostgresFailure(connection: "a command was skipped")
    default:
      exchange.result = result
    }
  }

  /// Gives the connection up, as its answers no longer stand beside the commands that they are for.
  ///
  /// An error can come when the server ends a group, behind the answers to all of its commands: a
  /// timeout that met the end of its transaction, say. libpq then gives the sync an error with an end,
  /// and later its sync, which would be taken for the answer to the next group's first command, that
  /// command's answer for the second's, and so on for as long as the connection lasts.
  private func loseStep(_ exchange: Exchange) {
    let reason = exchange.failure.map { "a group of statements ended with \($0.state)" }
    lose(
      PostgresFailure(connection: reason ?? "its answers are out of step", sql: exchange.sql))
  }

  private func finishFirst() {
    let exchange = inFlight[firstInFlight]
    firstInFlight += 1
    if firstInFlight == inFlight.count {
      inFlight.removeAll(keepingCapacity: true)
      firstInFlight = 0
    } else if firstInFlight > 256 {
      inFlight.removeFirst(firstInFlight)
      firstInFlight = 0
    }
    exchange.finish()
  }

  /// Gives the connection up for the reason that libpq names.
  func lose(_ sql: String) -> PostgresFailure {
    let message = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
    return lose(
      PostgresFailure(connection: message.isEmpty ? "the connection was lost" : message, sql: sql))
  }

  /// Gives the connection up: whatever is in flight fails.
  @discardableResult
  func lose(_ failure: PostgresFailure) -> PostgresFailure {
    if loss == nil { loss = failure }
    failAll()
    return failure
  }

  private func failAll() {
    let rest = inFlight[firstInFlight...]
    inFlight = []
    firstInFlight = 0
    for exchange in rest {
      if exchange.failure == nil { exchange.failure = loss }
      exchange.finish()
    }
  }

  // MARK: Waiting

  /// Sends what libpq still holds; true when nothing is left.
  func flush() -> Bool {
    guard loss == nil else { return true }
    let status = PQflush(handle)
    if status < 0 { _ = lose("") }
    return status <= 0
  }

  /// Reads what has arrived on the socket.
  func consume() {
    guard loss == nil else { return }
    if PQconsumeInput(handle) == 0 { _ = lose("") }
  }

  /// Waits until `exchange` is done, or until the connection is lost.
  func wait(for exchange: Exchange, _ bound: inout WaitBound) {
    if exchange.isDone { return checkCancelRequest() }
    wait(sql: exchange.sql, &bound) { _ in
      receive()
      return exchange.isDone
    }
  }

  /// Waits until `isOver`, which is told whether all was sent, or until the connection is lost.
  func wait(
    sql: String, _ bound: inout WaitBound, until isOver: (_ isFlushed: Bool) -> Bool
  ) {
    defer { checkCancelRequest() }
    while loss == nil {
      let isFlushed = flush()
      if isOver(isFlushed) || loss != nil { return }
      switch bound.next() {
      case .wait(let milliseconds):
        let events = Int16(POLLIN) | (isFlushed ? 0 : Int16(POLLOUT))
        var descriptor = pollfd(fd: socket, events: events, revents: 0)
        let count = poll(&descriptor, 1, milliseconds)
        if count > 0 { consume() }
      case .cancel:
        cancel()
      case .giveUp:
        lose(PostgresFailure(connection: "the server did not answer in time", sql: sql))
      }
    }
  }

  /// Asks the server to stop what runs on this connection.
  ///
  /// libpq asks over a connection of its own and waits for it, for minutes where the server's host is
  /// silent, so a thread of its own does it.
  func cancel() {
    if let cancelRequest, !cancelRequest.isDone.load(ordering: .acquiring) { return }
    guard let request = PQgetCancel(handle).map(CancelRequest.init) else { return }
    cancelRequest = request
    do { try startThread { request.run() } } catch { request.run() }
  }

  /// Whether a request to stop is still on its way, and could meet the next statement.
  private func checkCancelRequest() {
    guard let cancelRequest else { return }
    // The server answers both nearly at once, if it answers at all.
    for _ in 0..<250 where loss == nil && !cancelRequest.isDone.load(ordering: .acquiring) {
      usleep(1000)
    }
    if !cancelRequest.isDone.load(ordering: .acquiring) {
      lose(PostgresFailure(connection: "a request to stop a statement is still on its way"))
    }
    self.cancelRequest = nil
  }
}

/// A request to stop a statement.
private final class CancelRequest: @unchecked Sendable {
  // Sendable: the ticket is used and freed by the one thread that runs it.
  private let ticket: OpaquePointer
  let isDone = Atomic(false)

  init(_ ticket: OpaquePointer) { self.ticket = ticket }

  func run() {
    var buffer = [CChar](repeating: 0, count: 256)
    _ = PQcancel(ticket, &buffer, Int32(buffer.count))
    PQfreeCancel(ticket)
    isDone.store(true, ordering: .releasing)
  }
}
