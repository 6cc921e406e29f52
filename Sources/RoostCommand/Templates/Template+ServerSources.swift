extension Template {
  /// `Sources/server/main.swift`; the text of `Tests/TemplateServer/main.swift`, as a test sees.
  static let program = #"""
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

    """#

  /// `Tests/ServerTests/ServerTests.swift`.
  static let tests = #"""
    import Foundation
    import FoundationNetworking
    import Testing

    /// The server of this package as a process, on a free port, with data of its own.
    final class RunningServer {
      private let process = Process()
      private let data = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      private var address = ""
      private var token = ""

      init() throws {
        // The program stands beside the tests, wherever the build has put both.
        let products = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
          .deletingLastPathComponent().deletingLastPathComponent()
        let output = Pipe()
        process.executableURL = products.appending(path: "server")
        process.arguments = ["dev", folder.path(), "--port", "0", "--data", data.path()]
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        address = try #require(line.split(separator: " ").last.map(String.init))
          .trimmingCharacters(in: .newlines)
      }

      func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: data)
      }

      func signIn() async throws {
        let session = try await send("POST", "/v1/auth/anonymous", [:], status: 201)
        token = try #require(session["accessToken"] as? String)
      }

      @discardableResult
      func send(
        _ method: String, _ path: String, _ body: [String: Any]? = nil, status: Int = 200
      ) async throws -> [String: Any] {
        var request = URLRequest(url: try #require(URL(string: address + path)))
        request.httpMethod = method
        if !token.isEmpty { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let body {
          request.setValue("application/json", forHTTPHeaderField: "Content-Type")
          request.httpBody = try JSONSerialization.data(withJSONObject: body)
        }
        let (bytes, response) = try await URLSession.shared.data(for: request)
        #expect((response as? HTTPURLResponse)?.statusCode == status)
        return try JSONSerialization.jsonObject(with: bytes) as? [String: Any] ?? [:]
      }

      /// The items of a list, as soon as there are some.
      func items(_ path: String, seconds: Int) async throws -> [[String: Any]] {
        for _ in 0..<seconds * 10 {
          let items = try await send("GET", path)["items"] as? [[String: Any]] ?? []
          if !items.isEmpty { return items }
          try await Task.sleep(for: .milliseconds(100))
        }
        return []
      }
    }

    @Suite struct ServerTests {
      @Test func aFinishedTaskCountsOnceAndIsReported() async throws {
        let server = try RunningServer()
        defer { server.stop() }
        try await server.signIn()
        let task = try await server.send("POST", "/v1/tasks", ["title": "Learn"], status: 201)
        let id = try #require(task["id"] as? String)
        for _ in 0..<2 {
          let answer = try await server.send("POST", "/v1/actions/finishTask", ["id": id])
          #expect((answer["result"] as? [String: Any])?["done"] as? Bool == true)
        }
        try await server.send(
          "POST", "/v1/actions/finishTask", ["id": UUID().uuidString], status: 404)
        let scores = try await server.items("/v1/scores", seconds: 30)
        #expect(scores.first?["finished"] as? Int == 1)
        // The next full minute.
        let reports = try await server.items("/v1/reports?sort=-createdAt", seconds: 90)
        #expect(reports.count >= 1)
      }
    }

    """#
}
