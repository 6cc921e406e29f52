import Queries
import RoostCore
import Synchronization

/// The standbys of a database, the threads that look at them, and the choice among them.
final class ReplicaSet: Sendable {
  let positions: CommitPositions
  let replicas: [Replica]
  private let primary: PrimaryPlace
  private let watch = Monitor(false)
  private let turn = Atomic<Int>(0)
  private let time: any TimeSource

  /// Looks at the primary and at each standby; nil when none is named.
  ///
  /// Throws where one is named that cannot be a standby of this database; one that does not answer
  /// is looked for later.
  static func open(
    _ configuration: PostgresConfiguration, _ ambient: Ambient
  ) throws(DatabaseOpenError) -> ReplicaSet? {
    guard !configuration.replicas.isEmpty else { return nil }
    let primary = try PrimaryPlace(ConnectionFactory(configuration, ambient))
    let connections = primary.place()
    defer { connections.drop() }
    let start: ServerPlace
    do {
      start = try primary.look(connections)
    } catch {
      throw OpeningProblem.opening(error)
    }
    var replicas: [Replica] = []
    do throws(DatabaseOpenError) {
      for address in configuration.replicas {
        guard ConnectionFactory.canRead(address.reveal()) else {
          throw DatabaseOpenError(
            .engine,
            """
            An address of database.replicas cannot be read: write \
            postgresql://user@host:5432/name.
            """)
        }
        let replica = try Replica(address, of: configuration, ambient)
        guard !replicas.contains(where: { $0.name == replica.name }) else {
          replica.requestClose()
          throw DatabaseOpenError(.engine, "database.replicas names \(replica.name) twice.")
        }
        replicas.append(replica)
        try replica.check(primary.identity)
      }
    } catch {
      for replica in replicas { replica.requestClose() }
      throw error
    }
    return ReplicaSet(
      replicas, primary, start, ambient.time, milliseconds: configuration.replicaPollMilliseconds)
  }

  private init(
    _ replicas: [Replica], _ primary: PrimaryPlace, _ start: ServerPlace,
    _ time: any TimeSource, milliseconds: Int
  ) {
    self.replicas = replicas
    self.primary = primary
    self.time = time
    positions = CommitPositions(systemID: primary.identity.systemID, start: start)
    // A thread that cannot be started only leaves its standby unused.
    let watch = watch
    try? startThread {
      let connections = primary.place()
      ReplicaSet.repeated(watch, milliseconds) { (try? primary.look(connections)) != nil }
      connections.drop()
    }
    for replica in replicas {
      try? startThread {
        let connections = replica.place()
        var known = -1
        ReplicaSet.repeated(watch, milliseconds) { replica.look(connections, &known, primary) }
        connections.drop()
      }
    }
  }

  /// Milliseconds to the next look at a server that did not answer the last.
  private static let pauseMilliseconds = 500

  private static func repeated(
    _ isOver: Monitor<Bool>, _ milliseconds: Int, _ body: () -> Bool
  ) {
    while !isOver.withLock({ $0 }) {
      let pause = body() ? max(1, milliseconds) : pauseMilliseconds
      if isOver.wait(milliseconds: pause, { $0 ? true : nil }) == true { return }
    }
  }

  /// A standby that has what lies before `needed`, each in turn; nil when none has.
  func next(covering needed: DatabasePosition?) -> Replica? {
    let count = replicas.count
    let start = turn.add(1, ordering: .relaxed).newValue
    for step in 0..<count {
      let replica = replicas[Int(UInt(bitPattern: start &+ step) % UInt(count))]
      if replica.covers(needed, positions) { return replica }
    }
    return nil
  }

  var statistics: [ReplicaStatistics] {
    let now = time.monotonicNanoseconds()
    return replicas.map { $0.statistics(now) }
  }

  func close() async {
    watch.change { $0 = true }
    for replica in replicas { await replica.close() }
  }

  func requestClose() {
    watch.change { $0 = true }
    for replica in replicas { replica.requestClose() }
  }
}
