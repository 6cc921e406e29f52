import RoostServer

/// `roost dev`: serves an app folder with its seeds, for development.
struct DevCommand: Command {
  let name = "dev"
  let summary = "serve an app folder with its seeds, for development"
  let takesSignals = true
  let operands = "DIR"
  let options = ServerSession.options
  var discussion: String {
    "The data are kept in DATA (DIR/.roost where it is not given).\n\n" + Help.settings
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name one app folder: roost dev DIR")
    }
    let folder = AppFolder(arguments.operands[0])
    return try await ServerSession(
      folder: folder, data: arguments["--data"] ?? folder.path + "/.roost",
      settings: try ServerSession.settings(folder, arguments), loadsSeeds: true,
      invitesAdministrator: true
    ).run()
  }
}
