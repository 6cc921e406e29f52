import RoostCore
import Synchronization
import Testing
import Transport

@Suite("Doors")
struct DoorTests {
  private final class Book: DoorMaker, RouteDoor {
    let lines = Mutex<[String]>([])
    let refuses: Bool
    let scope: TraceScope?
    let passed: PassedTrace?

    init(refuses: Bool = false, scope: TraceScope? = nil, passed: PassedTrace? = nil) {
      self.refuses = refuses
      self.scope = scope
      self.passed = passed
    }

    func door(_ route: RouteName?) -> any RouteDoor { self }

    func enter(_ request: Request) -> DoorEntry {
      lines.withLock { $0.append("in") }
      var entry = DoorEntry(began: 1)
      entry.scope = scope
      entry.passed = passed
      if refuses { entry.refusal = .text("full", status: 503) }
      return entry
    }

    func leave(_ entry: DoorEntry, _ request: Request, _ response: inout Response) {
      lines.withLock { $0.append("out \(response.status)") }
      response.headers.set("X-Door", "yes")
    }

    func abandon(_ entry: DoorEntry, _ request: Request) { lines.withLock { $0.append("gone") } }
  }

  private struct Step: Middleware {
    func handle(_ request: Request, next: Handler) async throws -> Response {
      try await next(request)
    }
  }

  private final class Sink: TraceSink {
    func take(_ trace: Trace) {}
  }

  private func answer(
    _ method: Transport.Method, _ path: String, _ book: Book, steps: [any Middleware] = []
  ) async throws -> Response {
    var router = Router()
    router.add(.get, "/ok") { _ in
      .text(
        TraceScope.current.map { TraceContext.hexadecimal($0.span) }
          ?? PassedTrace.current.map { "passed \($0.state ?? "-")" } ?? "none")
    }
    router.add(.get, "/error") { _ in throw RoostError(.gone, "gone") }
    router.add(.get, "/cancelled") { _ in throw CancellationError() }
    let pipeline = Pipeline(
      router: router, middleware: steps, doors: book, logger: Logger(level: .error))
    return try await pipeline.route(method, path).handler(
      Request(method: method, path: path, requestID: "id", remoteAddress: "", head: ListedHead()))
  }

  @Test(
    arguments: [
      (Transport.Method.get, "/ok", 200), (.get, "/error", 410), (.get, "/nowhere", 404),
      (.post, "/ok", 405), (.options, "/ok", 204),
    ], [false, true])
  func everyAnswerPassesItsDoorOnce(
    request: (method: Transport.Method, path: String, status: Int), hasSteps: Bool
  ) async throws {
    let book = Book()
    let response = try await answer(
      request.method, request.path, book, steps: hasSteps ? [Step()] : [])
    #expect(response.status == request.status)
    #expect(response.headers["x-door"] == "yes")
    #expect(book.lines.withLock { $0 } == ["in", "out \(request.status)"])
  }

  @Test(arguments: [false, true]) func whoIsRefusedGetsNoFurther(hasSteps: Bool) async throws {
    let book = Book(refuses: true)
    let response = try await answer(.get, "/error", book, steps: hasSteps ? [Step()] : [])
    #expect(response.status == 503)
    #expect(book.lines.withLock { $0 } == ["in", "out 503"])
  }

  @Test func whoWasCancelledIsToldOfToo() async throws {
    let book = Book()
    await #expect(throws: CancellationError.self) { try await answer(.get, "/cancelled", book) }
    #expect(book.lines.withLock { $0 } == ["in", "gone"])
  }

  private static let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
  private static let callers: [(parent: String?, state: String?, told: String)] = [
    (trace + "-00", "a=1", "passed a=1"), (trace + "-01", nil, "passed -"),
    (trace + "-00", "a\u{7}", "passed -"), (trace, "a=1", "none"), (nil, "a=1", "none"),
  ]

  @Test(arguments: callers)
  func handlersOfRequestsThatAreNotTracedKnowTheTraceOfTheCaller(
    parent: String?, state: String?, told: String
  ) async throws {
    let book = Book(passed: PassedTrace(parent: parent, state: state))
    guard case .bytes(let bytes) = try await answer(.get, "/ok", book).body else {
      Issue.record("no bytes")
      return
    }
    #expect(String(decoding: bytes, as: UTF8.self) == told)
  }

  @Test func handlersOfTracedRequestsKnowIt() async throws {
    let tracer = Tracer(share: 1, perSecond: 10, ambient: Ambient(), sink: Sink())
    let scope = try #require(tracer.begin(parent: nil, state: nil, at: 1)).scope
    for (book, text) in [
      (Book(scope: scope), TraceContext.hexadecimal(scope.span)), (Book(), "none"),
    ] {
      var told = ""
      if case .bytes(let bytes) = try await answer(.get, "/ok", book).body {
        told = String(decoding: bytes, as: UTF8.self)
      }
      #expect(told == text)
    }
  }
}
