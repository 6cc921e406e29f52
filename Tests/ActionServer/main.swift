import Roost

/// A fault of a handler that is no answer to the caller.
struct Broken: Error {}

// A server with handlers that do what they should and handlers that do not, for Tests/EndToEnd.
RoostApp.run { app in
  app.action("acceptRequest") { call, transaction in
    guard let request = try await transaction.get("requests", call.recordID("id")),
      let id = request["id"].id
    else { throw ActionError.notFound("There is no such request.") }
    guard request["to"].id == call.userID else {
      throw ActionError.forbidden("Only whom it was sent to accepts a request.")
    }
    let friendship = try await transaction.asServer.create(
      "friendships", ["one": request["from"], "other": request["to"]])
    try await transaction.asServer.delete("requests", id)
    return friendship
  }

  app.action("half") { call, transaction in
    try await transaction.create("notes", ["text": call["text"]])
    throw ActionError.conflict("Not this time.")
  }

  app.action("crash") { call, transaction in
    try await transaction.create("notes", ["text": "crash"])
    throw Broken()
  }

  app.action("dawdle") { call, transaction in
    try await transaction.create("notes", ["text": "dawdle"])
    try await Task.sleep(nanoseconds: 100_000_000)
    return true
  }

  app.action("lie") { call, transaction in
    try await transaction.create("notes", ["text": "lie"])
    return "seven"
  }

  app.action("hello", isPublic: true) { call, _ in
    .string("Hello, \(call["name"].string ?? "you")!")
  }

  app.action("inspect") { call, _ in
    try call.require(role: "steward")
    return true
  }

  app.action("foreign") { call, transaction in
    try await transaction.update("notes", call.recordID("id"), ["text": "mine"])
  }

  app.action("jot") { call, transaction in
    try await transaction.create("notes", ["text": .string(call.operationID.description)])
  }

  app.function("slow") { call in
    try await Task.sleep(nanoseconds: UInt64(call["milliseconds"].int ?? 0) * 1_000_000)
    var outcome = FunctionOutcome()
    outcome.create("notes", ["text": .string(call.operationID.description)])
    return outcome
  }

  app.follower(name: "counts", of: ["notes"]) { change, transaction in
    guard change.kind == .create, let author = change.userID else { return }
    let counts = try await transaction.list("counts", matching: ["owner": JSONValue(author)])
    if let id = counts.first?["id"].id {
      try await transaction.update("counts", id, ["notes": ["$increment": 1]])
    } else {
      try await transaction.create("counts", ["owner": JSONValue(author), "notes": 1])
    }
  }

  app.schedule("beats", cron: "* * * * *", zone: "UTC") { context in
    try await context.commit { transaction in try await transaction.create("beats", ["n": 1]) }
  }
}
