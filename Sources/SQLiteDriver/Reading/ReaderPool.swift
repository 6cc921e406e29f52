import Queries
import RoostCore

/// The read-only connections for reads on the callers' own threads.
///
/// The one that was used last is given first: its pages and statements are warm.
final class ReaderPool: Sendable {
  private struct State {
    var idle: [PooledReader]
    var reads = 0
    var isClosed = false
  }

  private let state: Monitor<State>

  init(_ factory: ConnectionFactory, count: Int) throws(DatabaseOpenError) {
    var idle: [PooledReader] = []
    for _ in 0..<count { idle.append(PooledReader(try factory.reader(), isBounded: true)) }
    state = Monitor(State(idle: idle))
  }

  enum Answer {
    case reader(PooledReader)
    /// All are in use.
    case none
    case closed
  }

  func take() -> Answer {
    state.withLock { state in
      if state.isClosed { return .closed }
      guard let reader = state.idle.popLast() else { return .none }
      state.reads += 1
      return .reader(reader)
    }
  }

  func put(_ reader: PooledReader) {
    let isClosed = state.withLock { state in
      if !state.isClosed { state.idle.append(reader) }
      return state.isClosed
    }
    if isClosed { reader.connection.close() }
  }

  /// Closes the idle connections; those in use close when they come back.
  func close() {
    let idle = state.withLock { state in
      state.isClosed = true
      defer { state.idle = [] }
      return state.idle
    }
    for reader in idle { reader.connection.close() }
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Reads so far.
  var reads: Int { state.withLock { $0.reads } }
}

/// A connection with the `Reader` that stands for it.
final class PooledReader: @unchecked Sendable {
  // Sendable: the pool gives it to one read at a time, under a lock.
  let connection: Connection
  let reader: SQLiteReader

  init(_ connection: Connection, isBounded: Bool = false) {
    self.connection = connection
    reader = SQLiteReader(connection, isBounded: isBounded)
  }

  /// Ends what a read may have left open, so that the next one starts afresh.
  func finish() {
    connection.readGuard?.end()
    if connection.isInTransaction { _ = try? connection.execute(Control.rollback) }
    connection.forgetFailure()
  }
}
