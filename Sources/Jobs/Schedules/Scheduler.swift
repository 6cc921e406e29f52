package import Queries
package import RoostCore
import Synchronization

/// Puts what is scheduled into the queue when its time has come.
///
/// Each schedule has an anchor, up to which its times are dealt with. Times that were missed, because
/// no process ran, are due together: the last of them is done, once. A time is noted under the
/// schedule's name and its local date and time in the transaction that adds the job, so that no
/// process and no restart does it again.
package final class Scheduler: Sendable {
  /// A clock that was ahead by more than this has left an anchor that must not be waited for.
  private static let aheadMilliseconds: Int64 = 3_600_000
  private static let pauseMilliseconds: Int64 = 1_000

  private let schedules: [Schedule]
  private let database: any Database
  private let queue: JobQueue
  private let ambient: Ambient
  private let logger: Logger
  private let task = Mutex<Task<Void, Never>?>(nil)
  /// What the database says of each schedule, as far as this process has seen.
  private let anchors = Mutex<[String: Timestamp]>([:])

  package init(_ schedules: [Schedule], on database: any Database, ambient: Ambient) {
    precondition(
      Set(schedules.map(\.name)).count == schedules.count, "two schedules have one name")
    self.schedules = schedules
    self.database = database
    self.ambient = ambient
    queue = JobQueue(ambient)
    logger = ambient.logger.binding("component", "schedules")
  }

  package func start() {
    guard !schedules.isEmpty else { return }
    task.withLock { $0 = Task { await self.run() } }
  }

  package func stop() async {
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  private func run() async {
    while !Task.isCancelled {
      do {
        try await tick()
      } catch {
        if Task.isCancelled { return }
        logger.error(
          "a schedule failed and will be tried again", [("cause", .string("\(error)"))])
      }
      // A pause and not a date to wait for: wall clocks are set, and machines sleep.
      do {
        try await Task.sleep(nanoseconds: UInt64(Scheduler.pauseMilliseconds) * 1_000_000)
      } catch { return }
    }
  }

  /// Does what is due, and returns how many jobs were added.
  @discardableResult
  package func tick() async throws -> Int {
    var added = 0
    for schedule in schedules {
      // Looked at in memory first: a schedule that is not due does not occupy the writer.
      if let anchor = anchors.withLock({ $0[schedule.name] }),
        isQuiet(schedule, anchor, ambient.time.now())
      {
        continue
      }
      let (anchor, isAdded) = try await database.write { transaction in
        try await self.deal(with: schedule, in: transaction)
      }
      anchors.withLock { $0[schedule.name] = anchor }
      if isAdded { added += 1 }
    }
    return added
  }

  private func isQuiet(_ schedule: Schedule, _ anchor: Timestamp, _ now: Timestamp) -> Bool {
    if anchor > now.adding(milliseconds: Scheduler.aheadMilliseconds) { return false }
    guard let next = schedule.expression.next(after: Scheduler.seconds(anchor), in: schedule.zone)
    else { return true }
    return next.instant > Scheduler.seconds(now)
  }

  private static func seconds(_ time: Timestamp) -> Int64 {
    (time.milliseconds - modulo(time.milliseconds, 1000)) / 1000
  }

  /// The new anchor of a schedule, and whether a job was added.
  private func deal(
    with schedule: Schedule, in transaction: any Transaction
  ) async throws -> (Timestamp, Bool) {
    let now = ambient.time.now()
    let stored = try await stored(schedule, now, in: transaction)
    guard let anchor = stored else { return (now, false) }
    guard
      let moment = schedule.expression.last(
        after: Scheduler.seconds(anchor), upTo: Scheduler.seconds(now), in: schedule.zone)
    else { return (anchor, false) }
    let reached = Timestamp(milliseconds: moment.instant * 1000)
    try await transaction.execute(
      "UPDATE roost_schedule SET anchor = \(reached) WHERE name = \(schedule.name)")
    let isFirst = try await transaction.execute(
      """
      INSERT INTO roost_schedule_fire (schedule, local_time, fired_at) \
      VALUES (\(schedule.name), \(moment.key), \(now)) ON CONFLICT DO NOTHING
      """)
    guard isFirst == 1 else { return (reached, false) }
    let job = try await queue.enqueue(
      NewJob(schedule.kind, schedule.payload, key: "schedule " + schedule.name), in: transaction)
    guard case .added(let id) = job else {
      logger.notice(
        "a scheduled job was left out: the one before it has not ended",
        [("schedule", .string(schedule.name)), ("at", .string(moment.key))])
      return (reached, false)
    }
    try await transaction.post(
      """
      UPDATE roost_schedule_fire SET job = \(id) \
      WHERE schedule = \(schedule.name) AND local_time = \(moment.key)
      """)
    return (reached, true)
  }

  /// The anchor on record, locked; nil where a new or changed schedule begins now.
  private func stored(
    _ schedule: Schedule, _ now: Timestamp, in transaction: any Transaction
  ) async throws -> Timestamp? {
    try await transaction.execute(
      """
      INSERT INTO roost_schedule (name, expression, zone, anchor) VALUES (\(schedule.name), \
      \(schedule.expression.description), \(schedule.zone.name), \(now)) ON CONFLICT DO NOTHING
      """)
    let found = try await transaction.first(
      """
      SELECT expression, zone, anchor FROM roost_schedule WHERE name = \(schedule.name)\
      \(transaction.dialect.forUpdate)
      """
    ) { (expression: $0.text(0), zone: $0.text(1), anchor: $0.timestamp(2)) }
    guard let found else { return nil }
    let isAhead = found.anchor > now.adding(milliseconds: Scheduler.aheadMilliseconds)
    if isAhead {
      logger.warning(
        "a schedule was ahead of the clock, which must have been set back",
        [("schedule", .string(schedule.name)), ("at", .string("\(found.anchor)"))])
    }
    guard
      found.expression == schedule.expression.description, found.zone == schedule.zone.name,
      !isAhead
    else {
      try await transaction.execute(
        """
        UPDATE roost_schedule SET expression = \(schedule.expression.description), \
        zone = \(schedule.zone.name), anchor = \(now) WHERE name = \(schedule.name)
        """)
      return nil
    }
    return found.anchor
  }
}
