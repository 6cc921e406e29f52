import Glibc
import RoostCore
import Synchronization
import Testing
import Transport

@testable import HTTPServer

/// A loop of its own whose clients have sent before it first looks at them: what it does depends on
/// no other thread.
private struct LoneLoop {
  let clients: [TestClient]
  private let thread: Work
  private let loop: EventLoop

  /// `sent` is what each client has sent.
  init(
    _ sent: [String], ambient: Ambient = Ambient(logger: Logger(sink: SilentSink())),
    gate: (any LoadGate)? = nil, _ routes: (inout Router) -> Void
  ) throws {
    var router = Router()
    routes(&router)
    var configuration = HTTPServerConfiguration(limits: .patient)
    configuration.gate = gate
    let loop = EventLoop(
      listener: -1, application: Pipeline(router: router, logger: ambient.logger), ambient: ambient,
      configuration: configuration, shared: SharedBounds(configuration), onFinish: {})
    var clients: [TestClient] = []
    var ends: [Int32] = []
    for text in sent {
      var pair: [Int32] = [0, 0]
      let result = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
      try #require(result == 0)
      _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
      let client = TestClient(descriptor: pair[0])
      try client.send(text)
      clients.append(client)
      ends.append(pair[1])
    }
    loop.performLater { [ends] in for end in ends { loop.admit(end, remoteAddress: "") } }
    self.clients = clients
    self.loop = loop
    thread = Work { loop.run() }
  }

  func end() {
    for client in clients { client.close() }
    loop.performLater { [loop] in loop.drain() }
    thread.join()
  }
}

private final class Hands: TimeSource {
  private let nanoseconds = Atomic<UInt64>(1_000_000_000)

  func pass(milliseconds: UInt64) {
    nanoseconds.add(milliseconds * 1_000_000, ordering: .relaxed)
  }
  func monotonicNanoseconds() -> UInt64 { nanoseconds.load(ordering: .relaxed) }
  func now() -> Timestamp { Timestamp(milliseconds: 0) }
}

/// A gate that refuses whoever has waited for longer than a bound, and remembers the waits.
private final class Book: LoadGate {
  struct Line: Equatable {
    var path: String
    var milliseconds: UInt64
    var isFromPage: Bool
  }

  let lines = Mutex<[Line]>([])
  let hasRested = Atomic<Bool>(false)
  private let bound: UInt64
  private let answer = PreparedRefusal(
    RoostError(.overloaded, "Say \"when\".", retryAfterSeconds: 1))

  init(bound: UInt64) { self.bound = bound }

  func rested() { hasRested.store(true, ordering: .relaxed) }

  func refusal(
    _ method: Transport.Method, path: UnsafeRawBufferPointer, wait: UInt64, at now: UInt64,
    isFromPage: @autoclosure () -> Bool
  ) -> PreparedRefusal? {
    let line = Line(
      path: String(decoding: path, as: UTF8.self), milliseconds: wait / 1_000_000,
      isFromPage: isFromPage())
    lines.withLock { $0.append(line) }
    return line.milliseconds > bound ? answer : nil
  }
}

@Suite("Turns and gates of a loop")
struct TurnTests {
  @Test func aLoopThatHadNothingToDoTellsTheGate() async throws {
    let book = Book(bound: .max)
    let request = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    try await onThread {
      let loop = try LoneLoop([request], gate: book) { router in
        router.add(.get, "/a") { _ in .text("a") }
      }
      defer { loop.end() }
      #expect(try loop.clients[0].receive().text == "a")
      for _ in 0..<1000 where !book.hasRested.load(ordering: .relaxed) {
        usleep(1000)
        try loop.clients[0].send(request)
        #expect(try loop.clients[0].receive().text == "a")
      }
      let hasRested = book.hasRested.load(ordering: .relaxed)
      #expect(hasRested)
    }
  }

  @Test("A client that sends ahead takes turns with the others", arguments: [false, true])
  func turns(suspends: Bool) async throws {
    let order = Mutex<[String]>([])
    let ahead = String(repeating: "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", count: 200)
    try await onThread {
      let loop = try LoneLoop([ahead, ahead, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"]) { router in
        router.add(.get, "/{name}") { request in
          order.withLock { $0.append(request.parameters[0]) }
          if suspends { await Task.yield() }
          return .text(request.parameters[0])
        }
      }
      defer { loop.end() }
      #expect(try loop.clients[2].receive().text == "b")
      for client in loop.clients[..<2] {
        for _ in 0..<200 { #expect(try client.receive().text == "a") }
      }
    }
    let handled = order.withLock { $0 }
    #expect(handled.count == 401)
    #expect(handled.prefix(2 * Connection.turnHeads + 1).contains("b"))
  }

  @Test("A client that sends ahead and then no more is answered in full")
  func halfClosed() async throws {
    let requests = String(repeating: "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", count: 100)
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send(requests)
      client.finishSending()
      for _ in 0..<100 { #expect(try client.receive().status == 200) }
      #expect(try client.isClosedByServer())
    }
  }

  @Test("Bodies that are sent ahead go with their requests")
  func bodies() async throws {
    let texts = (0..<100).map { String(repeating: "x", count: $0 * 37 % 500) + String($0) }
    let requests = texts.map {
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)"
    }
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send(requests.joined())
      for text in texts { #expect(try client.receive().text == text) }
    }
  }

  @Test("The wait of a request includes what its loop did for others before")
  func lag() async throws {
    let hands = Hands()
    let book = Book(bound: 45)
    try await onThread {
      let loop = try LoneLoop(
        [
          "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
          "POST /c HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nContent-Length: 5\r\n\r\n12345"
            + "HEAD /d HTTP/1.1\r\nHost: a\r\norigin: https://a.example\r\n\r\n"
            + "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
        ], ambient: Ambient(time: hands, logger: Logger(sink: SilentSink())), gate: book
      ) { router in
        router.add(.get, "/{name}") { request in
          hands.pass(milliseconds: 30)
          return .text(request.parameters[0])
        }
      }
      defer { loop.end() }
      #expect(try loop.clients[0].receive().text == "a")
      #expect(try loop.clients[1].receive().text == "b")
      let late = loop.clients[2]
      let answer = try late.receive()
      #expect(answer.status == 503)
      #expect(answer["retry-after"] == "1")
      #expect(answer["content-type"] == "application/problem+json")
      #expect(answer["x-request-id"] == "mine")
      let error = RoostError(.overloaded, "Say \"when\".", retryAfterSeconds: 1)
      #expect(answer.body == Problem.document(error, requestID: "mine"))
      // Its body was passed over, and the connection stays.
      #expect(answer["connection"] == nil)
      let head = try late.receive(isHead: true)
      #expect(head.status == 503)
      #expect(head["connection"] == nil)
      // A large body is not taken in only to be thrown away.
      let large = try late.receive()
      #expect(large.status == 503)
      #expect(large["connection"] == "close")
    }
    #expect(
      book.lines.withLock { $0 } == [
        Book.Line(path: "/a", milliseconds: 0, isFromPage: false),
        Book.Line(path: "/b", milliseconds: 30, isFromPage: false),
        Book.Line(path: "/c", milliseconds: 60, isFromPage: false),
        Book.Line(path: "/d", milliseconds: 60, isFromPage: true),
        Book.Line(path: "/e", milliseconds: 60, isFromPage: false),
      ])
  }

  /// Runs what blocks on a thread of its own.
  private func onThread(_ work: @escaping @Sendable () throws -> Void) async throws {
    try await TestServer.onThread { Result { try work() } }.get()
  }
}
