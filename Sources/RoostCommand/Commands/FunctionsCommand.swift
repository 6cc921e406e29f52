import Queries
import RoostCore
import RoostServer
import Schema

/// `roost functions`: lists the functions of an app and their runs, and tries one out.
struct FunctionsCommand: Command {
  let name = "functions"
  let summary = "list the functions of an app and their runs, or try one out"
  let operands = "list|runs|test DIR [NAME]"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--limit", "N", "runs: at most so many, the newest (50)"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
      roost functions list DIR         the functions of roost.yaml, checked, keys included
      roost functions runs DIR [NAME]  their last calls: when, how long, what came of it
      roost functions test DIR NAME    calls one with {"kind": "test"} and says what it answered

    A test is signed and goes the way of every call, but what it answers changes nothing; loopback
    addresses and http are allowed as in roost dev. The file of a database belongs to its server while
    that runs; then runs says how an administrator asks the server. Exits 1 where the test fails, or
    there is no such function.
    """

  private enum Task {
    case list, runs, test
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    let words = arguments.operands
    let task = try task(arguments)
    let folder = AppFolder(words[1])
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    let ambient = Ambient(logger: Logger(level: .warning, format: .text))
    switch task {
    case .list:
      list(try FunctionBook(settings, schema, isDevelopment: true), arguments)
      if let refusal = FunctionBook.refusal(settings, schema) {
        Console.note("roost serve refuses these functions, roost dev takes them: \(refusal)")
      }
      return ExitStatus.success
    case .runs:
      try await runs(words.count > 2 ? words[2] : nil, folder, settings, ambient, arguments)
      return ExitStatus.success
    case .test:
      let book = try FunctionBook(settings, schema, isDevelopment: true)
      let run = try await FunctionDesk.test(words[2], book, ambient: ambient)
      Console.print(arguments.has("--json") ? run.json.text : FunctionsCommand.line(run))
      return run.outcome == .answered ? ExitStatus.success : ExitStatus.failure
    }
  }

  private func task(_ arguments: Arguments) throws(Arguments.Failure) -> Task {
    let words = arguments.operands
    guard let verb = words.first, words.count > 1 else {
      throw Arguments.Failure(description: "say what to do and where: roost functions list DIR")
    }
    if arguments.has("--limit"), verb != "runs" {
      throw Arguments.Failure(description: "--limit belongs to runs")
    }
    switch (verb, words.count) {
    case ("list", 2): return .list
    case ("runs", 2), ("runs", 3): return .runs
    case ("test", 3): return .test
    case ("test", 2):
      throw Arguments.Failure(description: "name the function: roost functions test DIR NAME")
    case ("list", _), ("runs", _), ("test", _):
      throw Arguments.Failure(description: "too much: roost functions \(verb) DIR and one name")
    default:
      throw Arguments.Failure(
        description: "\"\(verb)\" is none of list, runs and test"
          + didYouMean(verb, among: ["list", "runs", "test"]))
    }
  }

  private func list(_ book: FunctionBook, _ arguments: Arguments) {
    if arguments.has("--json") {
      let items = book.functions.map { function -> JSON in
        [
          "name": .string(function.name), "on": .string(function.occasionText),
          "url": .string("\(function.url)"),
          "roles": .array(function.roles.sorted().map { .string($0) }),
          "timeoutMilliseconds": .int(function.timeoutMilliseconds),
          "retries": .int(Int64(function.retries)),
        ]
      }
      return Console.print((["items": .array(items)] as JSON).text)
    }
    for function in book.functions {
      let roles =
        function.roles.isEmpty ? "" : "  as \(function.roles.sorted().joined(separator: ", "))"
      Console.print("\(function.name)  on \(function.occasionText)  \(function.url)\(roles)")
    }
    if book.functions.isEmpty { Console.note("no functions: roost.yaml declares none") }
  }

  private func runs(
    _ name: String?, _ folder: AppFolder, _ settings: Settings, _ ambient: Ambient,
    _ arguments: Arguments
  ) async throws {
    let limit = try arguments["--limit"].map { text in
      guard let limit = Int(text), (1...100_000).contains(limit) else {
        throw Arguments.Failure(description: "--limit is a whole number from 1 to 100000")
      }
      return limit
    }
    let runs: [FunctionRun]
    do {
      runs = try await FunctionDesk.runs(
        of: name, limit: limit ?? 50, arguments["--data"] ?? folder.path + "/.roost", settings,
        ambient: ambient)
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
      let path = name.map { "/\($0)/runs" } ?? ""
      throw RoostError(
        .conflict,
        "\(error.description)\nWhile the server runs an administrator asks it, with an access token in "
          + "TOKEN:\n  curl -H \"Authorization: Bearer $TOKEN\" '\(base)/v1/admin/functions\(path)'"
      )
    }
    // One that roost.yaml has no more is known by its runs.
    let known = settings.functions.map(\.name)
    if let name, runs.isEmpty, !known.contains(name) {
      throw RoostError(
        .notFound,
        "There is no function \"\(name.prefix(60))\"\(didYouMean(name, among: known)), and none of "
          + "this name has been called.")
    }
    if arguments.has("--json") {
      return Console.print((["items": .array(runs.map(\.json))] as JSON).text)
    }
    for run in runs { Console.print(FunctionsCommand.line(run)) }
    if runs.isEmpty { Console.note("no runs") }
  }

  private static func line(_ run: FunctionRun) -> String {
    var text = "\(run.startedAt)  \(run.function)  \(run.cause.rawValue)  \(run.outcome.rawValue)"
    if let status = run.status { text += "  \(status)" }
    text += "  \(run.milliseconds) ms  attempt \(run.attempt)  \(run.operation)"
    if run.mutations > 0 { text += "  \(run.mutations) mutations" }
    if let error = run.error { text += "  \(error)" }
    return text
  }
}
