import Queries
import RoostCore
import RoostServer
import Schema

/// `roost backup`: makes, lists, tries and restores backups, and makes the key for them.
struct BackupCommand: Command {
  let name = "backup"
  let summary = "make, list, verify and restore backups"
  /// Passed over: what is restored in part must not look like a database, and nothing unsealed stays.
  let takesSignals = true
  let operands = "create|list|verify|restore DIR [FILE]"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--folder", "FOLDER", "where backups lie (backups.folder, or DATA/backups)"),
      Option("--key", "FILE", "the file of the key (backups.keyFile)"),
      Option(
        "--plain", nil,
        "create: do not encrypt; verify, restore: take one that is not encrypted"),
      Option("--scratch", "ADDRESS", "verify: an empty PostgreSQL database to restore into"),
      Option("--replace", nil, "restore: keep the database that is there under another name"),
      Option("--sign-out", nil, "restore: end all sessions"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
      roost backup key FILE            makes a key; keep a copy of it away from this machine
      roost backup create DIR          makes a backup and tries it
      roost backup list DIR            the backups that are there
      roost backup verify DIR FILE     unpacks a backup, opens it and looks through it
      roost backup restore DIR FILE    puts it into the place of the database

    FILE is a path, the name of a file in the folder of backups, or latest. A database in a file
    belongs to its server while that runs: then an administrator asks for a backup, or a schedule
    (backups.schedule) makes them. A restore needs the server stopped, tries the backup first, and
    changes nothing where it cannot be used; devices bring what they still hold by themselves.
    """

  private static let verbs = ["create", "list", "verify", "restore", "key"]

  func run(_ arguments: Arguments) async throws -> Int32 {
    let words = arguments.operands
    guard let verb = words.first else {
      throw Arguments.Failure(description: "say what to do and where: roost backup create DIR")
    }
    guard BackupCommand.verbs.contains(verb) else {
      throw Arguments.Failure(
        description: "\"\(verb)\" is none of create, list, verify, restore and key"
          + didYouMean(verb, among: BackupCommand.verbs))
    }
    try BackupCommand.check(arguments, verb)
    if verb == "key" { return try makeKey(words[1]) }
    let folder = AppFolder(words[1])
    // A word that is mistyped would be an app without any backup.
    guard FileBytes.isFolder(folder.path) else {
      throw AppFolder.Failure(description: "\(folder.path): there is no such folder")
    }
    let settings = try ServerSession.settings(folder, arguments)
    let data = arguments["--data"] ?? folder.path + "/.roost"
    let backups = BackupSettings(
      settings, data: data, folder: arguments["--folder"], keyFile: arguments["--key"],
      isPlain: arguments.has("--plain"))
    switch verb {
    case "create": return try await create(data, settings, backups, arguments)
    case "list": return try list(backups, arguments)
    case "verify": return try await verify(words[2], settings, backups, arguments)
    default: return try await restore(words[2], data, settings, backups, arguments)
    }
  }

  private static func check(
    _ arguments: Arguments, _ verb: String
  ) throws(Arguments.Failure) {
    let count = arguments.operands.count
    let wanted = verb == "verify" || verb == "restore" ? 3 : 2
    guard count == wanted else {
      let example = verb == "key" ? "FILE" : wanted == 3 ? "DIR FILE" : "DIR"
      throw Arguments.Failure(description: "write it as: roost backup \(verb) \(example)")
    }
    if arguments.has("--plain"), !["create", "verify", "restore"].contains(verb) {
      throw Arguments.Failure(description: "--plain belongs to roost backup create")
    }
    for (option, owner) in [
      ("--scratch", "verify"), ("--replace", "restore"), ("--sign-out", "restore"),
    ] where arguments.has(option) && verb != owner {
      throw Arguments.Failure(description: "\(option) belongs to roost backup \(owner)")
    }
  }

  private func makeKey(_ path: String) throws -> Int32 {
    let id = try BackupKey.make(at: path, random: Ambient().random)
    Console.print(
      "roost: \(path) holds the key \(id); without it no backup that it seals can be read, so keep "
        + "a copy elsewhere")
    return ExitStatus.success
  }

  // MARK: Create, list

  private func create(
    _ data: String, _ settings: Settings, _ backups: BackupSettings, _ arguments: Arguments
  ) async throws -> Int32 {
    try ServedApp.require(data, settings, arguments)
    let display = ProgressLine.asked(arguments)
    let entry: BackupFolder.Entry
    do {
      entry = try await BackupMaker.make(
        data, settings, backups, ambient: Ambient(logger: Logger(level: .warning, format: .text))
      ) { display?.show(BackupCommand.text($0)) }
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
      throw RoostError(
        .conflict,
        """
        \(error.description)
        While the server runs an administrator asks it, with an access token in TOKEN:
          curl -X POST -H "Authorization: Bearer $TOKEN" '\(base)/v1/admin/backups'
        """)
    }
    display?.clear()
    if arguments.has("--json") {
      Console.print(entry.json.text)
    } else {
      Console.print("roost: \(entry.path) holds \(entry.bytes) bytes, and was tried")
    }
    return ExitStatus.success
  }

  private static func text(_ progress: BackupMaker.Progress) -> String {
    let percent = progress.fraction.flatMap { Int(exactly: ($0 * 100).rounded(.down)) }
    return progress.step + (percent.map { " \($0)%" } ?? "")
  }

  private func list(_ backups: BackupSettings, _ arguments: Arguments) throws -> Int32 {
    let listing = try backups.folder.listing()
    let entries = listing.entries
    for file in listing.unreadable { Console.note("roost backup: \(file.reason)") }
    if arguments.has("--json") {
      Console.print((["items": .array(entries.map(\.json))] as JSON).text)
      return ExitStatus.success
    }
    for entry in entries {
      let head = entry.head
      Console.print(
        "\(head.madeAt)  \(entry.bytes) bytes  schema \(head.schema)  "
          + "\(head.keyID.map { "key \($0)" } ?? "not encrypted")  \(entry.path)")
    }
    if entries.isEmpty { Console.note("no backups in \(backups.folder.path)") }
    return ExitStatus.success
  }

  // MARK: Verify, restore

  private func verify(
    _ name: String, _ settings: Settings, _ backups: BackupSettings, _ arguments: Arguments
  ) async throws -> Int32 {
    let path = try backups.folder.find(name)
    let display = ProgressLine.asked(arguments)
    display?.show("trying \(path)")
    let ambient = Ambient(logger: Logger(level: .warning, format: .text))
    var there = settings
    if let address = arguments["--scratch"] {
      there = try ServerSession.settings(
        AppFolder(arguments.operands[1]), arguments,
        overriding: [SettingKeys.database.name: address, SettingKeys.databaseReplicas.name: ""])
    }
    let (head, keys) = try await BackupRestore.verify(
      path, key: try backups.readingKey(for: path), settings: there,
      intoScratch: arguments.has("--scratch"), ambient: ambient)
    display?.clear()
    let missing = BackupCommand.warn(keys, settings)
    if arguments.has("--json") {
      var object = head.json.object ?? JSONObject()
      object["missingMasterKeys"] = missing
      Console.print(JSON.object(object).text)
    } else {
      Console.print("roost: \(path) of \(head.madeAt) can be restored")
    }
    return ExitStatus.success
  }

  /// Says which master keys are missing, if any are, and gives their ids.
  ///
  /// No error: the data are right, and on the machine that tries a backup no master key need be.
  private static func warn(_ keys: CopiedKeys, _ settings: Settings) -> JSON {
    guard let warning = keys.warning(settings) else { return .array([]) }
    Console.note("roost backup: warning: \(warning.text)")
    return .array(warning.missing.map { .string($0) })
  }

  private func restore(
    _ name: String, _ data: String, _ settings: Settings, _ backups: BackupSettings,
    _ arguments: Arguments
  ) async throws -> Int32 {
    let path = try backups.folder.find(name)
    let report = try await BackupRestore(
      path, to: data, key: try backups.readingKey(for: path), settings: settings,
      ambient: Ambient(logger: Logger(level: .warning, format: .text))
    ).run(replaces: arguments.has("--replace"), signsOut: arguments.has("--sign-out"))
    let missing = BackupCommand.warn(report.keys, settings)
    if arguments.has("--json") {
      var object = report.head.json.object ?? JSONObject()
      object["former"] = report.former.map { .string($0) } ?? .null
      object["missingMasterKeys"] = missing
      Console.print(JSON.object(object).text)
      return ExitStatus.success
    }
    Console.print(
      "roost: \(AppDatabase.place(data, settings)) is as it was at \(report.head.madeAt)"
        + (report.former.map { "; what was there is kept as \($0)" } ?? ""))
    return ExitStatus.success
  }
}
