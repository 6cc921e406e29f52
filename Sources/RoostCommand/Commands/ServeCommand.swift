import RoostServer

/// `roost serve`: serves an app folder in production, without seeds.
struct ServeCommand: Command {
  let name = "serve"
  let summary = "serve an app folder in production, without seeds"
  let takesSignals = true
  let operands = "DIR"
  let options = ServerSession.options
  var discussion: String { "--data is required.\n\n" + Help.settings }

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name one app folder: roost serve DIR --data DATA")
    }
    guard let data = arguments["--data"] else {
      throw Arguments.Failure(description: "say where the data are kept: --data DATA")
    }
    let folder = AppFolder(arguments.operands[0])
    return try await ServerSession(
      folder: folder, data: data, settings: try ServerSession.settings(folder, arguments),
      loadsSeeds: false, invitesAdministrator: false
    ).run()
  }
}
