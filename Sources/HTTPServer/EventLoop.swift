import CLinux
import Glibc
import RoostCore
import Synchronization
import Transport
import Wire

/// One thread with its epoll instance, its listener and its connections; the executor of the tasks
/// that answer their requests.
///
/// Unchecked: what is not `let` belongs to the loop's thread, and `mailbox` is a `Mutex`.
/// Exclusivity is unchecked for the same reason as in `Connection`.
final class EventLoop: TaskExecutor, @unchecked Sendable {
  /// What other threads ask of the loop.
  private enum Mail {
    case job(UnownedJob)
    case work(@Sendable () -> Void)
  }

  private struct Mailbox {
    var mail: [Mail] = []
    var isOpen = true
  }

  static let ticksPerSecond: UInt32 = 4
  /// How often, and with which pauses, a listener is looked at before it is closed.
  ///
  /// Whoever comes meanwhile begins its handshake again a second later, so they are short.
  private static let lastLooks = 2
  private static let lastLookMicroseconds: UInt32 = 1000
  private static let scratchBytes = 65_536
  private static let pooledBlocks = 64
  /// Handshakes that may wait for their turn; who comes then is turned away.
  private static let queuedHandshakes = 1024
  /// Events that are handled before what other threads have sent is looked at.
  private static let eventsBetweenMail = 16
  /// Connections that read on in between two looks at the sockets.
  private static let turnsOfLook = 16

  let application: any Application
  let ambient: Ambient
  let limits: Limits
  /// Connections that this server may hold at once, over all loops, and those that are open.
  let openConnections: OpenConnections
  /// How many connections each client holds.
  let addresses: AddressBook
  let forwarding: Forwarding
  /// What clients are offered in their handshakes; nil where they speak without TLS.
  let tls: TLSSource?
  /// Who refuses requests for load before anything is done for them.
  let gate: (any LoadGate)?
  /// Fields of each answer, ready to be written.
  let fixedFields: [UInt8]
  /// Whether clients beyond loopback may speak without TLS, that are no proxy.
  private let allowsPlaintext: Bool
  let counters = LoopCounters()
  /// Where a read lands first; a request that is there whole is never copied elsewhere.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 64)
  let parser: RequestHeadParser
  @exclusivity(unchecked) var requestIDs: RequestIDSource
  @exclusivity(unchecked) var timers = TimerWheel()
  /// Quarter seconds since the loop was made.
  @exclusivity(unchecked) private(set) var tick: UInt32 = 0
  @exclusivity(unchecked) private(set) var prelude: [UInt8] = []
  @exclusivity(unchecked) private(set) var isDraining = false
  /// The drain's deadline passed: handlers were cancelled.
  @exclusivity(unchecked) private(set) var isCutOff = false
  /// Tasks of requests that have not returned yet, of closed connections too.
  @exclusivity(unchecked) var runningTasks = 0

  @exclusivity(unchecked) private var jobs: [UnownedJob] = []
  @exclusivity(unchecked) private var runningJobs: [UnownedJob] = []
  private let mailbox = Mutex(Mailbox())
  private let isWoken = Atomic<Bool>(false)
  private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
  private let wake = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
  @exclusivity(unchecked) private var listener: Int32
  @exclusivity(unchecked) private var listenerResumesAt: UInt32?
  @exclusivity(unchecked) private var connections: [Connection?] = []
  @exclusivity(unchecked) private var connectionCount = 0
  @exclusivity(unchecked) private var generation: UInt32 = 0
  /// Connections whose handshake goes on; one takes a step in each turn of the loop.
  @exclusivity(unchecked) private var handshakes = Queue()
  /// Connections with input that was taken from the socket already.
  @exclusivity(unchecked) private var reads = Queue()
  @exclusivity(unchecked) private var pool: [UnsafeMutableRawPointer] = []
  private let startNanoseconds: UInt64
  @exclusivity(unchecked) private var preludeSecond = Int64.min
  @exclusivity(unchecked) private var wokenNanoseconds: UInt64 = 0
  @exclusivity(unchecked) private var lag = LoopLag()
  /// Turns that connections were given; each begins with a count of its own (`headsOfTurn`).
  @exclusivity(unchecked) private(set) var turn: UInt32 = 0
  @exclusivity(unchecked) private var drainTick = UInt32.max
  @exclusivity(unchecked) private var hasFinished = false
  private let onFinish: @Sendable () -> Void

  init(
    listener: Int32, application: any Application, ambient: Ambient,
    configuration: HTTPServerConfiguration, shared: SharedBounds,
    onFinish: @escaping @Sendable () -> Void
  ) {
    self.listener = listener
    self.application = application
    self.ambient = ambient
    let limits = configuration.limits
    self.limits = limits
    openConnections = shared.openConnections
    addresses = shared.addresses
    tls = shared.tls
    forwarding = configuration.forwarding
    gate = configuration.gate
    allowsPlaintext = configuration.allowsPlaintext
    fixedFields = configuration.fixedFields.flatMap { Array("\r\n\($0.name): \($0.value)".utf8) }
    self.onFinish = onFinish
    parser = RequestHeadParser(
      headBytes: limits.headBytes, fields: limits.headFields, targetBytes: limits.targetBytes)
    requestIDs = RequestIDSource(random: ambient.random)
    startNanoseconds = ambient.time.monotonicNanoseconds()
  }

  deinit {
    scratch.deallocate()
    for block in pool { block.deallocate() }
    Glibc.close(epoll)
    Glibc.close(wake)
    if listener >= 0 { Glibc.close(listener) }
  }

  // MARK: Executor

  private var identity: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

  /// Whether this is the loop's thread; to be asked outside of async functions only, since those
  /// may keep the answer across a suspension.
  var isCurrent: Bool { roost_current_loop() == identity }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent {
      jobs.append(job)
    } else {
      post(.job(job))
    }
  }

  /// Does `work` on the loop's thread: at once if this is it, else soon.
  func perform(_ work: @escaping @Sendable () -> Void) {
    if isCurrent {
      work()
    } else {
      post(.work(work))
    }
  }

  /// Does `work` on the loop's thread, but not within what it does now.
  func performLater(_ work: @escaping @Sendable () -> Void) { post(.work(work)) }

  private func post(_ mail: Mail) {
    let isPosted = mailbox.withLock { mailbox in
      if mailbox.isOpen { mailbox.mail.append(mail) }
      return mailbox.isOpen
    }
    guard isPosted else {
      switch mail {
      case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
      case .work(let work): work()
      }
      return
    }
    guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var one: UInt64 = 1
    _ = Glibc.write(wake, &one, 8)
  }

  private func readMail() {
    var count: UInt64 = 0
    // Reading comes before disarming: the other way round a wake-up could be lost.
    _ = Glibc.read(wake, &count, 8)
    isWoken.store(false, ordering: .sequentiallyConsistent)
    let mail = mailbox.withLock { mailbox in
      let mail = mailbox.mail
      mailbox.mail.removeAll(keepingCapacity: mail.count < 1024)
      return mail
    }
    for item in mail { deliver(item) }
  }

  private func deliver(_ mail: Mail) {
    switch mail {
    case .job(let job): jobs.append(job)
    case .work(let work): work()
    }
  }

  /// Runs jobs until none is left, but not for ever: sockets get their turn.
  private func runJobs() {
    var rounds = 0
    let executor = asUnownedTaskExecutor()
    while !jobs.isEmpty, rounds < 64 {
      swap(&jobs, &runningJobs)
      rounds += 1
      for job in runningJobs { job.runSynchronously(on: executor) }
      runningJobs.removeAll(keepingCapacity: true)
    }
  }

  // MARK: Life

  /// Serves on the calling thread until a drain has ended.
  func run() {
    roost_set_current_loop(identity)
    watch(listener, EPOLLIN.rawValue, 0, EPOLL_CTL_ADD)
    watch(wake, EPOLLIN.rawValue, 0, EPOLL_CTL_ADD)
    let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: LoopLag.mostEvents)
    defer { events.deallocate() }
    advanceTime()
    while !(hasFinished && runningTasks == 0 && jobs.isEmpty) {
      let (count, asked) = look(events)
      advanceTime()
      turn &+= 1
      lag.note(woken: wokenNanoseconds, asked: asked, count: count) { longestAge(events, count) }
      if lag.hasRested { gate?.rested() }
      for index in 0..<count {
        handle(events[index])
        if index % EventLoop.eventsBetweenMail == 0 { answerFirst() }
      }
      runJobs()
      if !reads.isEmpty { readAgain() }
      if !handshakes.isEmpty { handshakes.takeFirst()?.continueHandshake() }
      if isDraining { continueDrain() }
    }
    closeMailbox()
    roost_set_current_loop(nil)
  }

  /// Goes on with the requests that other threads have done their part of: who was let in does not
  /// wait for all who come.
  private func answerFirst() {
    guard isWoken.load(ordering: .relaxed) else { return }
    readMail()
    runJobs()
  }

  /// Looks at the sockets, and sleeps where nothing is to be done; gives the number of events, and
  /// since when it may have slept, nil where it has not.
  ///
  /// To collect hundreds of events takes as long as a short sleep, and a process that has used up its
  /// share of a processor stands still right here. So after a look that showed more than a few, time
  /// says nothing, and whether there is cause to sleep is asked first.
  private func look(_ events: UnsafeMutablePointer<epoll_event>) -> (count: Int, asked: UInt64?) {
    let capacity = Int32(LoopLag.mostEvents)
    if lag.handledCount > LoopLag.fewEvents {
      let count = epoll_wait(epoll, events, capacity, 0)
      if count != 0 { return (max(0, Int(count)), nil) }
    }
    let asked = ambient.time.monotonicNanoseconds()
    return (max(0, Int(epoll_wait(epoll, events, capacity, waitMilliseconds))), asked)
  }

  /// From here on nobody reads the mail: what comes late finds its connection closed, and is done
  /// where it comes from.
  private func closeMailbox() {
    let mail = mailbox.withLock { mailbox in
      mailbox.isOpen = false
      let mail = mailbox.mail
      mailbox.mail = []
      return mail
    }
    for item in mail { deliver(item) }
    runJobs()
  }

  private var waitMilliseconds: Int32 {
    if !jobs.isEmpty || !reads.isEmpty || !handshakes.isEmpty { return 0 }
    let needsTicks = connectionCount > 0 || listenerResumesAt != nil || isDraining
    return needsTicks ? Int32(1000 / EventLoop.ticksPerSecond) : -1
  }

  private func handle(_ event: epoll_event) {
    let descriptor = Int32(truncatingIfNeeded: event.data.u64 & 0xFFFF_FFFF)
    if descriptor == listener {
      acceptAll()
    } else if descriptor == wake {
      readMail()
    } else if Int(descriptor) < connections.count, let connection = connections[Int(descriptor)],
      connection.generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32)
    {
      connection.handle(events: event.events)
    }
  }

  /// Since when the requests that are handled now have waited at most; monotonic.
  var arrivedNanoseconds: UInt64 { lag.arrivedNanoseconds }

  /// How long the input of some of these has been there, by the kernel: the longest of three.
  private func longestAge(
    _ events: UnsafeMutablePointer<epoll_event>, _ count: Int
  ) -> UInt64 {
    var longest: UInt64 = 0
    for index in [0, count / 2, count - 1] {
      let descriptor = Int(truncatingIfNeeded: events[index].data.u64 & 0xFFFF_FFFF)
      guard descriptor < connections.count, let connection = connections[descriptor] else {
        continue
      }
      longest = max(longest, connection.inputAgeNanoseconds)
    }
    return longest
  }

  private func advanceTime() {
    wokenNanoseconds = ambient.time.monotonicNanoseconds()
    let elapsed = wokenNanoseconds &- startNanoseconds
    let now = UInt32(
      truncatingIfNeeded: elapsed / (1_000_000_000 / UInt64(EventLoop.ticksPerSecond)))
    guard now != tick || prelude.isEmpty else { return }
    tick = now
    let wall = ambient.time.now()
    let second = wall.milliseconds / 1000
    if second != preludeSecond {
      preludeSecond = second
      prelude = ResponseHeadWriter.prelude(date: HTTPDate.bytes(wall), fields: fixedFields)
    }
    for descriptor in timers.advance(to: tick) {
      if Int(descriptor) < connections.count { connections[Int(descriptor)]?.timerFired() }
    }
    if let resume = listenerResumesAt, resume <= tick {
      listenerResumesAt = nil
      if listener >= 0 { watch(listener, EPOLLIN.rawValue, 0, EPOLL_CTL_MOD) }
    }
  }

  /// The tick after `seconds` have passed in full.
  func tick(afterSeconds seconds: Int) -> UInt32 {
    let ticks = UInt32(clamping: max(0, seconds)).multipliedReportingOverflow(
      by: EventLoop.ticksPerSecond)
    let (sum, overflow) = tick.addingReportingOverflow(ticks.partialValue)
    return ticks.overflow || overflow || sum == .max ? .max - 1 : sum + 1
  }

  // MARK: Connections

  private func acceptAll() {
    var address = InlineArray<64, CChar>(repeating: 0)
    for _ in 0..<64 {
      var span = address.mutableSpan
      let descriptor = span.withUnsafeMutableBufferPointer {
        roost_accept(listener, $0.baseAddress, $0.count)
      }
      if descriptor < 0 {
        switch -descriptor {
        case EAGAIN: return
        // The client left in the queue, or the kernel reports an error of its network: the next.
        case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, EPERM:
          continue
        default:
          pauseListener(errorNumber: -descriptor)
          return
        }
      }
      let text = span.withUnsafeMutableBufferPointer { buffer in
        String(
          decoding: UnsafeRawBufferPointer(buffer).prefix { $0 != 0 }, as: UTF8.self)
      }
      admit(descriptor, remoteAddress: text)
    }
  }

  /// Out of descriptors or memory: the queue is left alone for a second, since the listener would
  /// stay readable and the loop would spin.
  private func pauseListener(errorNumber: Int32) {
    listenerResumesAt = tick + EventLoop.ticksPerSecond
    watch(listener, 0, 0, EPOLL_CTL_MOD)
    ambient.logger.error(
      "connections cannot be accepted; raise the limit of open files or wait",
      [("error", .string(String(cString: strerror(errorNumber))))])
  }

  /// Takes in a connection.
  func admit(_ descriptor: Int32, remoteAddress: String) {
    generation = generation == .max ? 1 : generation + 1
    let index = Int(descriptor)
    if index >= connections.count {
      let missing = max(connections.count, index - connections.count + 1, 64)
      connections.append(contentsOf: repeatElement(nil, count: missing))
    }
    let address = NetworkAddress(remoteAddress)
    let (isWelcome, counted) = addresses.enter(address)
    let proxy = address.flatMap { forwarding.proxies.holds($0) ? $0 : nil }
    let session = tls?.session(descriptor)
    let connection = Connection(
      descriptor: descriptor, generation: generation, loop: self, remoteAddress: remoteAddress,
      countedClient: counted, proxy: proxy, tls: session)
    connections[index] = connection
    connectionCount += 1
    counters.accepted.increase()
    counters.openConnections.increase()
    let open = openConnections.count.add(1, ordering: .relaxed).newValue
    watch(descriptor, EPOLLIN.rawValue, generation, EPOLL_CTL_ADD)
    if open > limits.connections + 256 || (tls != nil && session == nil) {
      counters.refused.increase()
      connection.close()
    } else if open > limits.connections {
      counters.refused.increase()
      connection.refuse(
        RoostError(
          .overloaded, "Too many connections are open; try again soon.", retryAfterSeconds: 1))
    } else if !isWelcome {
      counters.refused.increase()
      connection.refuse(
        RoostError(
          .overloaded, "Too many connections from this address are open; close some first.",
          retryAfterSeconds: 1))
    } else if tls == nil, !allowsPlaintext, proxy == nil, address?.isLoopback != true {
      counters.refused.increase()
      connection.refuse(
        RoostError(
          .forbidden,
          "Without TLS only this machine and the proxies of server.proxies are answered here."))
    } else {
      connection.opened()
    }
  }

  /// Lets a connection take the next step of its handshake when it is its turn: whatever a handshake
  /// costs, the others wait for one of them at most.
  func queueHandshake(_ connection: Connection) {
    guard !connection.isQueued else { return }
    guard handshakes.count < EventLoop.queuedHandshakes else {
      counters.refused.increase()
      connection.close()
      return
    }
    connection.isQueued = true
    handshakes.append(connection)
  }

  /// Has a connection read on without waiting for its socket.
  func queueRead(_ connection: Connection) {
    guard !connection.isQueued else { return }
    connection.isQueued = true
    reads.append(connection)
  }

  /// Gives some of the connections that wait for it a turn; who has more to do waits behind all the
  /// others, those included whose sockets have become readable meanwhile.
  private func readAgain() {
    let count = min(reads.count, EventLoop.turnsOfLook)
    turn &+= 1
    lag.noteTurns(count)
    for _ in 0..<count { reads.takeFirst()?.takeTurn() }
  }

  /// Forgets a connection and closes its descriptor, which takes it off the epoll instance too.
  func remove(_ connection: Connection) {
    connections[Int(connection.descriptor)] = nil
    connectionCount -= 1
    counters.openConnections.increase(by: -1)
    openConnections.count.subtract(1, ordering: .relaxed)
    if let client = connection.countedClient { addresses.leave(client) }
    timers.cancel(connection.descriptor)
    Glibc.close(connection.descriptor)
  }

  func change(_ connection: Connection, to events: UInt32) {
    watch(connection.descriptor, events, connection.generation, EPOLL_CTL_MOD)
  }

  private func watch(
    _ descriptor: Int32, _ events: UInt32, _ generation: UInt32, _ operation: Int32
  ) {
    var event = epoll_event()
    event.events = events
    event.data.u64 = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    epoll_ctl(epoll, operation, descriptor, &event)
  }

  /// A block for a queue that has none.
  func takeBlock() -> UnsafeMutableRawPointer {
    pool.popLast() ?? .allocate(byteCount: ByteQueue.blockBytes, alignment: 16)
  }

  func giveBack(_ block: UnsafeMutableRawPointer) {
    if pool.count < EventLoop.pooledBlocks {
      pool.append(block)
    } else {
      block.deallocate()
    }
  }

  // MARK: Drain

  /// Takes no more connections than those that are queued, and lets every request whose head came
  /// be answered.
  func drain() {
    guard !isDraining else { return }
    isDraining = true
    drainTick = tick(afterSeconds: limits.drainSeconds)
    if listener >= 0 {
      // Whoever is in the queue of a listener that is closed meets a reset, maybe behind a request
      // that was sent. So nobody new gets in, and who is on the way has a moment to arrive.
      _ = roost_refuse_handshakes(listener)
      for _ in 0..<EventLoop.lastLooks {
        for _ in 0..<64 { acceptAll() }
        usleep(EventLoop.lastLookMicroseconds)
      }
      for _ in 0..<64 { acceptAll() }
      Glibc.close(listener)
      listener = -1
      listenerResumesAt = nil
    }
    for connection in connections { connection?.drain() }
  }

  private func continueDrain() {
    if !hasFinished, connectionCount == 0, runningTasks == 0 || isCutOff {
      // A handler that heeds no cancellation keeps the thread, but not the drain.
      hasFinished = true
      onFinish()
    }
    guard tick >= drainTick, connectionCount > 0 else { return }
    if isCutOff {
      // Whoever did not answer in the time after its cancellation is left behind.
      for connection in connections { connection?.close() }
    } else {
      isCutOff = true
      drainTick = tick(afterSeconds: 1)
      for connection in connections { connection?.cutOff() }
    }
  }
}

extension EventLoop {
  /// Connections in the order in which they came.
  struct Queue {
    private var connections: [Connection?] = []
    private var first = 0

    var count: Int { connections.count - first }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ connection: Connection) { connections.append(connection) }

    mutating func takeFirst() -> Connection? {
      guard first < connections.count else { return nil }
      let connection = connections[first]
      connections[first] = nil
      first += 1
      if first == connections.count {
        connections.removeAll(keepingCapacity: true)
        first = 0
      } else if first > 1024 {
        connections.removeFirst(first)
        first = 0
      }
      connection?.isQueued = false
      return connection
    }
  }
}

/// What the loops of a server share.
struct SharedBounds: Sendable {
  let openConnections = OpenConnections()
  let addresses: AddressBook
  let tls: TLSSource?

  init(_ configuration: HTTPServerConfiguration) {
    addresses = AddressBook(
      limit: configuration.limits.connectionsPerAddress,
      exempt: configuration.uncounted.union(configuration.forwarding.proxies))
    tls = configuration.tls.map(TLSSource.init)
  }
}

/// How many connections all loops of a server hold.
final class OpenConnections: Sendable {
  let count = Atomic<Int>(0)
}
