import Accounts
import Queries
import Records
import RoostCore
import RoostServer
import Rules
import Schema

/// `roost explain`: says who may do what, and which rule decides.
struct ExplainCommand: Command {
  let name = "explain"
  let summary = "say why somebody may do something, or may not"
  let operands = "COLLECTION [ID]"
  let options =
    [
      Option("--as", "WHO", "a token, an account's id or e-mail address, or nobody (the default)"),
      Option("--op", "OPERATION", "READ (the default), CREATE, UPDATE or DELETE"),
      Option("--app", "DIR", "the app folder (the present one)"),
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    Without an ID it explains the collection: which rules speak to the caller, the statement that
    lists its records, and whether an index serves it. With one it says what the API answers for that
    record. The server must be stopped; GET /v1/explain tells administrators the same while it runs.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard (1...2).contains(arguments.operands.count) else {
      throw Arguments.Failure(
        description: "name a collection: roost explain --as WHO --op READ performances [ID]")
    }
    let folder = AppFolder(arguments["--app"] ?? ".")
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    let operation = try operation(arguments["--op"] ?? "READ")
    let app: App
    do {
      app = try await App.open(
        schema, data: arguments["--data"] ?? folder.path + "/.roost", settings: settings,
        ambient: Ambient(logger: Logger(level: .warning, format: .text)),
        followers: false)
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      throw RoostError(
        .conflict, "\(error.description)\n" + ExplainCommand.advice(arguments, settings))
    }
    do {
      try await explain(operation, arguments, app)
    } catch {
      await app.close()
      throw error
    }
    await app.close()
    return ExitStatus.success
  }

  private func explain(
    _ operation: Schema.Operation, _ arguments: Arguments, _ app: App
  ) async throws {
    let known = app.records.catalogue.collections.map(\.name)
    let name = arguments.operands[0]
    guard let collection = app.records.catalogue.collection(named: name) else {
      throw Arguments.Failure(
        description: "there is no collection \"\(name)\"\(didYouMean(name, among: known))")
    }
    var id: UUID?
    if arguments.operands.count == 2 {
      id = UUID(arguments.operands[1])
      if id == nil {
        throw Arguments.Failure(description: "\"\(arguments.operands[1])\" is no id: it is a UUID")
      }
    }
    let caller = try await caller(arguments["--as"] ?? "nobody", app)
    let explanation = try await app.records.explain(operation, collection, id, for: caller)
    if arguments.has("--json") {
      Console.print(explanation.json(operation, collection, id, caller).text)
    } else {
      for line in ExplanationText.lines(explanation) { Console.print(line) }
    }
  }

  private func caller(_ who: String, _ app: App) async throws -> Caller {
    // A token has two dots and no @; an e-mail address has one.
    if who.split(separator: ".").count == 3, !who.contains("@") {
      return try Array(who.utf8).withUnsafeBytes { try app.accounts.authenticate($0) }
    }
    return try await app.accounts.caller(named: who)
  }

  private func operation(_ text: String) throws -> Schema.Operation {
    let known: [Schema.Operation] = [.read, .create, .update, .delete]
    guard let operation = known.first(where: { $0.rawValue == text.uppercased() }) else {
      throw Arguments.Failure(
        description: "--op is READ, CREATE, UPDATE or DELETE, not \"\(text)\"")
    }
    return operation
  }

  private static func advice(_ arguments: Arguments, _ settings: Settings) -> String {
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    let id = arguments.operands.count == 2 ? "&id=\(arguments.operands[1])" : ""
    return "While the server runs, an administrator asks it:\n"
      + "  curl '\(base)/v1/explain?collection=\(arguments.operands[0])"
      + "&op=\(arguments["--op"] ?? "READ")\(id)&as=ID-OR-EMAIL' "
      + "-H \"Authorization: Bearer $TOKEN\""
  }
}

/// An explanation for a terminal.
enum ExplanationText {
  static func lines(_ explanation: Explanation) -> [String] {
    let status = explanation.status.map { " (\($0))" } ?? ""
    var lines = ["\(explanation.verdict.rawValue)\(status): \(explanation.decision)"]
    for (title, findings) in [("allow", explanation.rules), ("deny", explanation.denials)] {
      for finding in findings {
        lines.append(
          "  \(mark(finding, title)) \(finding.location) \(finding.text)\(note(finding))")
      }
    }
    for (title, names) in [
      ("shown", explanation.shown), ("hidden", explanation.hidden),
      ("by row", explanation.sometimes),
    ] where !names.isEmpty { lines.append("\(title): \(names.joined(separator: ", "))") }
    if !explanation.sql.isEmpty {
      lines.append("sql: \(explanation.sql)")
      for step in explanation.plan { lines.append("  \(step)") }
      lines.append(
        explanation.usesIndex
          ? "an index serves every table" : "a table is read from end to end")
    }
    return lines
  }

  private static func mark(_ finding: Explanation.Finding, _ title: String) -> String {
    switch (finding.obstacle, finding.holds) {
    case (_?, _): "[does not apply]"
    case (nil, true?): title == "deny" ? "[denies]" : "[allows]"
    case (nil, false?): "[does not hold]"
    case (nil, nil): "[may \(title)]"
    }
  }

  private static func note(_ finding: Explanation.Finding) -> String {
    if let obstacle = finding.obstacle { return " — \(obstacle.words)" }
    return finding.reason.map { " — \($0)" } ?? ""
  }
}
