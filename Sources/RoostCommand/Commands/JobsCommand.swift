import Jobs
import Queries
import RoostCore
import RoostServer
import Schema

/// `roost jobs`: lists the queue of an app, and has jobs run again or stop.
struct JobsCommand: Command {
  let name = "jobs"
  let summary = "list the jobs of an app, retry or cancel one"
  let operands = "list|retry|cancel DIR [ID]"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--state", "STATE", "list: waiting, running, done, dead or cancelled"),
      Option("--kind", "KIND", "list: jobs of one kind"),
      Option("--limit", "N", "list: at most so many, the newest (50)"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
      roost jobs list DIR            the newest jobs; --state dead shows those that failed for good
      roost jobs list DIR ID         one job with the record of its runs
      roost jobs retry DIR ID        a dead or cancelled job runs again, a waiting one runs at once
      roost jobs cancel DIR ID       a waiting job is cancelled, a running one is told to stop

    With --database it works beside a running server. A file belongs to its server while that runs;
    then the command says how an administrator asks the server. Exits 1 where there is no such job,
    or its state does not allow it.
    """

  private enum Task {
    case list, show(UUID), retry(UUID), cancel(UUID)
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    let task = try task(arguments)
    let state = try arguments["--state"].map { text in
      guard let state = JobState(rawValue: text) else {
        let known = JobState.allCases.map(\.rawValue)
        throw Arguments.Failure(
          description: "there is no state \"\(text)\"\(didYouMean(text, among: known)); "
            + "there are: \(known.joined(separator: ", "))")
      }
      return state
    }
    let limit = try arguments["--limit"].map { text in
      guard let limit = Int(text), (1...100_000).contains(limit) else {
        throw Arguments.Failure(description: "--limit is a whole number from 1 to 100000")
      }
      return limit
    }
    let folder = AppFolder(arguments.operands[1])
    _ = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    let desk: JobDesk
    do {
      desk = try await JobDesk.open(
        arguments["--data"] ?? folder.path + "/.roost", settings,
        ambient: Ambient(logger: Logger(level: .warning, format: .text)))
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      throw RoostError(
        .conflict, "\(error.description)\n" + JobsCommand.advice(task, arguments, settings))
    }
    do {
      try await carryOut(task, desk, state, limit ?? 50, arguments)
    } catch {
      await desk.database.close()
      throw error
    }
    await desk.database.close()
    return ExitStatus.success
  }

  private func task(_ arguments: Arguments) throws(Arguments.Failure) -> Task {
    let words = arguments.operands
    guard let verb = words.first, words.count > 1 else {
      throw Arguments.Failure(description: "say what to do and where: roost jobs list DIR")
    }
    let known = ["list", "retry", "cancel"]
    guard known.contains(verb) else {
      throw Arguments.Failure(
        description: "\"\(verb)\" is none of list, retry and cancel"
          + didYouMean(verb, among: known))
    }
    for option in ["--state", "--kind", "--limit"] where arguments.has(option) {
      guard verb == "list", words.count == 2 else {
        throw Arguments.Failure(description: "\(option) belongs to a list of several jobs")
      }
    }
    guard words.count <= 3 else {
      throw Arguments.Failure(description: "one job at a time: roost jobs \(verb) DIR ID")
    }
    guard words.count == 3 else {
      guard verb == "list" else {
        throw Arguments.Failure(description: "name the job: roost jobs \(verb) DIR ID")
      }
      return .list
    }
    guard let id = UUID(words[2]) else {
      throw Arguments.Failure(description: "\"\(words[2])\" is no id of a job: it is a UUID")
    }
    return verb == "list" ? .show(id) : verb == "retry" ? .retry(id) : .cancel(id)
  }

  private func carryOut(
    _ task: Task, _ desk: JobDesk, _ state: JobState?, _ limit: Int, _ arguments: Arguments
  ) async throws {
    let queue = desk.queue
    switch task {
    case .list:
      let kind = arguments["--kind"]
      let jobs = try await desk.database.read(.statement) { reader in
        try await queue.list(state: state, kind: kind, limit: limit, in: reader)
      }
      if arguments.has("--json") {
        return Console.print((["items": .array(jobs.map(\.json))] as JSON).text)
      }
      for job in jobs { Console.print(JobsCommand.line(job)) }
      if jobs.isEmpty { Console.note("no jobs") }
    case .show(let id): try await show(id, desk, arguments)
    case .retry(let id):
      try await desk.database.write { try await queue.retry(id, in: $0) }
      try await show(id, desk, arguments)
    case .cancel(let id):
      _ = try await desk.database.write { try await queue.cancel(id, in: $0) }
      try await show(id, desk, arguments)
    }
  }

  private func show(_ id: UUID, _ desk: JobDesk, _ arguments: Arguments) async throws {
    let queue = desk.queue
    let (job, runs) = try await desk.database.read(.snapshot) { reader in
      (try await queue.job(id, in: reader), try await queue.runs(of: id, in: reader))
    }
    if arguments.has("--json") {
      var object = job.json.object ?? JSONObject()
      object["runs"] = .array(runs.map(\.json))
      return Console.print(JSON.object(object).text)
    }
    Console.print(JobsCommand.line(job))
    for run in runs {
      let end = run.endedAt.map { " – \($0)" } ?? ""
      let message = run.message.map { ": \($0)" } ?? ""
      Console.print(
        "  attempt \(run.attempt)  \(run.outcome ?? "running")  \(run.startedAt)\(end)\(message)")
    }
  }

  private static func line(_ job: JobListing) -> String {
    var text = "\(job.id)  \(job.state.rawValue)  \(job.kind)"
    if let key = job.key { text += " (\(key))" }
    if job.state == .waiting { text += "  not before \(job.runAfter)" }
    if job.isCancelRequested { text += "  told to stop" }
    if job.attempts > 0 { text += "  \(job.attempts) attempt\(job.attempts == 1 ? "" : "s")" }
    if let error = job.error { text += "  \(error)" }
    return text
  }

  /// What to do while a server holds the file.
  private static func advice(
    _ task: Task, _ arguments: Arguments, _ settings: Settings
  ) -> String {
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    let token = "-H \"Authorization: Bearer $TOKEN\""
    let path = "'\(base)/v1/admin/jobs"
    // A kind is what names are made of, or the server says what is wrong with it.
    let query = ["state", "kind", "limit"].compactMap { name in
      arguments["--" + name].map { "\(name)=\($0)" }
    }.joined(separator: "&")
    let line =
      switch task {
      case .list: "curl \(token) \(path)\(query.isEmpty ? "" : "?" + query)'"
      case .show(let id): "curl \(token) \(path)/\(id)'"
      case .retry(let id): "curl -X POST \(token) \(path)/\(id)/retry'"
      case .cancel(let id): "curl -X POST \(token) \(path)/\(id)/cancel'"
      }
    return "While the server runs an administrator does it, with an access token in TOKEN:\n  "
      + line
  }
}
