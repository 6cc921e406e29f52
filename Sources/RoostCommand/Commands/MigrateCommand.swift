import Glibc
import Records
import RoostCore
import RoostServer
import Synchronization

/// `roost migrate`: plans, applies and takes back changes of an app's schema.
struct MigrateCommand: Command {
  let name = "migrate"
  let summary = "plan, apply or take back a change of the app's schema"
  let operands = "plan|apply|rollback|status|forget DIR"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--allow-data-loss", "ITEMS", "what may be lost, by commas: Note.text,Memo"),
      Option("--export", "FILE", "plan: write the rows that stand in the way as JSON Lines"),
      Option("--back", nil, "plan: show what a rollback would do"),
      Option("--out", "FILE", "rollback: write the schema that holds afterwards"),
      Option("--items", "ITEMS", "forget: what to drop (all that is kept)"),
      Option("--log-level", "LEVEL", "debug, info, notice, warning or error"),
      Option("--log-format", "FORMAT", "json or text"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print the result as JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    plan shows each step from the database to DIR/schema.graphql: what a start does by itself
    (additive), what apply does (explicit), and what apply does where it is named (destructive).
    It exits 0 when there is nothing to do, 3 when something is pending, 2 when apply would refuse
    it: rows stand in the way, or another migration is under way.
    apply carries the plan out; ended at any moment, it goes on at the next apply or start.
    rollback goes back to the schema that was served before; what was written since is kept aside.
    A file belongs to one process: stop its server first. On PostgreSQL servers answer meanwhile.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 2 else {
      throw Arguments.Failure(
        description: "say what to do, and name one app folder: roost migrate plan DIR --data DATA")
    }
    let folder = AppFolder(arguments.operands[1])
    let data = arguments["--data"] ?? folder.path + "/.roost"
    let settings = try ServerSession.settings(folder, arguments)
    guard try AppDatabase.isThere(data, settings) else {
      throw Arguments.Failure(description: "\(data): there is no database to migrate yet")
    }
    let migration = AppMigration(
      data: data, settings: settings, ambient: Surroundings.ambient(settings))
    switch arguments.operands[0] {
    case "plan": return try await plan(migration, folder, arguments)
    case "apply": return try await apply(migration, folder, arguments)
    case "rollback": return try await rollback(migration, folder, arguments)
    case "status":
      let status = try await migration.status()
      if arguments.has("--json") {
        Console.print(status.json.text)
      } else {
        status.lines.forEach(Console.print)
      }
      return ExitStatus.success
    case "forget":
      let gone = try await migration.forget(arguments["--items"].map(MigrateCommand.items))
      Console.print(
        gone.isEmpty
          ? "roost: nothing was kept"
          : "roost: dropped "
            + gone.joined(separator: ", "))
      return ExitStatus.success
    default:
      throw Arguments.Failure(
        description: "roost migrate knows plan, apply, rollback, status and forget, not "
          + "\"\(arguments.operands[0])\"")
    }
  }

  // MARK: Plan

  private func plan(
    _ migration: AppMigration, _ folder: AppFolder, _ arguments: Arguments
  ) async throws -> Int32 {
    var onBreaking: (@Sendable (BreakingRow) throws -> Void)?
    if let path = arguments["--export"] {
      let file = try ExportFile(path)
      onBreaking = { row in try file.write(row.json.text) }
    }
    let plan: MigrationPlan
    if arguments.has("--back") {
      guard let back = try await migration.planRollback(onBreaking: onBreaking) else {
        Console.note("roost migrate: there is no schema before this one")
        return ExitStatus.usage
      }
      plan = back
    } else {
      plan = try await migration.plan(try folder.schema(), onBreaking: onBreaking)
    }
    let faults = plan.faults + plan.rowsInTheWay(allowed(arguments))
    let places = places(folder, isBack: arguments.has("--back"))
    if arguments.has("--json") {
      Console.print(plan.json.text)
    } else {
      plan.lines.forEach(Console.print)
      for fault in faults { note(fault, places) }
      if plan.isEmpty { Console.print("roost: nothing to do") }
    }
    if !faults.isEmpty { return ExitStatus.usage }
    return plan.isEmpty ? ExitStatus.success : ExitStatus.pending
  }

  // MARK: Apply and roll back

  private func apply(
    _ migration: AppMigration, _ folder: AppFolder, _ arguments: Arguments
  ) async throws -> Int32 {
    let schema = try folder.schema()
    let display = display(arguments)
    defer { display?.clear() }
    do {
      try await migration.apply(schema, allowing: allowed(arguments)) { display?.show($0.line) }
    } catch let refused as MigrationRefused {
      display?.clear()
      for fault in refused.faults { note(fault, places(folder)) }
      return ExitStatus.usage
    }
    done("the database holds \(folder.schemaPath)", arguments)
    return ExitStatus.success
  }

  private func rollback(
    _ migration: AppMigration, _ folder: AppFolder, _ arguments: Arguments
  ) async throws -> Int32 {
    let display = display(arguments)
    defer { display?.clear() }
    let schema: String
    do {
      schema = try await migration.rollback(allowing: allowed(arguments)) {
        display?.show($0.line)
      }
    } catch let refused as MigrationRefused {
      display?.clear()
      for fault in refused.faults { note(fault, places(folder, isBack: true)) }
      return ExitStatus.usage
    }
    if let out = arguments["--out"] { try FileBytes.write(Array(schema.utf8), to: out) }
    done("the database holds the schema from before; serve it with that file", arguments)
    return ExitStatus.success
  }

  /// What stands before the place of a fault: the file, or the text that a rollback goes back to,
  /// which only the database has.
  private func places(_ folder: AppFolder, isBack: Bool = false) -> String {
    isBack ? "the schema from before:" : folder.schemaPath + ":"
  }

  private func note(_ fault: MigrationFault, _ places: String) {
    let place = fault.location.map { "\(places)\($0): " } ?? ""
    Console.note("roost migrate: \(place)\(fault.message) [\(fault.code)]")
  }

  private func done(_ text: String, _ arguments: Arguments) {
    Console.print(arguments.has("--json") ? "{\"done\":true}" : "roost: \(text)")
  }

  private func allowed(_ arguments: Arguments) -> Set<String> {
    arguments["--allow-data-loss"].map(MigrateCommand.items) ?? []
  }

  private static func items(_ text: String) -> Set<String> {
    Set(text.split(separator: ",").map { String($0.drop { $0 == " " }) })
  }

  private func display(_ arguments: Arguments) -> ProgressLine? {
    if arguments.has("--no-progress") { return nil }
    guard Surroundings.isErrorTerminal || arguments.has("--progress") else { return nil }
    return ProgressLine(isTerminal: Surroundings.isErrorTerminal)
  }
}

/// A file of lines that is written as they come.
private final class ExportFile: Sendable {
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(Arguments.Failure) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw Arguments.Failure(
        description: "--export \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func write(_ line: String) throws {
    var text = line + "\n"
    let isWritten = text.withUTF8 { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(
          descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
        if count < 0, errno != EINTR { return false }
        offset += max(count, 0)
      }
      return true
    }
    guard isWritten else {
      throw RoostError(.storageFull, "\(path): \(String(cString: strerror(errno)))")
    }
  }
}
