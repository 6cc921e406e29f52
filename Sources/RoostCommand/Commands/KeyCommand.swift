import Queries
import Records
import RoostCore
import RoostServer
import Schema

/// `roost key`: makes the master key of encrypted fields, and rotates keys.
struct KeyCommand: Command {
  let name = "key"
  let summary = "make and rotate the keys of encrypted fields"
  let operands = "create FILE | rotate DIR"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--values", nil, "rotate: new data keys too, and every value sealed anew"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--progress", nil, "show progress even where standard error is no terminal"),
      Option("--no-progress", nil, "show no progress"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
      roost key create FILE      makes a master key; keep a copy of it away from this machine
      roost key rotate DIR       wraps all data keys under the master key of encryption.keyFile

    To change the master key make another one, name its file as encryption.keyFile and the old one's
    as encryption.formerKeyFiles, and start the server: it wraps the keys anew by itself while it
    answers. When roost key rotate says that none is left, no server needs the old one; keep it until
    the last backup from before has gone, whose encrypted fields nothing else opens.

    With --database it works beside a running server. A file belongs to its server while that runs;
    then the command says how an administrator asks the server.
    """

  private static let verbs = ["create", "rotate"]

  func run(_ arguments: Arguments) async throws -> Int32 {
    let words = arguments.operands
    guard words.count == 2 else {
      throw Arguments.Failure(
        description: "say what to do: roost key create FILE, or roost key rotate DIR")
    }
    switch words[0] {
    case "create":
      let id = try MasterKeyFile.make(at: words[1], random: Ambient().random)
      Console.print(
        "roost: \(words[1]) holds the master key \(id); without it no encrypted field can be read, "
          + "so keep a copy elsewhere")
      return ExitStatus.success
    case "rotate":
      return try await ServedApp.run(
        words[1], arguments, advice: { KeyCommand.advice(arguments, $0) }
      ) { try await rotate($0, arguments) }
    default:
      throw Arguments.Failure(
        description: "\"\(words[0])\" is neither create nor rotate"
          + didYouMean(words[0], among: KeyCommand.verbs))
    }
  }

  private func rotate(_ app: App, _ arguments: Arguments) async throws -> Int32 {
    let records = app.records
    var rotation = KeyRotation(sealsValues: arguments.has("--values"))
    let display = ProgressLine.asked(arguments)
    while !rotation.isDone {
      let before = rotation
      rotation = try await app.database.write { try await records.step(before, in: $0) }
      display?.show("\(rotation.text): \(rotation.keys) keys, \(rotation.rows) rows")
    }
    display?.clear()
    if arguments.has("--json") {
      Console.print((["keys": .int(rotation.keys), "rows": .int(rotation.rows)] as JSON).text)
    } else {
      Console.print(
        "roost: \(rotation.keys) data keys were wrapped anew"
          + (rotation.sealsValues ? ", and the values of \(rotation.rows) records sealed anew" : "")
          + "; none is left under another master key here, but backups from before need the former "
          + "one: keep it as long as them")
    }
    return ExitStatus.success
  }

  private static func advice(_ arguments: Arguments, _ settings: Settings) -> String {
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    let body = arguments.has("--values") ? "{\"values\": true}" : "{}"
    return "While the server runs an administrator does it, with an access token in TOKEN:\n"
      + "  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
      + "-d '\(body)' '\(base)/v1/admin/keys/rotate'"
  }
}
