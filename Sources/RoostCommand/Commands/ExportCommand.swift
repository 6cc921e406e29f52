import Records
import RoostCore
import RoostServer

/// `roost export`: writes collections, or the whole project, as they are at one moment.
struct ExportCommand: Command {
  let name = "export"
  let summary = "write records out as JSON Lines, CSV or TSV"
  let takesSignals = true
  let operands = "DIR"
  let options =
    [
      Option("--data", "DATA", "the folder of the database; no server may be running on it"),
      Option("--collection", "NAMES", "only these, separated by commas; else the whole project"),
      Option("--format", "FORMAT", "jsonl (as it is without), csv or tsv"),
      Option("--out", "PATH", "a folder, a file for one collection, or - for standard output"),
      Option("--zip", nil, "write one ZIP archive"),
      Option("--pii", "WHAT", "keep, mask or leave-out fields marked @pii, and addresses"),
      Option("--with-credentials", nil, "the hashes of passwords too, for a move"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print the result as JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    All collections are read at one moment, each in the order of ids. A whole project comes with its
    accounts and roost-export.json, and roost import takes it in elsewhere as it was. On a PostgreSQL
    server it can run beside the app. Exits 0 when everything is written, 1 on failure, and then
    nothing is left.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(
        description: "name one app folder: roost export DIR --data DATA --out FOLDER")
    }
    guard let data = arguments["--data"] else {
      throw Arguments.Failure(description: "say where the data are kept: --data DATA")
    }
    let options = try options(arguments)
    let destination = try destination(arguments, options)
    let folder = AppFolder(arguments.operands[0])
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    guard try AppDatabase.isThere(data, settings) else {
      throw ImportFault(exitStatus: ExitStatus.usage, "\(data): holds no data of an app")
    }
    let app = try await App.open(
      schema, data: data, settings: settings, ambient: Surroundings.ambient(settings),
      followers: false)
    do {
      let status = try await run(app, destination, options, arguments)
      await app.close()
      return status
    } catch {
      await app.close()
      throw error
    }
  }

  private func run(
    _ app: App, _ destination: ExportDestination, _ options: ExportJob.Options,
    _ arguments: Arguments
  ) async throws -> Int32 {
    let display = ProgressLine.asked(arguments)
    let job = ExportJob(app, to: destination, options: options) { display?.show($0.text) }
    let work = Task { try await job.run() }
    let watch = Task {
      await Signals.waitForEnd()
      work.cancel()
    }
    defer { watch.cancel() }
    let report: ExportReport
    do {
      report = try await work.value
    } catch is CancellationError {
      display?.clear()
      Console.note("roost export: stopped; nothing is left of it")
      return ExitStatus.failure
    }
    display?.clear()
    // Where the lines themselves go to standard output, what is said of them does not.
    let say = destination.isStandardOutput ? Console.note : Console.print
    say(arguments.has("--json") ? report.json.text : report.summary)
    return ExitStatus.success
  }

  private func options(_ arguments: Arguments) throws -> ExportJob.Options {
    var options = ExportJob.Options()
    options.collections = arguments["--collection"].map {
      $0.split(separator: ",").map(String.init)
    }
    if let text = arguments["--format"] {
      guard let format = FileFormat(rawValue: text) else {
        throw Arguments.Failure(description: "--format is jsonl, csv or tsv")
      }
      options.format = format
    }
    if let text = arguments["--pii"] {
      guard let policy = ExportForm.PersonalData(rawValue: text) else {
        throw Arguments.Failure(description: "--pii is keep, mask or leave-out")
      }
      options.personalData = policy
    }
    options.withCredentials = arguments.has("--with-credentials")
    if options.withCredentials, options.personalData != .keep {
      throw Arguments.Failure(
        description: "--with-credentials is for a move: leave --pii out, or say --pii keep")
    }
    return options
  }

  private func destination(
    _ arguments: Arguments, _ options: ExportJob.Options
  ) throws -> ExportDestination {
    if arguments.has("--zip") {
      guard let path = arguments["--out"] else {
        throw Arguments.Failure(description: "say where the archive goes: --out FILE.zip")
      }
      return .zip(path)
    }
    let isOne = options.collections?.count == 1
    guard let path = arguments["--out"] ?? (isOne ? "-" : nil) else {
      throw Arguments.Failure(description: "say where the files go: --out FOLDER")
    }
    if isOne { return .file(path) }
    if path == "-" {
      throw Arguments.Failure(
        description: "standard output takes one collection, or --zip: add one of both")
    }
    return .folder(path)
  }
}

extension ExportDestination {
  var isStandardOutput: Bool {
    switch self {
    case .file("-"), .zip("-"): true
    default: false
    }
  }
}

extension ProgressLine {
  /// The line that a command shows, unless it was asked for none.
  static func asked(_ arguments: Arguments) -> ProgressLine? {
    if arguments.has("--no-progress") { return nil }
    guard Surroundings.isErrorTerminal || arguments.has("--progress") else { return nil }
    return ProgressLine(isTerminal: Surroundings.isErrorTerminal)
  }
}
