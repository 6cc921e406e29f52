import CPostgres
import Queries
import RoostCore
import Synchronization

/// A standby that may answer reads: its readers, and a thread that looks at how far it has come.
final class Replica: Sendable {
  /// Its host and port, for people.
  let name: String
  private let factory: ConnectionFactory
  private let shared: SharedReaders
  private let long: LongReaders
  private let clock: LookClock
  private let state: Mutex<ReplicaState>
  private let reads = Atomic<Int>(0)
  private let fallbacks = Atomic<Int>(0)

  init(
    _ address: Secret<String>, of configuration: PostgresConfiguration, _ ambient: Ambient
  ) throws(DatabaseOpenError) {
    var own = configuration
    own.address = address
    clock = LookClock()
    factory = ConnectionFactory(own, ambient, role: .standby(clock))
    name = Replica.name(of: address)
    long = try LongReaders(
      factory, ErrorTranslator(factory), count: max(1, configuration.longReaders),
      queueLimit: configuration.limits.queuedReads)
    do {
      shared = try SharedReaders(factory, long)
    } catch {
      long.requestClose()
      throw error
    }
    let lag = UInt64(max(1, configuration.replicaLagMilliseconds)) * 1_000_000
    state = Mutex(ReplicaState(lag: lag))
  }

  private static func name(of address: Secret<String>) -> String {
    func value(_ keyword: String) -> String? {
      ConnectionFactory.value(of: keyword, in: address.reveal()).flatMap { $0.isEmpty ? nil : $0 }
    }
    let host = value("host")
    let port = value("port")
    return (host ?? value("hostaddr") ?? "localhost")
      + ":" + (port ?? "5432")
  }

  // MARK: Reading

  /// Whether it may answer a read that must see `needed`, in the history `epoch` tells of.
  func covers(_ needed: DatabasePosition?, _ positions: CommitPositions) -> Bool {
    let now = factory.ambient.time.monotonicNanoseconds()
    return state.withLock { state in
      guard let needed else { return state.covers(0, at: now) }
      return state.covers(needed.place, at: now)
        && state.timeline.map { positions.epoch(timeline: $0) } == needed.epoch
    }
  }

  /// The epoch of its positions.
  func epoch(_ positions: CommitPositions) -> UInt64? {
    state.withLock { $0.timeline }.map { positions.epoch(timeline: $0) }
  }

  func submit(_ read: QueuedRead) -> RoostError? {
    switch read.consistency {
    case .statement: shared.submit(read)
    case .snapshot: long.submit(read)
    }
  }

  func countRead() { reads.add(1, ordering: .relaxed) }
  func countFallback() { fallbacks.add(1, ordering: .relaxed) }

  // MARK: Looking

  /// Refuses what can never be a copy; one that does not answer may yet come.
  func check(_ primary: StandbyIdentity) throws(DatabaseOpenError) {
    let handle: OpaquePointer
    let found: (identity: StandbyIdentity, isStandby: Bool)
    do {
      handle = try factory.open()
    } catch {
      return fail(.missing, "\(error.message)")
    }
    defer { PQfinish(handle) }
    do {
      found = try StandbyIdentity.ask(handle)
    } catch {
      return fail(.missing, "\(error.message)")
    }
    guard let fault = found.identity.fault(asCopyOf: primary, isStandby: found.isStandby) else {
      return
    }
    throw DatabaseOpenError(
      .engine,
      "database.replicas names \(name), which cannot be used: \(fault). Correct it or leave it out."
    )
  }

  /// Looks at the standby once, over a connection that `place` keeps; `known` is the connection
  /// that was found to be of the right server.
  ///
  /// Gives whether it answered as a copy does.
  func look(
    _ place: ConnectionPlace, _ known: inout Int, _ primary: PrimaryPlace
  ) -> Bool {
    let time = factory.ambient.time
    do {
      let connection = try place.take()
      var bound = WaitBound(time: time, milliseconds: 2000)
      if known != place.connects {
        let handle = try factory.open()
        defer { PQfinish(handle) }
        let found = try StandbyIdentity.ask(handle)
        if let fault = found.identity.fault(asCopyOf: primary.identity, isStandby: true) {
          place.drop()
          fail(.foreign, fault)
          return false
        }
        known = place.connects
      }
      let start = time.monotonicNanoseconds()
      let result = try connection.run(.text(primary.mark.look), &bound)
      let row = PostgresRow(result)
      let timeline = row.isNull(1) ? nil : UInt32(exactly: row.int64(1))
      let look = ReplicaState.Look(
        bytes: ServerPlace.bytes(row, 0), timeline: timeline, time: start)
      let history = primary.history
      tell(state.withLock { $0.take(look, history) }, "")
      clock.set(start)
      return true
    } catch {
      let failure = error as? PostgresFailure
      if failure?.isConnectionLoss == false,
        failure?.state.hasPrefix("42") == true
          || failure?.state.hasPrefix("3F") == true
      {
        // The tables have not come to it yet.
        fail(.behind, "\(failure?.message ?? "")")
        return true
      }
      place.drop()
      fail(.missing, failure?.message ?? "\(error)")
      return false
    }
  }

  private func fail(_ standing: ReplicaState.Standing, _ cause: String) {
    tell(state.withLock { $0.fail(standing) }, cause)
  }

  /// One line for each change.
  private func tell(_ standing: ReplicaState.Standing?, _ cause: String) {
    guard let standing else { return }
    let logger = factory.ambient.logger
    var facts: [(String, JSON)] = [("replica", .string(name))]
    if !cause.isEmpty { facts.append(("cause", .string(cause))) }
    switch standing {
    case .new: break
    case .inUse: logger.info("A replica of the database answers reads", facts)
    case .missing:
      logger.warning("A replica of the database is left out: it cannot be reached", facts)
    case .behind:
      logger.warning("A replica of the database is left out: it is too far behind", facts)
    case .astray:
      logger.warning(
        "A replica of the database is left out: it does not follow the present primary", facts)
    case .promoted:
      logger.error("A replica of the database is left out: it takes writes itself", facts)
    case .foreign:
      logger.error("A replica of the database is left out: it is no copy of it", facts)
    }
  }

  // MARK: Figures

  func statistics(_ time: UInt64) -> ReplicaStatistics {
    let known = state.withLock { ($0.standing, $0.covers(0, at: time), $0.lagBytes) }
    return ReplicaStatistics(
      name: name, isInUse: known.1, fault: known.0.fault, lagBytes: Int(clamping: known.2),
      reads: reads.load(ordering: .relaxed), fallbacks: fallbacks.load(ordering: .relaxed))
  }

  // MARK: The end

  /// A place for the connection of the thread that looks.
  func place() -> ConnectionPlace { ConnectionPlace(factory, .long) }

  func close() async {
    await shared.close()
    await long.close()
  }

  func requestClose() {
    shared.requestClose()
    long.requestClose()
  }
}

/// Figures of one standby since the database was opened.
package struct ReplicaStatistics: Sendable {
  /// Its host and port.
  package let name: String
  /// Whether it answers reads now.
  package let isInUse: Bool
  /// Why it does not, in words.
  package let fault: String
  /// Bytes of the primary's log that it lacked when it was last looked at.
  package let lagBytes: Int
  /// Reads that it has answered.
  package let reads: Int
  /// Reads that it failed and that the primary answered instead.
  package let fallbacks: Int
}
