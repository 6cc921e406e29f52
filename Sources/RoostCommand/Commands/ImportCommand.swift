import RoostCore
import RoostServer
import Schema
import Synchronization

/// `roost import`: brings files of records into an app, through the one write path.
struct ImportCommand: Command {
  let name = "import"
  let summary = "bring records in from JSON Lines, CSV or TSV"
  let takesSignals = true
  let operands = "DIR INPUT..."
  let options =
    [
      Option("--data", "DATA", "the folder of the database; no server may be running on it"),
      Option("--mapping", "FILE", "what becomes what (YAML); see docs/guides/import-export.md"),
      Option("--collection", "NAME", "without a mapping: columns are named as the fields"),
      Option("--refused", "PATH", "write refused lines there, to be mended and fed again"),
      Option("--trusted", nil, "of an export: look at references once, at the end"),
      Option("--any-schema", nil, "of an export: take the lines that fit another schema"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print the result as JSON, a line for each input"),
    ] + ServerSession.databaseOptions
  let discussion = """
    Every line passes the same validation as a request would. What is refused is told with its line
    and the reason; the rest is stored. Exits 0 where nothing was refused, 3 where lines were, 2 for
    an input or an option to be mended, 1 on another failure. An import that stopped is simply run
    again: ids are made from what the lines say. An INPUT that roost export wrote, a folder or a ZIP
    archive, is taken in as a whole project.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count >= 2 else {
      throw Arguments.Failure(
        description: "name an app folder and a file: roost import DIR --data DATA INPUT")
    }
    guard let data = arguments["--data"] else {
      throw Arguments.Failure(description: "say where the data are kept: --data DATA")
    }
    let inputs = Array(arguments.operands.dropFirst())
    if arguments["--refused"] != nil, inputs.count > 1 {
      throw Arguments.Failure(description: "--refused takes one input at a time")
    }
    let folder = AppFolder(arguments.operands[0])
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    if inputs.contains(where: ProjectSource.isProject) {
      return try await runProject(inputs, schema, data, settings, arguments)
    }
    for option in ["--trusted", "--any-schema"] where arguments.has(option) {
      throw Arguments.Failure(description: "\(option) is for an export, a folder or a ZIP archive")
    }
    let mapping = try mapping(arguments)
    let ambient = Surroundings.ambient(settings)
    let app = try await App.open(
      schema, data: data, settings: settings, ambient: ambient, isBulk: true)
    do {
      let work = Task { try await run(inputs, mapping, app, arguments) }
      // The first SIGTERM or Ctrl-C ends the import after the batch in hand.
      let watch = Task {
        await Signals.waitForEnd()
        work.cancel()
      }
      let status = try await work.value
      watch.cancel()
      await app.close()
      return status
    } catch {
      await app.close()
      throw error
    }
  }

  /// Takes in an export.
  private func runProject(
    _ inputs: [String], _ schema: SchemaModel, _ data: String, _ settings: Settings,
    _ arguments: Arguments
  ) async throws -> Int32 {
    guard inputs.count == 1, arguments["--mapping"] == nil, arguments["--collection"] == nil else {
      throw Arguments.Failure(
        description: "an export is imported by itself, without --mapping and --collection")
    }
    let app = try await App.open(
      schema, data: data, settings: settings, ambient: Surroundings.ambient(settings),
      followers: false, isBulk: true)
    do {
      let display = display(arguments)
      var options = ProjectImport.Options()
      options.refusedPath = arguments["--refused"]
      options.isTrusted = arguments.has("--trusted")
      options.takesAnySchema = arguments.has("--any-schema")
      let work = Task { [options] in
        try await telling(inputs[0], arguments) {
          let source = try ProjectSource(inputs[0], scratch: data)
          return try await ProjectImport(app, source, options: options) { display?.show($0) }.run()
        }
      }
      let watch = Task {
        await Signals.waitForEnd()
        work.cancel()
      }
      let reports = try await work.value
      watch.cancel()
      display?.clear()
      await app.close()
      return say(reports, arguments)
    } catch {
      await app.close()
      throw error
    }
  }

  /// Does `work`; what keeps `input` from being taken in at all is told to programs too.
  private func telling<Result>(
    _ input: String, _ arguments: Arguments, _ work: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await work()
    } catch let fault as ImportFault {
      if arguments.has("--json") { Console.print(fault.json(of: input).text) }
      throw fault
    }
  }

  private func say(_ reports: [ImportReport], _ arguments: Arguments) -> Int32 {
    var status = ExitStatus.success
    for report in reports {
      if !report.refusedLines.isEmpty { Console.note(report.reasons) }
      Console.print(arguments.has("--json") ? report.json.text : report.summary)
      if report.exitStatus != ExitStatus.success { status = report.exitStatus }
    }
    return status
  }

  private func run(
    _ inputs: [String], _ mapping: ImportMapping, _ app: App, _ arguments: Arguments
  ) async throws -> Int32 {
    let display = display(arguments)
    var status = ExitStatus.success
    for input in inputs {
      let job = ImportJob(
        records: app.records, accounts: app.accounts, input: input, mapping: mapping,
        options: ImportJob.Options(refusedPath: arguments["--refused"]), ambient: app.ambient,
        onProgress: { progress in display?.show(progress) })
      let report = try await telling(input, arguments) { try await job.run() }
      display?.clear()
      if !report.refusedLines.isEmpty { Console.note(report.reasons) }
      if arguments.has("--json") {
        Console.print(report.json.text)
      } else {
        Console.print(report.summary)
      }
      status = report.exitStatus == ExitStatus.success ? status : report.exitStatus
      if report.failure != nil { return status }
    }
    return status
  }

  private func mapping(_ arguments: Arguments) throws -> ImportMapping {
    if let path = arguments["--mapping"] {
      guard arguments["--collection"] == nil else {
        throw Arguments.Failure(
          description: "--mapping names the collection; leave --collection out")
      }
      let bytes: [UInt8]
      do throws(FileBytes.Failure) {
        bytes = try FileBytes.read(path, limit: 1_048_576)
      } catch {
        throw ImportFault(exitStatus: ExitStatus.usage, "\(path): \(error.reason)")
      }
      return try ImportMapping.parse(bytes, path: path)
    }
    guard let collection = arguments["--collection"] else {
      throw Arguments.Failure(
        description: "say what the lines are: --mapping FILE, or --collection NAME")
    }
    return collection == "accounts" ? .directAccounts() : .direct(collection: collection)
  }

  private func display(_ arguments: Arguments) -> ProgressBox? {
    if arguments.has("--no-progress") { return nil }
    guard Surroundings.isErrorTerminal || arguments.has("--progress") else { return nil }
    return ProgressBox(ProgressDisplay(isTerminal: Surroundings.isErrorTerminal))
  }

  /// A display that the import's task may use.
  private final class ProgressBox: Sendable {
    private let display: Mutex<ProgressDisplay>
    init(_ display: ProgressDisplay) { self.display = Mutex(display) }
    func show(_ progress: ImportProgress) { display.withLock { $0.show(progress) } }
    func clear() { display.withLock { $0.clear() } }
  }
}
