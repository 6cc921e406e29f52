import Accounts
import Foundation
import Queries
import REST
import Records
import RoostCore
import Schema
import TestEngine
import Testing
import Transport

@Suite struct RecordTagTests {
  private static let note = "type Note @collection @allow(ops: [ALL], to: PUBLIC)"

  /// Opens the folder with a schema, answers one request, and closes it again.
  private func answer(
    _ folder: String, _ fields: String, _ method: Transport.Method, _ target: String,
    headers: [(String, String)] = [], body: JSON? = nil
  ) async throws -> Response {
    let ambient = Ambient(logger: Logger(level: .error))
    let database = try TestEngine.open(folder, ambient: ambient, preCommit: ChangeRecorder())
    let result: Result<Response, any Error>
    do {
      try await Migrator.run(
        RecordsMigrations.all + [
          AccountTables.migration(RecordsMigrations.all.count + 1),
          AccountTables.roles(RecordsMigrations.all.count + 2),
        ],
        on: database)
      let accounts = AccountStore(database: database, ambient: ambient)
      try await accounts.start()
      let records = try await RecordStore.open(
        try SchemaModel.load(source: "\(RecordTagTests.note) { \(fields) }"), on: database,
        ambient: ambient, people: accounts)
      var router = Router()
      RecordRoutes(
        records: records, authenticator: Authenticator(accounts: accounts),
        signer: try accounts.cursorSigner(), bodyBytes: 10_000
      ).add(to: &router)
      accounts.stop()
      result = .success(try await respond(router, method, target, headers, body))
    } catch {
      result = .failure(error)
    }
    await database.close()
    return try result.get()
  }

  private func respond(
    _ router: Router, _ method: Transport.Method, _ path: String, _ headers: [(String, String)],
    _ body: JSON?
  ) async throws -> Response {
    var fields = headers.map { (name: $0.0, value: $0.1) }
    if body != nil { fields.append(("Content-Type", "application/json")) }
    let routed = router.route(method, path)
    let request = Request(
      method: method, path: path, requestID: "r1", remoteAddress: "192.0.2.1",
      head: ListedHead(fields), body: body?.encoded ?? [], parameters: routed.parameters)
    do {
      return try await routed.handler(request)
    } catch let error as RoostError {
      return .problem(error, requestID: "r1")
    }
  }

  @Test func aNewFieldMakesTagsStaleButNoVersions() async throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/roost-tags-\(Foundation.UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let before = "text: String"
    let after = "text: String more: Int"
    let made = try await answer(folder, before, .post, "/v1/notes", body: ["text": "a"])
    let path = try #require(made.headers["Location"])
    let tag = try #require(made.headers["ETag"])
    let digits = tag.dropFirst(3).dropLast()
    #expect(tag.hasPrefix("\"1-") && digits.count == 8 && digits.allSatisfy(\.isHexDigit), "\(tag)")
    let same = try await answer(folder, before, .get, path, headers: [("If-None-Match", tag)])
    #expect(same.status == 304)
    #expect(same.headers["ETag"] == tag)

    let changed = try await answer(folder, after, .get, path, headers: [("If-None-Match", tag)])
    #expect(changed.status == 200)
    let newTag = try #require(changed.headers["ETag"])
    #expect(newTag != tag && newTag.hasPrefix("\"1-"))
    let again = try await answer(folder, after, .get, path, headers: [("If-None-Match", newTag)])
    #expect(again.status == 304)
    let update = try await answer(
      folder, after, .patch, path, headers: [("If-Match", tag)], body: ["more": 1])
    #expect(update.status == 200)
    #expect(update.headers["ETag"] == newTag.replacing("\"1-", with: "\"2-"))
    let stale = try await answer(
      folder, after, .patch, path, headers: [("If-Match", newTag)], body: ["more": 2])
    #expect(stale.status == 412)
  }
}
