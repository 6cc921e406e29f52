import RoostCore
import Synchronization
import Testing
import Transport

@Suite("Pipelines")
struct PipelineTests {
  struct Mark: Middleware {
    let name: String

    func handle(_ request: Request, next: Handler) async throws -> Response {
      var response = try await next(request)
      response.headers.add("X-Mark", name + String(response.status))
      return response
    }
  }

  struct Refuse: Middleware {
    func handle(_ request: Request, next: Handler) async throws -> Response {
      throw RoostError(.forbidden, "no")
    }
  }

  final class Lines: LogSink {
    private let lines = Mutex<[String]>([])
    func write(_ line: [UInt8]) {
      lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
    }
    var all: [String] { lines.withLock { $0 } }
  }

  private func answer(
    _ path: String, _ steps: [any Middleware], mark: (any AnswerMark)? = nil,
    sink: any LogSink = Silent()
  ) async throws -> Response {
    struct Inner: Error { let secret = "the secret" }
    var router = Router()
    router.add(.get, "/ok") { _ in .text("ok") }
    router.add(.get, "/error") { _ in throw RoostError(.gone, "gone") }
    router.add(.get, "/inner") { _ in throw Inner() }
    router.add(.get, "/cancelled") { _ in throw CancellationError() }
    let pipeline = Pipeline(
      router: router, middleware: steps, marks: mark.map { [$0] } ?? [], logger: Logger(sink: sink))
    let route = pipeline.route(.get, path)
    return try await route.handler(
      Request(
        method: .get, path: path, requestID: "the-id", remoteAddress: "", head: ListedHead()))
  }

  /// Marks every answer, and lets one path not through.
  private struct Seal: AnswerMark {
    func refusal(of request: Request) -> Response? {
      request.path == "/ok" ? .text("no", status: 400) : nil
    }

    func mark(_ response: inout Response, of request: Request) {
      response.headers.add("X-Seal", "\(response.status)")
    }
  }

  @Test(
    "A mark is on every answer once, also on errors and refusals, before the steps see it",
    arguments: [("/ok", 400), ("/error", 410), ("/inner", 500), ("/nothing", 404)])
  func mark(path: String, status: Int) async throws {
    let response = try await answer(path, [Mark(name: "a")], mark: Seal())
    #expect(response.status == status)
    #expect(response.headers.fields.map(\.name).prefix(2) == ["X-Seal", "X-Mark"])
    #expect(
      response.headers.fields.filter { $0.name == "X-Seal" }.map(\.value) == ["\(status)"])
  }

  @Test(
    "Each step sees an answer, errors and unknown paths included, the first step last",
    arguments: [("/ok", 200), ("/error", 410), ("/inner", 500), ("/nothing", 404)])
  func order(path: String, status: Int) async throws {
    let response = try await answer(path, [Mark(name: "a"), Mark(name: "b")])
    #expect(response.status == status)
    #expect(
      response.headers.fields.filter { $0.name == "X-Mark" }.map(\.value)
        == ["b\(status)", "a\(status)"])
  }

  @Test("A step that refuses is rendered for those around it")
  func refusal() async throws {
    let response = try await answer("/ok", [Mark(name: "a"), Refuse(), Mark(name: "b")])
    #expect(response.status == 403)
    #expect(response.headers["X-Mark"] == "a403")
  }

  @Test("Cancellation passes through")
  func cancellation() async {
    await #expect(throws: CancellationError.self) {
      try await answer("/cancelled", [Mark(name: "a")])
    }
  }

  @Test("What is unknown is logged with the request's id and not told")
  func unknown() async throws {
    let lines = Lines()
    let response = try await answer("/inner", [], sink: lines)
    guard case .bytes(let body) = response.body else { return }
    #expect(!String(decoding: body, as: UTF8.self).contains("secret"))
    #expect(lines.all.count == 1)
    #expect(lines.all[0].contains("the secret"))
    #expect(lines.all[0].contains("the-id"))
  }

  @Test("The access log has a line for each answer, without the query")
  func accessLog() async throws {
    let lines = Lines()
    let log = AccessLog(logger: Logger(sink: lines), time: SystemTime())
    _ = try await answer("/error", [log])
    #expect(lines.all.count == 1)
    let line = try #require(lines.all.first)
    for part in [
      "\"message\":\"request answered\"", "\"method\":\"GET\"", "\"path\":\"/error\"",
      "\"status\":410", "\"requestId\":\"the-id\"", "\"durationMicroseconds\":",
    ] {
      #expect(line.contains(part))
    }
  }
}

@Suite("Query parameters")
struct QueryParametersTests {
  @Test(
    "A query is read into its parameters",
    arguments: [
      (nil, []), ("", []), ("a=b", ["a", "b"]), ("a=b&c=d", ["a", "b", "c", "d"]),
      ("a", ["a", ""]), ("a=", ["a", ""]), ("=a", ["", "a"]), ("a=b=c", ["a", "b=c"]),
      ("a+b=c+d", ["a b", "c d"]), ("a%2Bb=%26", ["a+b", "&"]), ("&&a=b&", ["a", "b"]),
      ("a=%C3%A9", ["a", "é"]), ("a=1&a=2", ["a", "1", "a", "2"]),
    ] as [(String?, [String])])
  func reads(query: String?, parts: [String]) throws {
    let parameters = try QueryParameters(query)
    #expect(parameters.items.flatMap { [$0.name, $0.value] } == parts)
  }

  @Test(
    "A query that is broken is refused",
    arguments: ["a=%", "a=%2", "a=%zz", "%=a", "a=%00", "a=%FF", "a=%C3%28", "a=%ED%A0%80"])
  func refuses(query: String) {
    #expect(throws: RoostError.self) { try QueryParameters(query) }
    do {
      _ = try QueryParameters(query)
    } catch {
      #expect(error.code == .malformed)
    }
  }

  @Test("A hundred parameters are taken, one more is not")
  func count() throws {
    let hundred = (0..<100).map { "a\($0)=b" }.joined(separator: "&")
    #expect(try QueryParameters(hundred).items.count == 100)
    #expect(throws: RoostError.self) { try QueryParameters(hundred + "&c=d") }
  }

  @Test("Repetition is seen")
  func repetition() throws {
    let parameters = try QueryParameters("a=1&b=2&a=3")
    #expect(parameters["a"] == "1")
    #expect(parameters.values("a") == ["1", "3"])
    #expect(try parameters.single("b") == "2")
    #expect(try parameters.single("c") == nil)
    #expect(throws: RoostError.self) { try parameters.single("a") }
  }
}
