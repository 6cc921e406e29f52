package import Queries
package import RoostCore
import Synchronization

/// How a runner keeps its leases.
package struct RunnerConfiguration: Sendable {
  /// How long a lease is good without a heartbeat.
  package var leaseMilliseconds: Int64 = 30_000
  package var heartbeatMilliseconds: Int64 = 5_000
  /// How often it looks for jobs of which nobody told it.
  package var pollMilliseconds: Int64 = 1_000
  /// How long running jobs may take to their end when the process stops.
  package var drainSeconds: Int = 10

  package init() {}
}

/// What a runner did since it started.
package struct RunnerFigures: Sendable {
  /// Attempts that ended, by kind and outcome.
  package fileprivate(set) var ended: [String: [String: Int]] = [:]
  /// Completions and other ends that were refused because their lease was lost.
  package fileprivate(set) var refused = 0
  /// Attempts in progress, by kind.
  package fileprivate(set) var running: [String: Int] = [:]
}

/// Runs the jobs of a process: takes them from the queue, keeps their leases, writes their ends.
///
/// Each kind has a lane of its own with its own bound. It wakes when a transaction of this process
/// adds a job, and looks once a second for what others added and for times that have come.
package final class JobRunner: Sendable {
  private struct Running {
    let context: JobContext
    let startedAt: UInt64
    let seconds: Int?
    var task: Task<Void, Never>?
  }

  private struct State {
    var isWoken = true
    var waiter: CheckedContinuation<Void, Never>?
    var isStopping = false
    var running: [UUID: Running] = [:]
    var figures = RunnerFigures()
  }

  let queue: JobQueue
  private let database: any Database
  private let handlers: [String: any JobHandler]
  private let configuration: RunnerConfiguration
  private let ambient: Ambient
  private let logger: Logger
  /// The name of this process among those that hold leases.
  private let owner: String
  private let state = Mutex(State())
  private let tasks = Mutex<[Task<Void, Never>]>([])

  package init(
    _ handlers: [any JobHandler], on database: any Database, signal: JobSignal, ambient: Ambient,
    configuration: RunnerConfiguration = RunnerConfiguration()
  ) {
    self.database = database
    self.configuration = configuration
    self.ambient = ambient
    queue = JobQueue(ambient)
    logger = ambient.logger.binding("component", "jobs")
    owner = String(ambient.newID().description.suffix(12))
    var byKind: [String: any JobHandler] = [:]
    for handler in handlers {
      precondition(byKind[handler.kind] == nil, "two handlers for one kind of jobs")
      byKind[handler.kind] = handler
    }
    self.handlers = byKind
    signal.connect(
      wake: { [weak self] in self?.wake() },
      cancel: { [weak self] id in self?.interrupt(id, .cancelled) })
  }

  package var figures: RunnerFigures {
    state.withLock { state in
      var figures = state.figures
      for running in state.running.values {
        figures.running[running.context.job.kind, default: 0] += 1
      }
      return figures
    }
  }

  // MARK: Life

  package func start() {
    let loop = Task { await self.run() }
    let pulse = Task { await self.beat() }
    tasks.withLock { $0 = [loop, pulse] }
  }

  /// Says that there may be something to do.
  ///
  /// Does not block.
  package func wake() {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.isWoken = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// Takes no more jobs, gives those that run the time to end, and gives back what is left.
  package func stop() async {
    state.withLock { $0.isStopping = true }
    wake()
    let own = tasks.withLock { tasks in
      defer { tasks = [] }
      return tasks
    }
    guard let loop = own.first else { return }
    await loop.value
    for id in state.withLock({ Array($0.running.keys) }) { interrupt(id, .stopping, ending: false) }
    await drain(seconds: configuration.drainSeconds)
    for id in state.withLock({ Array($0.running.keys) }) { interrupt(id, .stopping) }
    // Whoever does not look at its cancellation loses its lease, and is refused afterwards.
    await drain(seconds: 2)
    for task in own {
      task.cancel()
      await task.value
    }
  }

  private func drain(seconds: Int) async {
    let end = ambient.time.monotonicNanoseconds() + UInt64(max(0, seconds)) * 1_000_000_000
    while state.withLock({ !$0.running.isEmpty }), ambient.time.monotonicNanoseconds() < end {
      do { try await Task.sleep(nanoseconds: 10_000_000) } catch { return }
    }
  }

  /// Has a handler stop; with `ending` what it waits for ends too.
  ///
  /// With `attempt` only that one stops, not another which has begun on the same job since.
  private func interrupt(
    _ id: UUID, _ reason: JobInterruption, ending: Bool = true, attempt: JobContext? = nil
  ) {
    guard let running = state.withLock({ $0.running[id] }) else { return }
    if let attempt, running.context !== attempt { return }
    running.context.interrupt(reason)
    if ending { running.task?.cancel() }
  }

  // MARK: Taking

  private func run() async {
    var failures: UInt64 = 0
    // Where one process has the database to itself, whoever held a lease before is gone.
    var takesAll = !database.dialect.hasOtherWriters
    while !state.withLock({ $0.isStopping }) {
      do {
        try await reap(all: takesAll)
        takesAll = false
        while !state.withLock({ $0.isStopping }), try await step() {}
        failures = 0
      } catch {
        failures = min(failures + 1, 6)
        logger.error(
          "jobs cannot be taken and will be tried again", [("cause", .string("\(error)"))])
        try? await Task.sleep(nanoseconds: 250_000_000 << failures)
        wake()
      }
      await waitForWake()
    }
  }

  private func waitForWake() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state -> Bool in
        if state.isWoken || state.isStopping {
          state.isWoken = false
          return true
        }
        state.waiter = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
    state.withLock { $0.isWoken = false }
  }

  private func reap(all: Bool) async throws {
    let (queue, handlers) = (queue, handlers)
    let now = ambient.time.now()
    let isDue = try await database.read(.statement) { reader in
      try await reader.first(
        "SELECT 1 FROM roost_job WHERE state = 'running' AND lease_until < \(now) LIMIT 1"
      ) { _ in true } == true
    }
    guard isDue || all else { return }
    let atOnce = 100
    while try await database.write({ transaction in
      try await queue.reap(
        all: all, limit: atOnce, limits: { handlers[$0]?.limits }, in: transaction)
    }) == atOnce {}
  }

  /// Takes what the lanes have room for; false when there was nothing to take.
  private func step() async throws -> Bool {
    let room = state.withLock { state -> [(kind: String, count: Int)] in
      var used: [String: Int] = [:]
      for running in state.running.values { used[running.context.job.kind, default: 0] += 1 }
      return handlers.values.map { handler in
        let most = min(handler.limits.concurrency, handler.room)
        return (kind: handler.kind, count: most - used[handler.kind, default: 0])
      }.filter { $0.count > 0 }.sorted { $0.kind < $1.kind }
    }
    guard !room.isEmpty else { return false }
    let (queue, owner) = (queue, owner)
    let ready = try await database.read(.statement) { reader in
      var ready: [(kind: String, count: Int)] = []
      for lane in room where try await queue.hasReady(lane.kind, in: reader) { ready.append(lane) }
      return ready
    }
    guard !ready.isEmpty else { return false }
    let until = ambient.time.now().adding(milliseconds: configuration.leaseMilliseconds)
    let jobs = try await database.write { transaction in
      var jobs: [LeasedJob] = []
      for lane in ready {
        jobs += try await queue.claim(
          lane.kind, limit: lane.count, by: owner, until: until, in: transaction)
      }
      return jobs
    }
    for job in jobs { begin(job) }
    return !jobs.isEmpty
  }

  // MARK: Running

  private func begin(_ job: LeasedJob) {
    guard let handler = handlers[job.kind] else { return }
    let context = JobContext(job, queue, on: database)
    // An attempt of this process whose lease ran out before it heard of it.
    interrupt(job.id, .leaseLost)
    state.withLock { state in
      state.running[job.id] = Running(
        context: context, startedAt: ambient.time.monotonicNanoseconds(),
        seconds: handler.limits.seconds)
    }
    let task = Task { await self.work(handler, context) }
    state.withLock { state in
      if state.running[job.id]?.context === context { state.running[job.id]?.task = task }
    }
  }

  private func work(_ handler: any JobHandler, _ context: JobContext) async {
    let job = context.job
    let outcome: String
    do {
      do {
        try await handler.run(context)
        if !context.isCompleted { try await context.complete() }
        outcome = TaskRun.Outcome.done.rawValue
      } catch let error where !(error is LeaseLost) && !context.isCompleted {
        // A task of its own: this one may be cancelled, and the end is to be written all the same.
        let failed = error
        outcome = try await Task { try await end(context, handler.limits, failed) }.value
      }
    } catch let error as LeaseLost {
      outcome = TaskRun.Outcome.lost.rawValue
      logger.warning(
        "the end of a job was refused: its lease is lost",
        [("job", .string(error.job.description)), ("kind", .string(job.kind))])
    } catch {
      // Completed, and then an error: the job is done all the same. Else the lease runs out.
      outcome = context.isCompleted ? TaskRun.Outcome.done.rawValue : "unwritten"
      logger.warning(
        "a job ended with an error that changes nothing",
        [("job", .string(job.id.description)), ("cause", .string("\(error)"))])
    }
    state.withLock { state in
      // The next attempt may have begun in this process: it is not this one's to take off.
      if state.running[job.id]?.context === context { state.running[job.id] = nil }
      state.figures.ended[job.kind, default: [:]][outcome, default: 0] += 1
      if outcome == TaskRun.Outcome.lost.rawValue { state.figures.refused += 1 }
    }
    wake()
  }

  /// Writes down that an attempt did not complete, and returns its outcome.
  private func end(
    _ context: JobContext, _ limits: JobLimits, _ error: any Error
  ) async throws -> String {
    let job = context.job
    let failure = failure(context, limits, error)
    let (queue, progress) = (queue, context.latestProgress)
    let state = try await database.write { transaction in
      try await queue.fail(job.id, job.token, failure, progress: progress, in: transaction)
    }
    switch (state, failure) {
    case (.cancelled, _): return TaskRun.Outcome.cancelled.rawValue
    case (_, .released), (_, .postponed): return TaskRun.Outcome.released.rawValue
    case (.dead, .dead(let message)):
      logger.error(
        "a job is dead: see roost jobs",
        [
          ("job", .string(job.id.description)), ("kind", .string(job.kind)),
          ("cause", .string(message)),
        ])
    default: break
    }
    return TaskRun.Outcome.failed.rawValue
  }

  private func failure(
    _ context: JobContext, _ limits: JobLimits, _ error: any Error
  ) -> JobQueue.Failure {
    let job = context.job
    let interruption = context.interruption
    let isInterruption = error is JobInterruption || error is CancellationError
    if isInterruption, interruption == .cancelled { return .cancelled }
    if isInterruption, interruption == .stopping { return .released }
    var message = (error as? RoostError)?.wholeDetail ?? "\(error)"
    if isInterruption, interruption == .tookTooLong {
      message = "the attempt took longer than \(limits.seconds ?? 0) s"
    }
    var delay = limits.backoff.delay(after: job.attempt, random: ambient.random)
    switch error as? JobFailure {
    case .permanent(let reason): return .dead(reason)
    case .later(let reason, let seconds):
      message = reason
      delay = max(delay, Int64(seconds) * 1000)
    case .postponed(let reason, let milliseconds):
      return .postponed(reason, afterMilliseconds: max(0, milliseconds))
    case nil: break
    }
    guard job.attempt < limits.attempts else {
      return .dead("\(job.attempt) attempts; the last one: \(message)")
    }
    return .retry(message, afterMilliseconds: delay)
  }

  // MARK: Keeping

  /// Wakes the loop for what others did, and keeps the leases.
  private func beat() async {
    var sinceHeartbeat: Int64 = 0
    let pause = min(configuration.pollMilliseconds, configuration.heartbeatMilliseconds)
    while true {
      do { try await Task.sleep(nanoseconds: UInt64(pause) * 1_000_000) } catch { return }
      wake()
      endLate()
      sinceHeartbeat += pause
      guard sinceHeartbeat >= configuration.heartbeatMilliseconds else { continue }
      sinceHeartbeat = 0
      await heartbeat()
    }
  }

  private func endLate() {
    let now = ambient.time.monotonicNanoseconds()
    let late = state.withLock { state in
      state.running.filter { _, running in
        guard let seconds = running.seconds else { return false }
        return now > running.startedAt + UInt64(seconds) * 1_000_000_000
      }.map(\.key)
    }
    for id in late { interrupt(id, .tookTooLong) }
  }

  /// Renews all leases in one transaction; whoever lost one is stopped.
  package func heartbeat() async {
    let contexts = state.withLock { state in state.running.values.map(\.context) }
    guard !contexts.isEmpty else { return }
    let queue = queue
    let until = ambient.time.now().adding(milliseconds: configuration.leaseMilliseconds)
    do {
      let answers = try await database.write { transaction in
        var answers: [UUID: Bool] = [:]
        // In the order of ids, so that two processes cannot wait for each other.
        for context in contexts.sorted(by: { $0.job.id < $1.job.id }) {
          answers[context.job.id] = try await queue.renew(
            context.job.id, context.token, until: until, progress: context.latestProgress,
            in: transaction)
        }
        return answers
      }
      for context in contexts where !context.isCompleted {
        switch answers[context.job.id] {
        case nil: interrupt(context.job.id, .leaseLost, attempt: context)
        case true?: interrupt(context.job.id, .cancelled, attempt: context)
        case false?: break
        }
      }
    } catch {
      logger.warning("leases were not renewed", [("cause", .string("\(error)"))])
    }
  }
}
