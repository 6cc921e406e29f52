import RoostCore
import Testing

@testable import Transport

@Suite("Routes")
struct RouterTests {
  private static let router: Router = {
    var router = Router()
    let patterns: [(Transport.Method, String)] = [
      (.get, "/"), (.get, "/v1/{collection}"), (.post, "/v1/{collection}"),
      (.get, "/v1/{collection}/{id}"), (.patch, "/v1/{collection}/{id}"),
      (.get, "/v1/auth/me"), (.post, "/v1/auth/login"), (.get, "/v1/{collection}/{id}/{relation}"),
      (.get, "/v1/auth"), (.get, "/console/"), (.get, "/console/{path...}"),
      (.options, "/own"), (.get, "/own"), (.head, "/heads"),
    ]
    let closed: [(Transport.Method, String)] = [
      (.post, "/v1/sync"), (.get, "/v1/sync/gate"), (.get, "/console/door"),
    ]
    for (method, pattern) in patterns + closed {
      let isClosed = pattern == "/v1/sync" || pattern == "/console/door"
      router.add(method, pattern, isClosed: isClosed) { request in
        .text("\(method.rawValue) \(pattern) \(request.parameters.joined(separator: "|"))")
      }
    }
    return router
  }()

  private func answer(_ method: Transport.Method, _ path: String) async throws -> Response {
    let pipeline = Pipeline(router: Self.router, logger: Logger(sink: Silent()))
    let route = pipeline.route(method, path)
    return try await route.handler(
      Request(
        method: method, path: path, requestID: "id", remoteAddress: "", head: ListedHead(),
        parameters: route.parameters))
  }

  private func text(_ response: Response) -> String {
    guard case .bytes(let bytes) = response.body else { return "" }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    "A path finds its route",
    arguments: [
      (.get, "/", "GET / "), (.get, "/v1/notes", "GET /v1/{collection} notes"),
      (.post, "/v1/notes", "POST /v1/{collection} notes"),
      (.head, "/v1/notes", "GET /v1/{collection} notes"),
      (.get, "/v1/notes/7", "GET /v1/{collection}/{id} notes|7"),
      (.get, "/v1/auth", "GET /v1/auth "), (.get, "/v1/auth/me", "GET /v1/auth/me "),
      // The literal leads nowhere for these, so the parameters are tried.
      (.get, "/v1/auth/other", "GET /v1/{collection}/{id} auth|other"),
      (.get, "/v1/auth/login", "GET /v1/{collection}/{id} auth|login"),
      (.post, "/v1/auth", "POST /v1/{collection} auth"),
      // A closed path is itself alone; what lies below it is not closed.
      (.post, "/v1/sync", "POST /v1/sync "), (.get, "/v1/sync/gate", "GET /v1/sync/gate "),
      (.get, "/v1/sync/x", "GET /v1/{collection}/{id} sync|x"),
      (.patch, "/v1/sync/gate", "PATCH /v1/{collection}/{id} sync|gate"),
      (.get, "/v1/syncs", "GET /v1/{collection} syncs"),
      (.get, "/v1/auth/me/x", "GET /v1/{collection}/{id}/{relation} auth|me|x"),
      (.get, "/v1/a%20b/%C3%A9", "GET /v1/{collection}/{id} a b|é"),
      (.get, "/v1/a+b", "GET /v1/{collection} a+b"), (.get, "/console/", "GET /console/ "),
      (.get, "/console/a/b.js", "GET /console/{path...} a/b.js"),
      (.options, "/own", "OPTIONS /own "),
      (.head, "/heads", "HEAD /heads "),
    ] as [(Transport.Method, String, String)])
  func finds(method: Transport.Method, path: String, found: String) async throws {
    let response = try await answer(method, path)
    #expect(response.status == 200)
    #expect(text(response) == found)
  }

  @Test(
    "A path that has no route is refused",
    arguments: [
      (.get, "/v1", 404), (.get, "/v1/", 404), (.get, "/v1/notes/", 404), (.get, "//", 404),
      (.get, "/v1//x", 404), (.get, "/V1/notes", 404), (.get, "/v1/a/b/c/d", 404),
      (.get, "/console", 404), (.get, "/v1/%", 400), (.get, "/v1/%2", 400), (.get, "/v1/%zz", 400),
      (.get, "/v1/%00", 400), (.get, "/v1/a%2Fb", 400), (.get, "/v1/a%2fb", 400),
      (.get, "/v1/%FF", 400), (.get, "/v1/%C3", 400), (.get, "/v1/..", 400), (.get, "/v1/.", 400),
      (.get, "/v1/%2E%2e", 400), (.get, "/console/a/../b", 400), (.get, "/console/a%2Fb", 400),
      (.get, "v1", 400), (.get, "", 400), (.put, "/v1/notes", 405),
      (.delete, "/", 405), (.get, "/heads", 405), (.post, "/v1/auth/me", 405),
    ] as [(Transport.Method, String, Int)])
  func refuses(method: Transport.Method, path: String, status: Int) async throws {
    #expect(try await answer(method, path).status == status)
  }

  @Test(
    "The methods of a path are told",
    arguments: [
      (.put, "/v1/notes", 405, "GET, HEAD, POST, OPTIONS"),
      (.options, "/v1/notes", 204, "GET, HEAD, POST, OPTIONS"),
      (.post, "/v1/auth/me", 405, "GET, HEAD, PATCH, OPTIONS"),
      (.options, "*", 204, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
      (.get, "/heads", 405, "HEAD, OPTIONS"),
      (.get, "/v1/sync", 405, "POST, OPTIONS"), (.options, "/v1/sync", 204, "POST, OPTIONS"),
      (.put, "/console/door", 405, "GET, HEAD, OPTIONS"),
    ] as [(Transport.Method, String, Int, String)])
  func allows(method: Transport.Method, path: String, status: Int, allow: String) async throws {
    let response = try await answer(method, path)
    #expect(response.status == status)
    #expect(response.headers["Allow"] == allow)
    #expect(
      response.contentType.map { "\($0)" } == (status == 405 ? "application/problem+json" : nil))
  }

  @Test("A refusal takes no body, a route its own")
  func bodies() {
    var router = Router()
    router.add(.post, "/a", body: .streamed(limit: 5)) { _ in .text("") }
    router.add(.post, "/b") { _ in .text("") }
    #expect(router.route(.post, "/a").body == .streamed(limit: 5))
    #expect(router.route(.post, "/b").body == .buffered(limit: 1_048_576))
    #expect(router.route(.post, "/c").body == .streamed(limit: .max))
    #expect(router.route(.get, "/a").body == .streamed(limit: .max))
  }
}

struct Silent: LogSink {
  func write(_ line: [UInt8]) {}
}
