import Accounts
import RoostCore
import RoostServer
import Schema

/// The life of a server that a command starts: open, load, serve until a signal, drain, close.
struct ServerSession {
  static let options =
    [
      Option("--port", "P", "the port to listen on (8080); 0 takes a free one"),
      Option("--host", "ADDRESS", "the address to listen on (127.0.0.1)"),
      Option("--data", "DATA", "the folder of the database"),
      Option("--log-level", "LEVEL", "debug, info, notice, warning or error"),
      Option("--log-format", "FORMAT", "json or text"),
    ] + databaseOptions

  /// The options that say where the data are.
  static let databaseOptions = [
    Option("--database", "ADDRESS", "a PostgreSQL server to use: postgresql://user@host/name"),
    Option("--database-schema", "NAME", "the schema of its tables (roost)"),
  ]

  let folder: AppFolder
  let data: String
  let settings: Settings
  /// Loads `seeds/*.jsonl` before serving.
  let loadsSeeds: Bool
  /// Prints the link that makes an administrator while there is none.
  let invitesAdministrator: Bool

  /// The settings for a folder, with the flags of a command line over them.
  static func settings(
    _ folder: AppFolder, _ arguments: Arguments, defaults: [String: String] = [:],
    overriding: [String: String] = [:]
  ) throws -> Settings {
    var flags: [String: String] = defaults
    for key in SettingKeys.all {
      if let flag = key.flag, let text = arguments[flag] { flags[key.name] = text }
    }
    flags.merge(overriding) { $1 }
    return try folder.settings(environment: Surroundings.environment, flags: flags)
  }

  func run() async throws -> Int32 {
    Signals.watch()
    let schema = try folder.schema()
    // Before anything is opened or made.
    _ = try WebDoor(settings)
    let ambient = Surroundings.ambient(settings)
    Surroundings.raiseFileLimit()
    if !schema.notices.isEmpty {
      ambient.logger.notice(
        "the schema has notices; roost doctor lists them",
        [("count", .int(Int64(schema.notices.count)))])
    }
    let (extensions, functions) = try ServerSession.extensions(
      settings, schema, isDevelopment: loadsSeeds, ambient)
    try ServerSession.check(schema, extensions, folder, ambient)
    let app = try await App.open(
      schema, data: data, settings: settings, ambient: ambient, extensions: extensions,
      functions: functions)
    do {
      if loadsSeeds { try await loadSeeds(app) }
      let isSecure = !settings.text(SettingKeys.tlsCertificates).isEmpty
      // A reload of a service must not end it; a closed terminal ends a server of development.
      if isSecure || !loadsSeeds { Signals.takeHangups() }
      let server = try WebServer(
        app, isDevelopment: loadsSeeds, isAskedToReload: { Signals.takeHangup() })
      let port = try server.start()
      Signals.takeEnding()
      app.startJobs()
      if invitesAdministrator, !app.accounts.hasAdministrator { invite(app, port) }
      Console.print(
        "roost: ready on \(isSecure ? "https" : "http")://\(ServerSession.shown(settings)):\(port)")
      await Signals.waitForEnd()
      ambient.logger.info("shutting down")
      await server.drain()
    } catch {
      await app.close()
      throw error
    }
    await app.close()
    return ExitStatus.success
  }

  /// What the embedding program and the functions of `roost.yaml` add to an app.
  static func extensions(
    _ settings: Settings, _ schema: SchemaModel, isDevelopment: Bool, _ ambient: Ambient
  ) throws -> (AppExtensions, AppFunctions) {
    var extensions = Embedded.extensions
    let functions = AppFunctions(
      try FunctionBook(settings, schema, isDevelopment: isDevelopment), ambient)
    try functions.extend(&extensions)
    return (extensions, functions)
  }

  /// Throws where an action of the schema has no handler; a handler without an action is only told.
  private static func check(
    _ schema: SchemaModel, _ extensions: AppExtensions, _ folder: AppFolder, _ ambient: Ambient
  ) throws {
    let faults = ActionBindings.faults(schema, extensions.actions, path: folder.schemaPath)
    guard faults.isEmpty else {
      throw AppFolder.Failure(description: faults.joined(separator: "\n"))
    }
    for warning in ActionBindings.warnings(schema, extensions.actions) {
      ambient.logger.warning("a handler has no action", [("detail", .string(warning))])
    }
  }

  private func invite(_ app: App, _ port: Int) {
    do {
      let link = try AdministratorLink(
        claim: app.adminClaim, base: AdministratorLink.base(settings, port: port),
        ambient: app.ambient)
      Console.note(
        "roost: nobody is an administrator yet; become one within 30 minutes:\n  \(link.url)")
    } catch {
      // A full disk, for example: reads are served all the same.
      app.ambient.logger.warning(
        "the link for the first administrator cannot be made", [("cause", .string("\(error)"))])
    }
  }

  private func loadSeeds(_ app: App) async throws {
    let reports = try await SeedLoader(
      folder: folder.seedsPath, records: app.records, accounts: app.accounts, ambient: app.ambient
    ).load()
    for report in reports {
      app.ambient.logger.info(
        "seeds were loaded",
        [("file", .string(report.input)), ("records", .int(Int64(report.imported)))])
    }
  }

  /// The address as a URL shows it.
  private static func shown(_ settings: Settings) -> String {
    let host = settings.text(SettingKeys.host)
    return host.contains(":") ? "[\(host)]" : host
  }
}
