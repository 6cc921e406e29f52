import Glibc
import Queries
import RoostCore
import RoostServer

/// The app of a command that looks at a database or works on it: beside its servers on PostgreSQL,
/// while none runs on a file.
enum ServedApp {
  /// Opens the app in the folder `path` as it is served, without what reads the log, and closes it
  /// behind `body`.
  ///
  /// Throws where there is no database yet, where another schema is served, and where a server has
  /// the file: then with `advice`, which says how to ask that server.
  static func run(
    _ path: String, _ arguments: Arguments, advice: (Settings) -> String,
    _ body: (App) async throws -> Int32
  ) async throws -> Int32 {
    let folder = AppFolder(path)
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    let data = arguments["--data"] ?? folder.path + "/.roost"
    try require(data, settings, arguments)
    let app: App
    do {
      // With what the program and its functions add, as a server has it.
      let ambient = Ambient(logger: Logger(level: .warning, format: .text))
      let (extensions, functions) = try ServerSession.extensions(
        settings, schema, isDevelopment: true, ambient)
      app = try await App.open(
        schema, data: data, settings: settings, ambient: ambient, extensions: extensions,
        functions: functions, followers: false, onlyAsServed: true)
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      throw RoostError(.conflict, "\(error.description)\n" + advice(settings))
    }
    do {
      let status = try await body(app)
      await app.close()
      return status
    } catch {
      await app.close()
      throw error
    }
  }

  /// Throws where there is no database, or none that this account can get at.
  static func require(_ data: String, _ settings: Settings, _ arguments: Arguments) throws {
    do {
      try AppDatabase.require(data, settings)
    } catch let error as RoostError where error.code == .notFound {
      throw RoostError(
        .notFound,
        error.detail + (arguments.has("--data") ? "" : " --data names another folder."))
    }
  }
}
