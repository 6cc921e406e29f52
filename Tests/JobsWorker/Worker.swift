import Glibc
import Jobs
import Queries
import RoostCore
import RoostServer
import Schema

/// A server with jobs of its own, which the long tests kill again and again.
///
/// `JobsWorker DATA JOBS` puts that many jobs into the queue, each in a transaction with its cause, runs
/// them, each with an effect, and exits with 0 when none is left. Started again it goes on. It prints
/// `ready` when it begins.
@main struct Worker {
  private static let atOnce: Int64 = 500

  static func main() async throws {
    let words = CommandLine.arguments
    guard words.count == 3, let jobs = Int64(words[2]) else {
      fatalError("usage: JobsWorker DATA JOBS")
    }
    var environment: [String: String] = [:]
    for name in ["ROOST_DATABASE", "ROOST_DATABASE_SCHEMA", "ROOST_JOBS_LEASE_SECONDS"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    var extensions = AppExtensions()
    extensions.jobs = [
      { _ in CountingJob() }, { _ in StepsJob() }, { _ in PoisonJob() }, { _ in CrashJob() },
    ]
    let app = try await App.open(
      try SchemaModel.load(source: "type Note @collection @allow(ops: [ALL]) { text: String }"),
      data: words[1],
      settings: try Settings(
        file: nil, environment: environment, flags: ["database.minimumFreeMegabytes": "0"]),
      ambient: Ambient(logger: Logger(level: .warning)),
      extensions: extensions)
    try await makeTables(app.database)
    app.startJobs()
    say("ready")
    try await enqueue(jobs, app)
    while try await isAnyLeft(app) { try await Task.sleep(nanoseconds: 50_000_000) }
    await app.close()
    say("done")
  }

  private static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
  }

  private static func makeTables(_ database: any Database) async throws {
    let d = database.dialect
    try await database.write { transaction in
      // Two that begin at once on PostgreSQL both find no table, and the second fails.
      if let lock = d.lockOfTables { try await transaction.query(lock) { _ in false } }
      try await transaction.execute(
        "CREATE TABLE IF NOT EXISTS worker_cause (number \(d.integer) PRIMARY KEY)")
      // Without a key that would refuse it: what is done twice is there twice.
      try await transaction.execute(
        """
        CREATE TABLE IF NOT EXISTS worker_effect (
          number \(d.numberedKey), job \(d.integer) NOT NULL, step \(d.integer) NOT NULL)
        """)
    }
  }

  private static func enqueue(_ jobs: Int64, _ app: App) async throws {
    let queue = app.jobs.queue
    while true {
      let isDone = try await app.database.write { transaction in
        let last =
          try await transaction.first("SELECT coalesce(max(number), 0) FROM worker_cause") {
            $0.int64(0)
          } ?? 0
        guard last < jobs else { return true }
        for number in last + 1...min(last + atOnce, jobs) {
          try await transaction.post("INSERT INTO worker_cause (number) VALUES (\(number))")
          try await queue.enqueue(
            NewJob(kind(number), ["number": .int(number)]), in: transaction)
        }
        return false
      }
      if isDone { return }
    }
  }

  private static func kind(_ number: Int64) -> String {
    if number % 10_000 == 17 { return "crash" }
    if number % 1000 == 3 { return "poison" }
    return number % 100 == 5 ? "steps" : "counting"
  }

  private static func isAnyLeft(_ app: App) async throws -> Bool {
    try await app.database.read(.statement) { reader in
      try await reader.first(
        "SELECT 1 FROM roost_job WHERE state IN ('waiting', 'running') LIMIT 1"
      ) { _ in true } == true
    }
  }
}

/// Has one effect, together with its end.
struct CountingJob: JobHandler {
  let kind = "counting"
  let limits = JobLimits(
    concurrency: 64, attempts: 1000, backoff: Backoff(baseMilliseconds: 100))

  func run(_ context: JobContext) async throws {
    let number = context.payload["number"]?.int ?? 0
    try await context.complete { transaction in
      try await transaction.post("INSERT INTO worker_effect (job, step) VALUES (\(number), 0)")
    }
  }
}

/// Has three effects, each with the place from which it goes on.
struct StepsJob: JobHandler {
  let kind = "steps"
  let limits = JobLimits(
    concurrency: 8, attempts: 1000, backoff: Backoff(baseMilliseconds: 100))

  func run(_ context: JobContext) async throws {
    let number = context.payload["number"]?.int ?? 0
    var step = context.checkpoint?["step"]?.int ?? 0
    while step < 3 {
      step += 1
      let reached = step
      try await context.save(["step": .int(reached)]) { transaction in
        try await transaction.post(
          "INSERT INTO worker_effect (job, step) VALUES (\(number), \(reached))")
      }
      try await Task.sleep(nanoseconds: 20_000_000)
    }
  }
}

/// Fails whenever it is tried.
struct PoisonJob: JobHandler {
  let kind = "poison"
  let limits = JobLimits(
    concurrency: 4, attempts: 3, backoff: Backoff(baseMilliseconds: 100))

  func run(_ context: JobContext) async throws {
    throw JobFailure.later("poisoned", afterSeconds: 0)
  }
}

/// Takes its process along.
struct CrashJob: JobHandler {
  let kind = "crash"
  let limits = JobLimits(
    concurrency: 1, attempts: 3, backoff: Backoff(baseMilliseconds: 100))

  func run(_ context: JobContext) async throws { _exit(99) }
}
