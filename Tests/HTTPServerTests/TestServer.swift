import Dispatch
import Glibc
import HTTPServer
import RoostCore
import Synchronization
import Transport

extension Limits {
  /// Times that pass on no machine, however full of tests it is.
  static var patient: Limits {
    var limits = Limits()
    limits.headSeconds = 600
    limits.idleSeconds = 600
    limits.writeStallSeconds = 600
    limits.drainSeconds = 600
    return limits
  }
}

/// A server on a free port with routes of the tests.
struct TestServer: Sendable {
  let server: Server
  let port: Int

  func client() throws -> TestClient { try TestClient(port: port) }

  var statistics: HTTPServerStatistics { server.statistics }

  /// Waits until `condition` holds, with a generous bound.
  func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<24_000 {
      if condition() { return true }
      usleep(5000)
    }
    return false
  }

  /// Starts a server, runs `body` on a thread of its own, since it blocks, and drains.
  static func run(
    limits: Limits = .patient, loops: Int = 2, sink: any LogSink = SilentSink(),
    configure: (inout HTTPServerConfiguration) -> Void = { _ in }, _ routes: (inout Router) -> Void,
    _ body: @escaping @Sendable (TestServer) throws -> Void
  ) async throws {
    var router = Router()
    routes(&router)
    let ambient = Ambient(logger: Logger(sink: sink))
    var configuration = HTTPServerConfiguration(port: 0, loops: loops, limits: limits)
    configure(&configuration)
    let server = Server(
      configuration: configuration,
      application: Pipeline(router: router, logger: ambient.logger), ambient: ambient)
    let test = TestServer(server: server, port: try server.start())
    let result = await onThread { Result { try body(test) } }
    await server.drain()
    try result.get()
  }

  static func onThread<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      DispatchQueue(label: "test").async { continuation.resume(returning: work()) }
    }
  }
}

struct SilentSink: LogSink {
  func write(_ line: [UInt8]) {}
}

final class RecordingSink: LogSink {
  private let lines = Mutex<[String]>([])

  func write(_ line: [UInt8]) {
    lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
  }

  var text: String { lines.withLock { $0.joined() } }
}

/// A door that handlers wait at, and that can be cancelled.
actor Gate {
  private var isOpen = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func open() {
    isOpen = true
    for waiter in waiters { waiter.resume() }
    waiters = []
  }

  func pass() async {
    if isOpen { return }
    await withCheckedContinuation { waiters.append($0) }
  }
}

final class Flag: Sendable {
  private let value = Mutex(0)

  func raise(by amount: Int = 1) { value.withLock { $0 += amount } }
  var count: Int { value.withLock { $0 } }
}

func hello(_ router: inout Router) {
  router.add(.get, "/hello") { _ in .text("Hello, World!") }
  router.add(.post, "/echo") { request in
    Response(status: 200, contentType: "application/octet-stream", body: .bytes(request.body))
  }
}
