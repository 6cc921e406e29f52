import Glibc
import Records
import RoostCore
import RoostServer
import Rules
import Schema

/// `roost doctor`: says what is wrong or weak about an app folder, its data and this machine.
struct DoctorCommand: Command {
  let name = "doctor"
  let summary = "check an app folder, its settings and its data"
  let operands = "DIR"
  let options =
    [
      Option("--data", "DATA", "look at this data folder too"),
      Option("--json", nil, "print the findings as JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    Prints what the schema asks for that this version does not act on yet, and advice. With --data it
    rehearses a start on the data, and changes nothing; no server may be using it. Exits 0 where
    the app can be served, 2 where its schema or settings cannot be used, 1 where its data cannot.
    """

  private struct Finding {
    let place: String
    let code: String
    let message: String
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name one app folder: roost doctor DIR")
    }
    let folder = AppFolder(arguments.operands[0])
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    // Whatever any start would refuse of the functions is refused here too; what roost serve alone
    // would refuse is said below.
    _ = try FunctionBook(settings, schema, isDevelopment: true)
    _ = try EligibilityReader.eligibility(settings, schema)
    _ = try WebDoor(settings)
    let refusal = FunctionBook.refusal(settings, schema)
    let remarks = try RuleBook(schema).remarks
    let notices = schema.notices + remarks.sorted { $0.location < $1.location }
    var findings = notices.map {
      Finding(
        place: "\(folder.schemaPath):\($0.location.line):\($0.location.column)", code: $0.code,
        message: $0.message)
    }
    findings += ActionBindings.warnings(schema, Embedded.extensions.actions).map {
      Finding(place: folder.schemaPath, code: "no_action", message: $0)
    }
    findings += DoctorCommand.unbound(schema, folder, settings)
    let data = arguments["--data"] ?? DoctorCommand.served(folder, settings)
    let lack = DoctorCommand.lack(schema, settings)
    if let lack {
      // On the machine of whoever writes the schema no master key need be.
      guard data == nil else { throw lack }
      findings.append(
        Finding(
          place: folder.settingsPath, code: "no_master_key",
          message: "no server with these settings serves this app: \(lack.detail)"))
    }
    if let refusal {
      findings.append(
        Finding(
          place: folder.settingsPath, code: "not_for_serve",
          message: "roost serve refuses this app, roost dev takes it: \(refusal)"))
    }
    var facts: [(String, String)] = [
      ("roost", ProgramVersion.current),
      ("collections", schema.collections.map(\.name).joined(separator: ", ")),
      ("actions", schema.actions.map(\.name).joined(separator: ", ")),
    ]
    if let data {
      facts += try await look(at: data, schema, settings)
    }
    if arguments.has("--json") {
      Console.print(DoctorCommand.json(findings, facts))
    } else {
      for (name, value) in facts { Console.print("\(name): \(value)") }
      for finding in findings { Console.print("\(finding.place): \(finding.message)") }
      Console.print(
        findings.isEmpty
          ? "nothing to remark"
          : "\(findings.count) remark\(findings.count == 1 ? "" : "s")"
            + (lack != nil
              ? "" : "; the app can be served" + (refusal == nil ? "" : " by roost dev alone")))
    }
    return ExitStatus.success
  }

  /// What a start would say of the master key; nil where nothing is wrong with what is named.
  private static func lack(_ schema: SchemaModel, _ settings: Settings) -> RoostError? {
    do {
      try EncryptionKeys.require(for: schema, settings, ambient: Ambient())
      return nil
    } catch {
      return error as? RoostError ?? RoostError(.invalid, "\(error)")
    }
  }

  /// The actions that this program has no handler for.
  private static func unbound(
    _ schema: SchemaModel, _ folder: AppFolder, _ settings: Settings
  ) -> [Finding] {
    let functions = Set(settings.functions.map(\.name))
    let missing = Embedded.extensions.actions.missing(in: schema)
    return missing.filter { !functions.contains($0.name) }.map { action in
      Finding(
        place: "\(folder.schemaPath):\(action.location.line):\(action.location.column)",
        code: "no_handler",
        message: "the action \(action.name) has no handler in this program, which cannot serve it")
    }
  }

  /// The data folder that goes with a database on a server; nil where there is none.
  private static func served(_ folder: AppFolder, _ settings: Settings) -> String? {
    settings.text(SettingKeys.database).isEmpty ? nil : folder.path + "/.roost"
  }

  /// Looks at the data folder and rehearses a start on it, which changes nothing.
  private func look(
    at data: String, _ schema: SchemaModel, _ settings: Settings
  ) async throws -> [(String, String)] {
    let place = AppDatabase.place(data, settings)
    guard try AppDatabase.isThere(data, settings) else {
      return [("data", "\(place) holds no app yet; the first start makes it")]
    }
    let quiet = Ambient(logger: Logger(level: .error, format: .text))
    return [("data", place)]
      + (try await App.examine(schema, data: data, settings: settings, ambient: quiet))
  }

  private static func json(_ findings: [Finding], _ facts: [(String, String)]) -> String {
    var object = JSONObject()
    for (name, value) in facts { object[name] = .string(value) }
    object["findings"] = .array(
      findings.map {
        [
          "place": .string($0.place), "code": .string($0.code), "message": .string($0.message),
        ]
      })
    return JSON.object(object).text
  }
}
