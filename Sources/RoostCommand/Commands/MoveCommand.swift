import RoostCore
import RoostServer
import Synchronization

/// `roost move`: brings an app from its file to a PostgreSQL server.
struct MoveCommand: Command {
  let name = "move"
  let summary = "bring an app from its file to a PostgreSQL server"
  let takesSignals = true
  let operands = "DIR"
  let options =
    ServerSession.options + [
      Option("--no-serve", nil, "answer no reads meanwhile"),
      Option("--cancel", nil, "take the file for the app again after a move"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print the result as JSON"),
    ]
  let discussion = """
    Stop the server, then run this with the same DIR, --data and --port, and with --database. Reads
    are answered from the file meanwhile, changes are refused with 503. Every table is compared on
    both sides before the file is marked as left. Afterwards start the server with --database; its
    clients go on where they were. A move that stopped is run again and begins anew. Exits 0 when
    everything is there.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(
        description: "name one app folder: roost move DIR --data DATA --database ADDRESS")
    }
    guard let data = arguments["--data"] else {
      throw Arguments.Failure(description: "say where the data are kept: --data DATA")
    }
    let folder = AppFolder(arguments.operands[0])
    let schema = try folder.schema()
    let there = try ServerSession.settings(folder, arguments)
    guard arguments.has("--cancel") || !there.text(SettingKeys.database).isEmpty else {
      throw Arguments.Failure(
        description: "say where the app goes: --database postgresql://user@host/name")
    }
    let here = try ServerSession.settings(
      folder, arguments,
      overriding: [SettingKeys.database.name: "", SettingKeys.databaseReplicas.name: ""])
    let move = AppMove(
      schema, data: data, from: here, to: there, ambient: Surroundings.ambient(here))
    if arguments.has("--cancel") {
      let had = try await move.cancel()
      Console.print(
        had ? "roost: \(data) is the app's data again" : "roost: nothing had moved from \(data)")
      return ExitStatus.success
    }
    return try await run(move, data, arguments)
  }

  private func run(_ move: AppMove, _ data: String, _ arguments: Arguments) async throws -> Int32 {
    let display = display(arguments)
    var serving: (@Sendable (Int) -> Void)?
    if !arguments.has("--no-serve") {
      serving = { Console.note("roost: reads are answered on port \($0)") }
    }
    let onServing = serving
    Surroundings.raiseFileLimit()
    let onProgress: @Sendable (MoveProgress) -> Void = { display?.show($0.text) }
    let work = Task<MoveReport, any Error> {
      try await move.run(onServing: onServing, onProgress: onProgress)
    }
    let watch = Task<Void, Never> {
      await Signals.waitForEnd()
      work.cancel()
    }
    defer { watch.cancel() }
    do {
      let report = try await work.value
      display?.clear()
      if arguments.has("--json") {
        Console.print(report.json.text)
        return ExitStatus.success
      }
      for table in report.tables where table.rows > 0 {
        Console.print("\(table.name)  \(table.rows) rows  sha256 \(table.digest)")
      }
      Console.print(
        "roost: \(report.rows) rows are in \(move.place), the same on both sides; "
          + "start the server with --database from now on")
      return ExitStatus.success
    } catch is CancellationError {
      display?.clear()
      Console.note("roost move: stopped; nothing was switched over, run it again to begin anew")
      return ExitStatus.failure
    } catch {
      display?.clear()
      throw error
    }
  }

  private func display(_ arguments: Arguments) -> ProgressLine? {
    if arguments.has("--no-progress") { return nil }
    guard Surroundings.isErrorTerminal || arguments.has("--progress") else { return nil }
    return ProgressLine(isTerminal: Surroundings.isErrorTerminal)
  }
}
