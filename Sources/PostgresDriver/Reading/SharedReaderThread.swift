import Glibc
import Queries
import RoostCore
import Synchronization

/// A thread for short reads: it takes what waits, runs the bodies as tasks of its own, and sends the
/// queries of all of them down one connection together.
///
/// A body suspends at each query until its answer is there. The queries that are sent together form a
/// group with one sync: the server answers them in one go, each with a snapshot of its own. When one
/// fails the server skips the rest, which are sent again.
final class SharedReaderThread: TaskExecutor, @unchecked Sendable {
  // Sendable: everything that changes is touched on the thread only, but for `foreign` and `owner`.
  private let pool: SharedReaders
  private let index: Int
  private let factory: ConnectionFactory
  private let place: ConnectionPlace
  private let time: any TimeSource
  private let wakeUp: WakeUp
  private let foreign = Mutex<[UnownedJob]>([])
  private let owner = Atomic<UInt>(0)
  private var jobs: [UnownedJob] = []
  /// Queries that bodies have asked and that are to be sent.
  var outgoing: [SharedQuery] = []
  private var active: [ObjectIdentifier: SharedReader] = [:]
  private var restarts: [SharedReader] = []
  /// Reads that are over but for the server's place, which is to be asked for.
  private var unplaced: [SharedReader] = []
  /// Whether libpq has sent all that it was given.
  private var isFlushed = true
  private var preparing: [ObjectIdentifier: SharedPreparation] = [:]

  init(_ pool: SharedReaders, _ index: Int, _ factory: ConnectionFactory) throws(ThreadError) {
    self.pool = pool
    self.index = index
    self.factory = factory
    place = ConnectionPlace(factory, .shared)
    time = factory.ambient.time
    wakeUp = try WakeUp()
  }

  /// Nanoseconds after the end of a read's time in which the server itself should stop its statement.
  private var grace: UInt64 { factory.role.isStandby ? 500_000_000 : 5_000_000_000 }
  /// Milliseconds that a read may take on a standby that shares its connection; the primary takes it
  /// over from one that does not answer.
  private static let standbyMilliseconds = 1000

  /// Whether the time has not come yet.
  func isBefore(_ deadline: UInt64) -> Bool { time.monotonicNanoseconds() < deadline }

  /// Whether the caller runs on this thread.
  var isCurrent: Bool { owner.load(ordering: .relaxed) == UInt(pthread_self()) }

  func wake() { wakeUp.set() }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent { return jobs.append(job) }
    foreign.withLock { $0.append(job) }
    wakeUp.set()
  }

  // MARK: The loop

  func run() {
    owner.store(UInt(pthread_self()), ordering: .relaxed)
    while true {
      jobs += foreign.withLock { jobs in
        defer { jobs = [] }
        return jobs
      }
      runJobs()
      let isIdle = place.connection?.isIdle ?? true
      let room = isIdle ? SharedReaders.groupLimit : SharedReaders.groupLimit - active.count
      var mayRest = false
      switch pool.take(index, room: room, isIdle: isIdle && !hasWork) {
      case .reads(let reads): for read in reads { start(read, runs: 1) }
      case .none: mayRest = true
      case .end where active.isEmpty:
        place.drop()
        return pool.ended()
      case .end: mayRest = true
      }
      for reader in restarts.takeAll() {
        start(reader.read, deadline: reader.deadline, runs: reader.runs + 1)
      }
      send()
      receive()
      // One that has just become idle, or whose reads asked nothing at all, must say so before it
      // sleeps, or nobody would wake it.
      let isUnchanged = isIdle == (place.connection?.isIdle ?? true)
      if mayRest, isUnchanged, jobs.isEmpty, !hasWork { sleep() }
    }
  }

  /// Whether there is something to send or to start, without an answer of the server.
  private var hasWork: Bool { !outgoing.isEmpty || !restarts.isEmpty || !unplaced.isEmpty }

  private func runJobs() {
    while !jobs.isEmpty {
      for job in jobs.takeAll() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
  }

  private func sleep() {
    let now = time.monotonicNanoseconds()
    var next = UInt64.max
    for reader in active.values where active[ObjectIdentifier(reader)] != nil {
      // (One that gives up its connection may end others on the way.)
      let deadline = reader.deadline + (reader.isWaiting ? grace : 0)
      if deadline <= now { expire(reader) } else { next = min(next, deadline) }
    }
    guard jobs.isEmpty, restarts.isEmpty else { return }
    let milliseconds =
      next == .max ? -1 : Int32(clamping: min(60_000, Int((next - now) / 1_000_000) + 1))
    var descriptors = [pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)]
    let connection = place.connection
    if let connection {
      let events = Int16(POLLIN) | (isFlushed ? 0 : Int16(POLLOUT))
      descriptors.append(pollfd(fd: connection.socket, events: events, revents: 0))
    }
    guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return }
    if descriptors[0].revents != 0 { wakeUp.clear() }
    if descriptors.count > 1, descriptors[1].revents != 0 { connection?.consume() }
  }

  // MARK: Reads

  private func start(_ read: QueuedRead, deadline: UInt64? = nil, runs: Int) {
    guard !read.cancellation.isSet else { return read.resume(throwing: CancellationError()) }
    var milliseconds = max(0, read.milliseconds ?? 0)
    if factory.role.isStandby {
      milliseconds = min(milliseconds, SharedReaderThread.standbyMilliseconds)
    }
    let limit = UInt64(milliseconds) * 1_000_000
    let reader = SharedReader(
      read, deadline: deadline ?? time.monotonicNanoseconds() + limit, runs: runs, self)
    active[ObjectIdentifier(reader)] = reader
    read.onFinish = { [unowned self] in self.finished(reader) }
    read.start(reader, on: self)
  }

  private func finished(_ reader: SharedReader) {
    reader.isOpen = false
    reader.read.onFinish = nil
    guard reader.failure != nil || reader.read.report == nil else { return learnPlace(reader) }
    end(reader)
  }

  /// Answers a read when it is known how far the server was behind it.
  private func learnPlace(_ reader: SharedReader) {
    guard let exchange = reader.place else {
      reader.isWaiting = true
      unplaced.append(reader)
      return
    }
    guard exchange.isDone else {
      reader.isWaiting = true
      return exchange.whenDone { [unowned self] in self.learnPlace(reader) }
    }
    // It was given up in the meantime.
    guard active[ObjectIdentifier(reader)] != nil else { return }
    if let place = exchange.place {
      reader.read.report?.set(place)
    } else if exchange.isSkipped, exchange.failure?.isConnectionLoss == false {
      // Another query of the group failed.
      reader.place = nil
      return learnPlace(reader)
    } else if factory.role.isStandby {
      // It is no standby any more; the primary answers instead.
      reader.note(exchange.failure ?? PostgresFailure(connection: "it is no standby any more"))
    } else {
      reader.note(exchange.failure ?? PostgresFailure(connection: "the server named no place"))
    }
    end(reader)
  }

  private func end(_ reader: SharedReader) {
    guard active.removeValue(forKey: ObjectIdentifier(reader)) != nil else { return }
    reader.isWaiting = false
    guard let failure = reader.failure else { return reader.read.resume() }
    if reader.read.cancellation.isSet {
      reader.read.resume(throwing: CancellationError())
    } else if failure.isStopped {
      // Its budget here is spent, even if the body caught the error.
      pool.handOver(reader.read)
    } else if reader.runs < 2, !factory.role.isStandby {
      restarts.append(reader)
    } else {
      reader.read.resume(throwing: failure.error)
    }
  }

  /// Gives up on a read whose time is over.
  private func expire(_ reader: SharedReader) {
    reader.isOpen = false
    reader.read.onFinish = nil
    active[ObjectIdentifier(reader)] = nil
    if reader.isWaiting {
      // Its statement should have been stopped long ago: the server is not there any more.
      let loss = PostgresFailure(connection: "the server did not answer in time")
      place.connection?.lose(loss)
      factory.reach.failed(since: reader.deadline)
      reader.note(loss)
      reader.read.resume(throwing: RoostError.unreachable(loss))
    } else {
      reader.read.resume(
        throwing: RoostError.misuse("The body of a read awaits something else."))
    }
  }

  // MARK: Queries

  private func send() {
    guard !outgoing.isEmpty || !unplaced.isEmpty else { return }
    var queries = outgoing.takeAll()
    let unplaced = unplaced.takeAll()
    let connection: Connection
    do throws(PostgresFailure) {
      connection = try place.take()
      pool.connected(index, place.connects)
    } catch {
      for query in queries { query.fail(error) }
      for reader in unplaced {
        reader.note(error)
        end(reader)
      }
      return
    }
    if factory.role.isStandby { refuse(&queries, connection) }
    var waiting = queries[...]
    do {
      if connection.isIdle { try connection.sendDrops() }
      // A group without a transaction around it is one to the server.
      try connection.sendLocalSettings()
      while let query = waiting.popFirst() { send(query, connection) }
      try askPlace(for: queries.lazy.map(\.reader) + unplaced, connection)
      try connection.sendSync()
    } catch {
      connection.lose(error)
      // Of these the connection does not know.
      for query in waiting { query.fail(error) }
      for reader in unplaced where reader.place == nil {
        reader.note(error)
        end(reader)
      }
    }
  }

  /// Fails the queries of reads for which a standby has to be looked at again.
  private func refuse(_ queries: inout [SharedQuery], _ connection: Connection) {
    queries.removeAll { query in
      let needed = query.reader.read.report?.needed ?? 0
      guard !factory.role.allows(connection, needed) else { return false }
      query.fail(ServerRole.unseen)
      return true
    }
  }

  /// Asks how far the server is behind the queries of a group, for those reads that want to know.
  private func askPlace(
    for readers: [SharedReader], _ connection: Connection
  ) throws(PostgresFailure) {
    let readers = readers.filter { $0.read.report != nil }
    guard !readers.isEmpty else { return }
    let exchange = PlaceExchange()
    try connection.send(factory.role.question, exchange)
    for reader in readers {
      reader.place = exchange
      if !reader.isOpen { learnPlace(reader) }
    }
  }

  private func send(_ query: SharedQuery, _ connection: Connection) {
    let entry = connection.entry(for: query.call)
    do {
      if entry.types == nil {
        if let preparation = preparing[ObjectIdentifier(entry)] {
          preparation.queries.append(query)
          return
        }
        let preparation = SharedPreparation(entry, query, self)
        preparing[ObjectIdentifier(entry)] = preparation
        preparation.parsing = try connection.sendPrepare(entry, preparation)
      } else {
        try connection.send(entry, query.call.values, SharedExchange(query, sql: entry.text, self))
      }
    } catch let failure as PostgresFailure {
      preparing[ObjectIdentifier(entry)] = nil
      query.fail(failure)
    } catch {
      query.continuation.resume(throwing: error)
    }
  }

  func prepared(_ preparation: SharedPreparation) {
    preparing[ObjectIdentifier(preparation.entry)] = nil
    if let connection = place.connection {
      connection.learn(preparation.entry, preparation.call, from: preparation)
    }
    if preparation.failure == nil || preparation.isUndecided {
      outgoing += preparation.queries
    } else if let failure = preparation.failure {
      for query in preparation.queries { query.fail(failure) }
    }
  }

  func forgetStatements() { place.connection?.forgetStatements() }

  private func receive() {
    guard let connection = place.connection else { return }
    // Sending may read too, so what it read is looked at afterwards.
    isFlushed = connection.flush()
    connection.receive()
    if connection.isLost { place.drop() }
  }
}

extension Array {
  /// The elements, which are taken out.
  fileprivate mutating func takeAll() -> [Element] {
    defer { self = [] }
    return self
  }
}
