import CPostgres
import Queries
import RoostCore
import Synchronization

/// The server that takes the writes, as its standbys are measured by it.
final class PrimaryPlace: Sendable {
  let identity: StandbyIdentity
  let mark: HistoryMark
  private let factory: ConnectionFactory
  private let state: Mutex<PrimaryHistory>

  /// Asks the server who it is and where its log ends.
  init(_ factory: ConnectionFactory) throws(DatabaseOpenError) {
    self.factory = factory
    let configuration = factory.configuration
    mark = HistoryMark(schema: configuration.schema)
    let lag = UInt64(max(1, configuration.replicaLagMilliseconds)) * 1_000_000
    state = Mutex(PrimaryHistory(span: lag * 2 + 1_000_000_000))
    let handle: OpaquePointer
    do {
      handle = try factory.open()
    } catch {
      throw OpeningProblem.connecting(error)
    }
    defer { PQfinish(handle) }
    do {
      identity = try StandbyIdentity.ask(handle).identity
    } catch {
      throw OpeningProblem.opening(error)
    }
  }

  var history: PrimaryHistory { state.withLock { $0 } }

  /// Looks at the server once; gives where its log ends.
  @discardableResult
  func look(_ connections: ConnectionPlace) throws -> ServerPlace {
    let time = factory.ambient.time
    let connection = try connections.take()
    var bound = WaitBound(time: time, milliseconds: 2000)
    let start = time.monotonicNanoseconds()
    do {
      let result = try connection.run(
        .text(SQL(stringLiteral: ServerPlace.ofPrimary)), &bound)
      guard let place = ServerPlace(result) else {
        throw PostgresFailure(connection: "the server does not say where its log ends")
      }
      if place.timeline != state.withLock({ $0.timeline }), let timeline = place.timeline {
        try mark.write(timeline, on: connection, &bound)
      }
      state.withLock { $0.add(place, at: start) }
      return place
    } catch {
      // A server that has become a standby is asked again over another connection.
      connections.drop()
      throw error
    }
  }

  /// A place for the connection of the thread that looks.
  func place() -> ConnectionPlace { ConnectionPlace(factory, .write) }
}
