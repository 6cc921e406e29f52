import Queries
import Records
import RoostCore
import RoostServer
import Schema

/// `roost rebuild`: makes derived fields and views anew, or checks them.
struct RebuildCommand: Command {
  let name = "rebuild"
  let summary = "make derived fields and views anew, or check them"
  let operands = "DIR"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--collection", "NAME", "those of one collection alone"),
      Option("--field", "NAME", "one field of it, and what is kept together with it"),
      Option("--check", nil, "compare what is shown with what it is made of, and change nothing"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    What is shown stays until the new values are complete. A rebuild that is stopped goes on where it
    was, by this command or at the next start of the server.

    With --database it works beside a running server. A file belongs to its server while that runs;
    then the command says how an administrator asks the server. Exits 1 where --check found
    differences.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name one app folder: roost rebuild DIR")
    }
    if arguments["--field"] != nil, arguments["--collection"] == nil {
      throw Arguments.Failure(description: "say of which collection it is: --collection NAME")
    }
    return try await ServedApp.run(
      arguments.operands[0], arguments, advice: { RebuildCommand.advice(arguments, $0) }
    ) { app in
      try await rebuild(app, arguments)
    }
  }

  private func rebuild(_ app: App, _ arguments: Arguments) async throws -> Int32 {
    let records = app.records
    let (collection, field) = (arguments["--collection"], arguments["--field"])
    let isCheck = arguments.has("--check")
    let definitions = try await app.database.write { transaction in
      try await records.beginRebuild(
        collection: collection, field: field, isCheck: isCheck, in: transaction)
    }
    if definitions.isEmpty { Console.note("nothing is derived in this schema") }
    let display = ProgressLine.asked(arguments)
    loop: while true {
      switch try await app.database.write({ try await records.rebuildStep(in: $0) }) {
      case .busy: try await Task.sleep(nanoseconds: 20_000_000)
      case .worked(let definition, let rows): display?.show("\(definition): \(rows) rows")
      case .done: break loop
      }
    }
    display?.clear()
    guard isCheck else {
      if arguments.has("--json") {
        Console.print((["derived": .array(definitions.map { .string($0) })] as JSON).text)
      } else {
        for definition in definitions { Console.print("made anew: \(definition)") }
      }
      return ExitStatus.success
    }
    let findings = try await app.database.read(.statement) { reader in
      try await records.rebuildFindings(in: reader)
    }
    if arguments.has("--json") {
      Console.print((["checked": .array(findings.map(\.json))] as JSON).text)
    } else {
      for finding in findings {
        Console.print(
          finding.differences == 0
            ? "right: \(finding.definition)"
            : "\(finding.differences) rows differ: \(finding.definition)")
      }
    }
    return findings.contains { $0.differences > 0 } ? ExitStatus.failure : ExitStatus.success
  }

  private static func advice(_ arguments: Arguments, _ settings: Settings) -> String {
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    var body = JSONObject()
    for name in ["collection", "field"] {
      body[name] = arguments["--" + name].map { .string($0) }
    }
    if arguments.has("--check") { body["check"] = true }
    return "While the server runs an administrator does it, with an access token in TOKEN:\n"
      + "  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
      + "-d '\(JSON.object(body).text)' '\(base)/v1/admin/rebuild'"
  }
}
