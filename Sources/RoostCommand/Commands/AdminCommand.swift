import Accounts
import Queries
import RoostCore
import RoostServer
import Schema

/// `roost admin`: makes the first administrator, and changes roles while no server runs.
struct AdminCommand: Command {
  let name = "admin"
  let summary = "make an administrator; grant, withdraw and list roles"
  let operands = "DIR"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--host", "ADDRESS", "the server's address, for the link"),
      Option("--port", "P", "the server's port, for the link"),
      Option("--grant", "ROLE", "give a role to --to; the server must be stopped"),
      Option("--to", "WHO", "an e-mail address or the id of an account"),
      Option("--withdraw", "ROLE", "take a role from --from; the server must be stopped"),
      Option("--from", "WHO", "an e-mail address or the id of an account"),
      Option("--list", nil, "list roles and who holds them; the server must be stopped"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
    Without --grant, --withdraw or --list it prints a link, which makes one account an administrator:
    once, within 30 minutes, while the server runs. A new link ends the one before. Administrators
    change roles over HTTP (docs/guides/administration.md); the other options are for a server that
    is stopped.
    """

  /// What a command line asks for.
  private enum Task {
    case invite, list
    case grant(String, to: String)
    case withdraw(String, from: String)
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name one app folder: roost admin DIR --data DATA")
    }
    let task = try task(arguments)
    let folder = AppFolder(arguments.operands[0])
    let schema = try folder.schema()
    let settings = try ServerSession.settings(folder, arguments)
    let data = arguments["--data"] ?? folder.path + "/.roost"
    if case .invite = task {
      return try invite(data, settings, asJSON: arguments.has("--json"))
    }
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    let app: App
    do {
      app = try await App.open(
        schema, data: data, settings: settings,
        // The answer says what was done: a line of the log about it would only be in the way.
        ambient: Ambient(logger: Logger(level: .warning, format: .text)),
        followers: false)
    } catch let error as DatabaseOpenError where error.reason == .inUse {
      throw RoostError(
        .conflict, "\(error.description)\n" + AdminCommand.advice(task, base))
    }
    do {
      switch task {
      case .grant(let role, let who): try await change(app, role, who, isGrant: true, arguments)
      case .withdraw(let role, let who):
        try await change(app, role, who, isGrant: false, arguments)
      case .list, .invite: try await list(app, asJSON: arguments.has("--json"))
      }
    } catch {
      await app.close()
      throw error
    }
    await app.close()
    return ExitStatus.success
  }

  private func task(_ arguments: Arguments) throws(Arguments.Failure) -> Task {
    let chosen = ["--grant", "--withdraw", "--list"].filter { arguments.has($0) }
    guard chosen.count < 2 else {
      throw Arguments.Failure(
        description: "\(chosen.joined(separator: " and ")) do not go together: one at a time")
    }
    for (part, whole) in [("--to", "--grant"), ("--from", "--withdraw")] {
      guard arguments.has(part) == arguments.has(whole) else {
        throw Arguments.Failure(
          description: "\(whole) ROLE and \(part) WHO belong together: one of them is missing")
      }
    }
    if let role = arguments["--grant"], let who = arguments["--to"] {
      return .grant(role, to: who)
    }
    if let role = arguments["--withdraw"], let who = arguments["--from"] {
      return .withdraw(role, from: who)
    }
    return arguments.has("--list") ? .list : .invite
  }

  private func invite(_ data: String, _ settings: Settings, asJSON: Bool) throws -> Int32 {
    let link = try AdministratorLink(
      claim: AdminClaimFile(folder: data),
      base: AdministratorLink.base(settings, port: settings.integer(SettingKeys.port)),
      ambient: Surroundings.ambient(settings))
    if asJSON {
      var object = JSONObject()
      object["url"] = .string(link.url)
      object["expiresAt"] = .string(link.expiresAt.description)
      Console.print(JSON.object(object).text)
    } else {
      Console.print(link.url)
      Console.note("Open it within 30 minutes, while the server runs. It works once.")
    }
    return ExitStatus.success
  }

  // MARK: With the server stopped

  private func change(
    _ app: App, _ role: String, _ who: String, isGrant: Bool, _ arguments: Arguments
  ) async throws {
    let person = try await AdminCommand.person(who, app)
    if isGrant {
      let names = app.accounts.roles.names
      guard names.contains(role) else {
        throw Arguments.Failure(
          description: "there is no role \"\(role)\"\(Schema.didYouMean(role, among: names)); "
            + "there are: \(names.joined(separator: ", "))")
      }
      try await app.accounts.grantRole(role, to: person.account.id, by: nil)
    } else {
      try await app.accounts.withdrawRole(role, from: person.account.id, by: nil)
    }
    let now = try await app.accounts.person(person.account.id)
    if arguments.has("--json") {
      Console.print(AdminCommand.json(now).text)
    } else {
      let roles = now.grants.roles.sorted().joined(separator: ", ")
      Console.print(
        "\(AdminCommand.shown(now.account)) has \(roles.isEmpty ? "no roles" : "the roles: \(roles)")"
      )
    }
  }

  private func list(_ app: App, asJSON: Bool) async throws {
    let holders = try await app.accounts.roleHolders(limit: 10_000)
    if asJSON {
      let roles = holders.map { entry -> JSON in
        [
          "name": .string(entry.role),
          "inherits": .array(app.accounts.roles.inherited(by: entry.role).map { .string($0) }),
          "count": .int(Int64(entry.count)),
          "holders": .array(entry.accounts.map { AdminCommand.json($0) }),
        ]
      }
      return Console.print((["roles": .array(roles)] as JSON).text)
    }
    for entry in holders {
      let inherited = app.accounts.roles.inherited(by: entry.role)
      let suffix = inherited.isEmpty ? "" : " (inherits \(inherited.joined(separator: ", ")))"
      Console.print("\(entry.role)\(suffix): \(entry.count)")
      for account in entry.accounts { Console.print("  \(AdminCommand.shown(account))") }
    }
  }

  private static func person(_ who: String, _ app: App) async throws -> Person {
    if let id = UUID(who) { return try await app.accounts.person(id) }
    guard who.contains("@") else {
      throw Arguments.Failure(
        description: "\"\(who)\" is neither an e-mail address nor the id of an account")
    }
    guard let person = try await app.accounts.person(email: who) else {
      throw RoostError(.notFound, "There is no account of \(who): register it first.")
    }
    return person
  }

  /// What to do while a server holds the database.
  private static func advice(_ task: Task, _ base: String) -> String {
    let token = "-H \"Authorization: Bearer $TOKEN\""
    func change(_ method: String, _ role: String, _ who: String) -> String {
      let path = "\(base)/v1/admin/users"
      guard UUID(who) == nil else {
        return "  curl -X \(method) \(token) \(path)/\(who)/roles/\(role)"
      }
      return """
          curl -G \(token) --data-urlencode 'email=\(who)' \(path)
          curl -X \(method) \(token) \(path)/ID/roles/\(role)
        where ID is the one that the first line shows
        """
    }
    let lines =
      switch task {
      case .grant(let role, let who): change("PUT", role, who)
      case .withdraw(let role, let who): change("DELETE", role, who)
      case .list, .invite: "  curl \(token) \(base)/v1/admin/roles"
      }
    return
      "While the server runs an administrator does it, with an access token in TOKEN:\n\(lines)"
  }

  private static func shown(_ account: Account) -> String {
    account.email.map { "\(account.id) \($0)" } ?? "\(account.id)"
  }

  private static func json(_ account: Account) -> JSON {
    var object = JSONObject()
    object["id"] = .string(account.id.description)
    if let email = account.email { object["email"] = .string(email) }
    object["anonymous"] = .bool(account.isAnonymous)
    return .object(object)
  }

  private static func json(_ person: Person) -> JSON {
    guard var object = json(person.account).object else { return .null }
    object["roles"] = .array(person.grants.roles.sorted().map { .string($0) })
    object["claims"] = .array(person.grants.claims.sorted().map { .string($0) })
    return .object(object)
  }
}
