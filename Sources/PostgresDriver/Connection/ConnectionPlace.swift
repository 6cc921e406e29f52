import Queries
import RoostCore

/// The place of a reader's connection, which is made when it is first needed and after a loss.
final class ConnectionPlace {
  private let factory: ConnectionFactory
  private let purpose: ConnectionFactory.Purpose
  private var reconnection = Reconnection()
  private(set) var connection: Connection?
  /// Connections made so far.
  private(set) var connects = 0

  init(_ factory: ConnectionFactory, _ purpose: ConnectionFactory.Purpose) {
    self.factory = factory
    self.purpose = purpose
  }

  /// The connection; throws at once while the last failure to connect is fresh.
  func take() throws(PostgresFailure) -> Connection {
    if let connection, !connection.isLost { return connection }
    drop()
    let time = factory.ambient.time
    if let failure = reconnection.failure(at: time.monotonicNanoseconds()) { throw failure }
    do {
      let factory = factory
      let purpose = purpose
      let connection = try factory.reach.attempt { () throws(PostgresFailure) in
        try factory.connect(purpose)
      }
      connection.madeAt = time.monotonicNanoseconds()
      self.connection = connection
      connects += 1
      reconnection.succeeded()
      return connection
    } catch {
      reconnection.failed(error, at: time.monotonicNanoseconds())
      throw error
    }
  }

  func drop() {
    connection?.close()
    connection = nil
  }
}
