import Queries
import Records
import RoostCore
import RoostServer
import Schema

/// `roost followers`: says how far followers are, sends one back, and deals with set-aside entries.
struct FollowersCommand: Command {
  let name = "followers"
  let summary = "show how far followers are, replay one, deal with entries it failed at"
  let operands = "list|replay|retry|skip DIR [NAME] [POSITION]"
  let options =
    [
      Option("--data", "DATA", "the folder of the database (DIR/.roost)"),
      Option("--from", "PLACE", "replay: a position of the log, a time, or start"),
      Option("--host", "ADDRESS", "the server's address, for what to do while it runs"),
      Option("--port", "P", "the server's port, for the same"),
      Option("--json", nil, "print JSON"),
    ] + ServerSession.databaseOptions
  let discussion = """
      roost followers list DIR                      every follower, and how far behind it is
      roost followers list DIR NAME                 one, with the entries that were set aside
      roost followers replay DIR NAME --from PLACE  it takes entries into account again
      roost followers retry DIR NAME [POSITION]     entries that were set aside are tried again
      roost followers skip DIR NAME [POSITION]      they are dropped for good

    A POSITION is a number such as 120, or 3:120 where the log has several parts, as on PostgreSQL.
    An entry at which a follower fails again and again is set aside with the reason, and the others
    go on. With --database it works beside a running server. A file belongs to its server while that
    runs; then the command says how an administrator asks the server.
    """

  private enum Task {
    case list(String?)
    case replay(String, ReplayStart)
    case retry(String, EntryPlace?)
    case skip(String, EntryPlace?)
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    let task = try task(arguments)
    return try await ServedApp.run(
      arguments.operands[1], arguments, advice: { FollowersCommand.advice(task, $0) }
    ) { app in
      try await carryOut(task, app, arguments)
      return ExitStatus.success
    }
  }

  private func task(_ arguments: Arguments) throws(Arguments.Failure) -> Task {
    let words = arguments.operands
    let known = ["list", "replay", "retry", "skip"]
    guard let verb = words.first, words.count > 1 else {
      throw Arguments.Failure(description: "say what to do and where: roost followers list DIR")
    }
    guard known.contains(verb) else {
      throw Arguments.Failure(
        description: "\"\(verb)\" is none of list, replay, retry and skip"
          + didYouMean(verb, among: known))
    }
    if arguments["--from"] != nil, verb != "replay" {
      throw Arguments.Failure(description: "--from belongs to replay")
    }
    guard words.count <= (["retry", "skip"].contains(verb) ? 4 : 3) else {
      throw Arguments.Failure(description: "roost followers --help says what \(verb) takes")
    }
    if verb == "list" { return .list(words.count > 2 ? words[2] : nil) }
    guard words.count > 2 else {
      throw Arguments.Failure(description: "name the follower: roost followers \(verb) DIR NAME")
    }
    if verb == "replay" {
      guard let start = arguments["--from"].flatMap({ ReplayStart($0) }) else {
        throw Arguments.Failure(
          description: "say from where: --from with a position (120 or 3:120), a time such as "
            + "2026-01-31T20:00:00Z, or start")
      }
      return .replay(words[2], start)
    }
    var place: EntryPlace?
    if words.count > 3 {
      guard let one = EntryPlace(words[3]), one.position > 0 else {
        throw Arguments.Failure(
          description: "\"\(words[3])\" is no position: it is a whole number, or 3:120 where the "
            + "log has several parts")
      }
      place = one
    }
    return verb == "retry" ? .retry(words[2], place) : .skip(words[2], place)
  }

  private func carryOut(_ task: Task, _ app: App, _ arguments: Arguments) async throws {
    let records = app.records
    switch task {
    case .list(nil): try await list(app, arguments)
    case .list(let name?): try await show(try follower(name, app), app, arguments)
    case .replay(let name, let start):
      let follower = try follower(name, app)
      _ = try await app.database.write { transaction in
        try await records.replay(follower, from: start, in: transaction)
      }
      try await show(follower, app, arguments)
    case .retry(let name, let place):
      let follower = try follower(name, app)
      let count = try await app.database.write { transaction in
        try await PoisonedEntry.mark(of: name, at: place, in: transaction)
      }
      Console.note(
        count == 0 ? "nothing is set aside there" : "\(count) to be tried again by the server")
      try await show(follower, app, arguments)
    case .skip(let name, let place):
      let follower = try follower(name, app)
      let count = try await app.database.write { transaction in
        try await PoisonedEntry.drop(of: name, at: place, in: transaction)
      }
      Console.note(count == 0 ? "nothing is set aside there" : "\(count) dropped")
      try await show(follower, app, arguments)
    }
  }

  private func follower(_ name: String, _ app: App) throws -> any Follower {
    let all = app.followers.map(\.follower)
    guard let follower = all.first(where: { $0.name == name }) else {
      throw RoostError(
        .notFound,
        "There is no follower \"\(name.prefix(60))\"" + didYouMean(name, among: all.map(\.name))
          + "; there are: " + all.map(\.name).joined(separator: ", "))
    }
    return follower
  }

  private func list(_ app: App, _ arguments: Arguments) async throws {
    let followers = app.followers.map(\.follower)
    let all = try await app.database.read(.snapshot) { reader in
      var all: [FollowerStatus] = []
      for follower in followers { all.append(try await FollowerStatus.read(follower, in: reader)) }
      return all
    }
    let now = app.ambient.time.now()
    if arguments.has("--json") {
      return Console.print((["items": .array(all.map { $0.json(at: now) })] as JSON).text)
    }
    for status in all { Console.print(FollowersCommand.line(status, now)) }
  }

  private func show(
    _ follower: any Follower, _ app: App, _ arguments: Arguments
  ) async throws {
    let (status, entries) = try await app.database.read(.snapshot) { reader in
      (
        try await FollowerStatus.read(follower, in: reader),
        try await PoisonedEntry.all(of: follower.name, in: reader)
      )
    }
    let now = app.ambient.time.now()
    if arguments.has("--json") {
      var object = status.json(at: now).object ?? JSONObject()
      object["entries"] = .array(
        entries.map { $0.json(app.records.catalogue, app.database.dialect) })
      return Console.print(JSON.object(object).text)
    }
    Console.print(FollowersCommand.line(status, now))
    if !status.parts.isEmpty { Console.print("  parts " + status.parts.joined(separator: " ")) }
    for entry in entries {
      Console.print(
        "  position \(entry.place(app.database.dialect))  \(entry.entry.kind) of \(entry.entry.id)  set aside "
          + "\(entry.setAsideAt): \(entry.reason)")
    }
  }

  private static func line(_ status: FollowerStatus, _ now: Timestamp) -> String {
    var text = "\(status.name)  at \(status.position) of \(status.head)"
    if status.behind > 0 {
      text += "  \(status.behind) behind, waiting \(status.lagMilliseconds(at: now)) ms"
    }
    if status.setAside > 0 { text += "  \(status.setAside) set aside" }
    return text
  }

  /// What to do while a server holds the file.
  private static func advice(_ task: Task, _ settings: Settings) -> String {
    let base = AdministratorLink.base(settings, port: settings.integer(SettingKeys.port))
    let token = "-H \"Authorization: Bearer $TOKEN\""
    let sent = "-H 'Content-Type: application/json'"
    let path = "'\(base)/v1/admin/followers"
    func body(_ place: EntryPlace?) -> String {
      "-d '" + (place.map { "{\"position\":\"\($0.text)\"}" } ?? "{}") + "'"
    }
    let line =
      switch task {
      case .list(nil): "curl \(token) \(path)'"
      case .list(let name?): "curl \(token) \(path)/\(name)'"
      case .replay(let name, let start):
        "curl \(token) \(sent) -d '{\"from\":\"\(start.text)\"}' \(path)/\(name)/replay'"
      case .retry(let name, let place):
        "curl \(token) \(sent) \(body(place)) \(path)/\(name)/retry'"
      case .skip(let name, let place):
        "curl \(token) \(sent) \(body(place)) \(path)/\(name)/skip'"
      }
    return "While the server runs an administrator does it, with an access token in TOKEN:\n  "
      + line
  }
}
