import HTTPClient
import HTTPServer
import REST
import RoostCore
import Schema

/// How an app is: what works, what does not, and what follows from it.
///
/// It looks at what is in memory alone, so that it answers while the database does not.
struct AppHealth: Sendable {
  let app: App
  let doors: AppDoors
  let overload: Overload
  let drain: DrainFlag
  let statistics: StatisticsSource
  private let startedAt: UInt64

  init(
    _ app: App, doors: AppDoors, overload: Overload, drain: DrainFlag, statistics: StatisticsSource
  ) {
    self.app = app
    self.doors = doors
    self.overload = overload
    self.drain = drain
    self.statistics = statistics
    startedAt = app.ambient.time.monotonicNanoseconds()
  }

  func report() -> StatusReport {
    let now = app.ambient.time.monotonicNanoseconds()
    return StatusReport(
      unavailable: unavailable, parts: parts(now), facts: facts(now), at: app.ambient.time.now())
  }

  private var unavailable: String? {
    if drain.isSet { return "The server is shutting down." }
    return app.isOutdated
      ? "The app's schema has been migrated; this server knows an older one." : nil
  }

  private func parts(_ now: UInt64) -> [StatusReport.Part] {
    let megabytes = UInt64(app.settings.integer(SettingKeys.minimumFreeMegabytes))
    let engine = app.engine.condition(minimumFreeBytes: megabytes * 1_048_576)
    return [
      StatusReport.Part("database", fault: database(engine, now)),
      StatusReport.Part("requests", fault: standing(.loop, now, "all but the lightest")),
      StatusReport.Part(
        "writes",
        fault: engine.isFull
          ? "The disk is nearly full: writes are refused, reads are answered."
          : standing(.writes, now, "writes")),
      StatusReport.Part("long reads", fault: standing(.reads, now, "what can wait")),
      StatusReport.Part(
        "replicas",
        fault: engine.replicasOut == 0
          ? nil
          : "\(engine.replicasOut) of \(engine.replicas) are left out; the primary answers for "
            + "them."),
      StatusReport.Part("functions", fault: functions),
    ]
  }

  private func database(_ engine: AppDatabase.Condition, _ now: UInt64) -> String? {
    if engine.isOut {
      return "PostgreSQL cannot be reached: what needs it is answered 503."
    }
    guard let seconds = app.watch.waitingSeconds(now), seconds >= AppHealth.patienceSeconds else {
      return nil
    }
    return "PostgreSQL has not answered a short read for \(seconds) seconds."
  }

  /// Above what a statement waits behind others in a server that works.
  private static let patienceSeconds: UInt64 = 3

  private func standing(_ queue: Overload.Queue, _ now: UInt64, _ what: String) -> String? {
    overload.state(of: queue, at: now).isStanding
      ? "A queue is too long: \(what) may be answered 503 for a moment." : nil
  }

  private var functions: String? {
    let lines = app.functions.lines
    let open = lines.count { $0.breakerState.state != .closed }
    return open == 0
      ? nil : "\(open) of \(lines.count) failed too often and are left alone for a while."
  }

  private func facts(_ now: UInt64) -> [(name: String, value: String)] {
    let figures = statistics.statistics
    let minutes = (now > startedAt ? now - startedAt : 0) / 60_000_000_000
    return [
      (
        "Running for",
        minutes < 120 ? "\(minutes) minutes" : "\(minutes / 60) hours"
      ),
      ("Requests", "\(figures?.requests ?? 0)"),
      ("Answered with a fault of ours (5xx)", "\(figures?.answersByClass[4] ?? 0)"),
      ("Connections now", "\(figures?.openConnections ?? 0)"),
      ("Version of the app's API", app.versions.last?.version.description ?? "1.0.0"),
    ]
  }
}
