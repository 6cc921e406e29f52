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

/// The routes of records and of batches behind a router, over a database of their own.
struct RouteHouse: Sendable {
  let database: any Database
  let records: RecordStore
  let router: Router
  /// The routes of another process on the same database: what is being carried out here is unknown
  /// there.
  let other: Router
  /// The access token of an account.
  let token: String

  static func run(
    _ schema: String, actions: ActionRegistry = ActionRegistry(),
    _ body: (RouteHouse) async throws -> Void
  ) async throws {
    let folder = TestEngine.folder("routes")
    defer { TestEngine.remove(folder) }
    let ambient = Ambient(logger: Logger(level: .error))
    let database = try TestEngine.open(folder, ambient: ambient, preCommit: ChangeRecorder())
    let result: Result<Void, any Error>
    do {
      try await Migrator.run(
        RecordsMigrations.all + [
          AccountTables.migration(RecordsMigrations.all.count + 1),
          AccountTables.roles(RecordsMigrations.all.count + 2),
        ],
        on: database)
      let accounts = AccountStore(database: database, ambient: ambient)
      try await accounts.start()
      defer { accounts.stop() }
      let records = try await RecordStore.open(
        try SchemaModel.load(source: schema), on: database, ambient: ambient, people: accounts)
      func process() throws -> Router {
        var router = Router()
        let routes = RecordRoutes(
          records: records, authenticator: Authenticator(accounts: accounts),
          signer: try accounts.cursorSigner(), bodyBytes: 1_048_576)
        routes.add(to: &router)
        BatchRoutes(routes, bodyBytes: 1_048_576, logger: ambient.logger).add(to: &router)
        ActionRoutes(routes, ActionRunner(records, actions), bodyBytes: 1_048_576)
          .add(to: &router)
        return router
      }
      let session = try await accounts.anonymous(
        from: ClientAddress("192.0.2.1", userAgent: nil))
      let house = RouteHouse(
        database: database, records: records, router: try process(), other: try process(),
        token: session.accessToken.reveal())
      result = .success(try await body(house))
    } catch {
      result = .failure(error)
    }
    await database.close()
    try result.get()
  }

  struct Answer: Sendable {
    let status: Int
    let headers: Headers
    let body: [UInt8]

    var json: JSON { (try? JSON.parse(body)) ?? .null }
    var results: [JSON] { json["results"]?.array ?? [] }
    var statuses: [Int] { results.map { Int($0["status"]?.int ?? 0) } }
    /// The faults as `pointer code`.
    var faults: [String] {
      (json["errors"]?.array ?? []).map {
        "\($0["pointer"]?.string ?? "?") \($0["code"]?.string ?? "?")"
      }
    }
    var isReplay: Bool { headers["Idempotent-Replayed"] == "true" }
  }

  /// Sends a request; errors become problem documents as in the server.
  func send(
    _ method: Transport.Method, _ path: String, _ body: JSON? = nil, key: String? = nil,
    headers: [(String, String)] = [], isSignedIn: Bool = true, from address: String = "192.0.2.1",
    elsewhere: Bool = false
  ) async -> Answer {
    var fields = headers.map { (name: $0.0, value: $0.1) }
    if isSignedIn { fields.append(("Authorization", "Bearer \(token)")) }
    if let key { fields.append(("Idempotency-Key", key)) }
    if body != nil { fields.append(("Content-Type", "application/json")) }
    let routed = (elsewhere ? other : router).route(method, path)
    let request = Request(
      method: method, path: path, requestID: "r1", remoteAddress: address,
      head: ListedHead(fields), body: body?.encoded ?? [], parameters: routed.parameters)
    let response: Response
    do {
      response = try await routed.handler(request)
    } catch let error as RoostError {
      response = .problem(error, requestID: "r1")
    } catch {
      Issue.record(error)
      response = Response(status: 500)
    }
    var bytes: [UInt8] = []
    if case .bytes(let body) = response.body { bytes = body }
    return Answer(status: response.status, headers: response.headers, body: bytes)
  }

  func batch(
    _ operations: [JSON], atomic: Bool = false, key: String? = nil, isSignedIn: Bool = true,
    elsewhere: Bool = false
  ) async -> Answer {
    await send(
      .post, "/v1/batch", ["atomic": .bool(atomic), "operations": .array(operations)], key: key,
      isSignedIn: isSignedIn, elsewhere: elsewhere)
  }

  /// An operation of a batch.
  static func operation(
    _ method: String, _ path: String, _ body: JSON? = nil, headers: JSON? = nil
  ) -> JSON {
    var object = JSONObject()
    object["method"] = .string(method)
    object["path"] = .string(path)
    object["body"] = body
    object["headers"] = headers
    return .object(object)
  }

  /// The rows of a table; -1 where it cannot be read.
  func count(_ table: SQL) async -> Int {
    let count = try? await database.read(.statement) { reader in
      try await reader.first("SELECT count(*) FROM \(table)") { $0.int64(0) }
    }
    return Int((count ?? nil) ?? -1)
  }

  /// Runs `body` while the writer's thread is held, and then what `release` lets go.
  func holdingWriter(
    _ body: @Sendable (_ release: @escaping @Sendable () -> Void) async throws -> Void
  ) async throws {
    let held = DispatchSemaphore(value: 0)
    let begun = AsyncStream<Void>.makeStream()
    let database = database
    async let write: Void = database.write { _ in
      begun.continuation.finish()
      RouteHouse.wait(held)
    }
    for await _ in begun.stream {}
    try await body { held.signal() }
    held.signal()
    try await write
  }

  private static func wait(_ semaphore: DispatchSemaphore) { semaphore.wait() }
}
