import CPostgres
import Queries
import RoostCore

/// The use of a connection by one body at a time, whose thread waits for each answer.
extension Connection {
  /// Runs a statement after the `deferred` ones, in one round trip if it is prepared.
  ///
  /// Throws `PostgresFailure`, or `RoostError` for values that do not fit.
  func run(
    _ call: StatementCall, after deferred: (Connection) throws -> Void = { _ in },
    _ bound: inout WaitBound
  ) throws -> PostgresResult {
    if let loss { throw loss }
    try deferred(self)
    let entry = entry(for: call)
    if entry.types == nil { try prepare(entry, call, &bound) }
    let exchange = Exchange(.run, sql: entry.text)
    do {
      try send(entry, call.values, exchange)
    } catch let error as RoostError {
      // What was sent before it needs its sync.
      try finish(&bound)
      throw error
    }
    try finish(&bound)
    if let failure = exchange.failure {
      if failure.isStaleStatement { forgetStatements() }
      throw failure
    }
    guard let result = exchange.result else {
      throw loss ?? PostgresFailure(connection: "a statement had no answer", sql: entry.text)
    }
    return result
  }

  /// Prepares a statement without running it.
  func prepare(_ call: StatementCall, _ bound: inout WaitBound) throws(PostgresFailure) {
    let entry = entry(for: call)
    if entry.types == nil { try prepare(entry, call, &bound) }
  }

  private func prepare(
    _ entry: PreparedStatement, _ call: StatementCall, _ bound: inout WaitBound
  ) throws(PostgresFailure) {
    let exchange = Exchange(.describe, sql: entry.text)
    _ = try sendPrepare(entry, exchange)
    try finish(&bound)
    learn(entry, call, from: exchange)
    if let failure = exchange.failure { throw failure }
  }

  /// Runs a statement without values, and behind it in the same round trip the question for the
  /// server's place, whose answer may fail to come.
  func run(
    _ control: StaticString, asking place: (StaticString, PlaceExchange)? = nil,
    _ bound: inout WaitBound
  ) throws -> PostgresResult {
    if let loss { throw loss }
    let exchange = Exchange(.run, sql: "\(control)")
    try send(control, exchange)
    if let place { try send(place.0, place.1) }
    try finish(&bound)
    if let failure = exchange.failure { throw failure }
    guard let result = exchange.result else {
      throw loss ?? PostgresFailure(connection: "a statement had no answer", sql: "\(control)")
    }
    return result
  }

  /// Waits for all that was sent; throws only when the connection is lost.
  func settle(_ bound: inout WaitBound) throws(PostgresFailure) {
    try finish(&bound)
    if let loss { throw loss }
  }

  /// Ends the group that was sent and waits for all of it.
  private func finish(_ bound: inout WaitBound) throws(PostgresFailure) {
    let sync = try sendSync()
    wait(for: sync, &bound)
  }
}
