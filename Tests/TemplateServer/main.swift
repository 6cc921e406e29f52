import Roost

// A server of your own: the commands of roost, with the handlers of this app in them. Names are
// those of schema.graphql; docs/guides/actions.md in the checkout of Roost tells more.
RoostApp.run { app in
  // Runs in one transaction, and may run again: it awaits nothing but the transaction.
  app.action("finishTask") { call, transaction in
    // On behalf of the caller, whom the rules of the schema let read their own tasks only.
    guard let task = try await transaction.get("tasks", call.recordID("id")) else {
      throw ActionError.notFound("There is no such task.")
    }
    guard task["done"] == false else { return task }
    // On behalf of the server: clients may set neither of these.
    try await transaction.asServer.create(
      "finishes", ["task": task["id"], "owner": task["owner"]])
    return try await transaction.asServer.update("tasks", call.recordID("id"), ["done": true])
  }

  // Is told of every change in order, and counts each once: its place is committed with its
  // effects.
  app.follower(name: "scores", of: ["finishes"]) { change, transaction in
    guard change.kind == .create,
      let finish = try await transaction.get(change.collection, change.id)
    else { return }
    let scores = try await transaction.list("scores", matching: ["owner": finish["owner"]])
    if let id = scores.first?["id"].id {
      try await transaction.update("scores", id, ["finished": ["$increment": 1]])
    } else {
      try await transaction.create("scores", ["owner": finish["owner"], "finished": 1])
    }
  }

  // Runs each minute, in one process at a time; its effects are committed with its end.
  app.schedule("report", cron: "* * * * *") { context in
    try await context.commit { transaction in
      let scores = try await transaction.list("scores", limit: 1000)
      let finished = scores.reduce(0) { $0 + ($1["finished"].int ?? 0) }
      try await transaction.create(
        "reports", ["people": .int(Int64(scores.count)), "finished": .int(finished)])
    }
  }
}
