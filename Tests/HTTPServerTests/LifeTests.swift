import Glibc
import HTTPServer
import RoostCore
import Testing
import Transport

@Suite("Coming and going")
struct LifeTests {
  @Test("A handler is cancelled when its client leaves", arguments: [true, false])
  func leaves(abruptly: Bool) async throws {
    let started = Flag()
    let cancelled = Flag()
    try await TestServer.run({ router in
      router.add(.get, "/wait") { _ in
        started.raise()
        do {
          try await Task.sleep(for: .seconds(600))
        } catch {
          cancelled.raise()
          throw error
        }
        return .text("late")
      }
    }) { server in
      let client = try server.client()
      try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(server.eventually { started.count == 1 })
      #expect(server.statistics.activeRequests == 1)
      if abruptly { client.abort() } else { client.close() }
      #expect(server.eventually { cancelled.count == 1 })
      #expect(server.eventually { server.statistics.openConnections == 0 })
      #expect(server.eventually { server.statistics.activeRequests == 0 })
    }
  }

  @Test("A client that only stops sending is answered")
  func halfClosed() async throws {
    try await TestServer.run({ router in
      hello(&router)
      router.add(.get, "/slow") { _ in
        for _ in 0..<50 { await Task.yield() }
        return .text("slow")
      }
    }) { server in
      let client = try server.client()
      try client.send(
        "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      client.finishSending()
      #expect(try client.receive().text == "slow")
      #expect(try client.receive().text == "Hello, World!")
      #expect(try client.isClosedByServer())
    }
  }

  @Test("A reader learns that its client has left in the middle of a body")
  func leavesInBody() async throws {
    let failed = Flag()
    try await TestServer.run({ router in
      hello(&router)
      router.add(.post, "/read", body: .streamed(limit: 1000)) { request in
        do {
          while try await request.bodyStream?.next() != nil {}
        } catch {
          failed.raise()
          throw error
        }
        return .text("whole")
      }
    }) { server in
      for path in ["/read", "/echo"] {
        let client = try server.client()
        try client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        #expect(server.eventually { server.statistics.openConnections == 1 })
        client.close()
        #expect(server.eventually { server.statistics.openConnections == 0 })
      }
      #expect(failed.count == 1)
    }
  }

  @Test("A drain answers what it has, closes what is idle, and takes nothing new")
  func drain() async throws {
    let gate = Gate()
    let started = Flag()
    var router = Router()
    hello(&router)
    router.add(.get, "/wait") { _ in
      started.raise()
      await gate.pass()
      return .text("waited")
    }
    let ambient = Ambient(logger: Logger(sink: SilentSink()))
    let server = Server(
      configuration: HTTPServerConfiguration(port: 0, loops: 2, limits: .patient),
      application: Pipeline(router: router, logger: ambient.logger), ambient: ambient)
    let test = TestServer(server: server, port: try server.start())
    let result = await TestServer.onThread {
      Result {
        let busy = try test.client()
        let idle = try test.client()
        #expect(try idle.get("/hello").status == 200)
        // The second head is here before the drain, so it is answered too.
        try busy.send(
          "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(test.eventually { started.count == 1 })
        let draining = Work { Task { await server.drain() } }
        draining.join()
        #expect(try idle.isClosedByServer())
        #expect(test.eventually { (try? test.client()) == nil })
        let opening = Work { Task { await gate.open() } }
        let first = try busy.receive()
        #expect(first.text == "waited")
        #expect(first["connection"] == nil)
        let second = try busy.receive()
        #expect(second.text == "Hello, World!")
        #expect(second["connection"] == "close")
        #expect(try busy.isClosedByServer())
        opening.join()
      }
    }
    try result.get()
    await server.drain()
    #expect(server.statistics.openConnections == 0)
    #expect(server.statistics.requests == 3)
  }

  @Test("A drain that takes too long cancels and answers 503")
  func cutOff() async throws {
    var limits = Limits()
    limits.drainSeconds = 1
    var router = Router()
    let started = Flag()
    router.add(.get, "/wait") { _ in
      started.raise()
      try await Task.sleep(for: .seconds(600))
      return .text("late")
    }
    let stubborn = Gate()
    router.add(.get, "/stubborn") { _ in
      started.raise()
      await stubborn.pass()
      return .text("never")
    }
    let ambient = Ambient(logger: Logger(sink: SilentSink()))
    let server = Server(
      configuration: HTTPServerConfiguration(port: 0, loops: 1, limits: limits),
      application: Pipeline(router: router, logger: ambient.logger), ambient: ambient)
    let test = TestServer(server: server, port: try server.start())
    let result = await TestServer.onThread {
      Result {
        let client = try test.client()
        let other = try test.client()
        try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        try other.send("GET /stubborn HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(test.eventually { started.count == 2 })
        let draining = Work { Task { await server.drain() } }
        #expect(try client.receive().status == 503)
        #expect(try other.isClosedByServer())
        draining.join()
      }
    }
    try result.get()
    // A handler that heeds nothing does not hold up the end.
    await server.drain()
    await stubborn.open()
  }

  @Test("An address that cannot be had is explained")
  func addresses() async throws {
    try await TestServer.run(hello) { server in
      let taken: [(String, Int, ErrorCode, String)] = [
        ("127.0.0.1", server.port, .conflict, "in use"), ("example", 0, .invalid, "127.0.0.1"),
        ("127.0.0.1", 70_000, .invalid, "65535"), ("127.0.0.1", -1, .invalid, "65535"),
        ("192.0.2.1", 0, .invalid, "not an address of this machine"),
      ]
      for (host, port, code, text) in taken {
        let other = Server(
          configuration: HTTPServerConfiguration(host: host, port: port),
          application: Pipeline(router: Router(), logger: Logger(sink: SilentSink())),
          ambient: Ambient())
        do {
          _ = try other.start()
          Issue.record("\(host) port \(port) was given")
        } catch let error as RoostError {
          #expect(error.code == code)
          #expect(error.detail.contains(text))
        }
      }
    }
  }

  @Test("IPv4, IPv6 and localhost are served", arguments: ["0.0.0.0", "::", "[::1]", "localhost"])
  func hosts(host: String) async throws {
    let server = Server(
      configuration: HTTPServerConfiguration(host: host, port: 0, loops: 2),
      application: Pipeline(router: Router(), logger: Logger(sink: SilentSink())),
      ambient: Ambient())
    let port: Int
    do {
      port = try server.start()
    } catch let error as RoostError where error.detail.contains("IPv6") {
      return
    }
    #expect(port > 0)
    if host != "[::1]" {
      let answer = await TestServer.onThread {
        Result { try TestClient(port: port).get("/").status }
      }
      #expect(try answer.get() == 404)
    }
    await server.drain()
  }
}
