import Glibc
import HTTPServer
import RoostCore
import Testing
import Transport

@Suite("Limits")
struct LimitTests {
  /// A request, its status, and whether the connection is closed after it.
  static let requests: [(String, Int, Bool)] = [
    ("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", 200, false),
    ("GET /hello HTTP/1.1\r\n\r\n", 400, true),
    ("GET /hello HTTP/1.1\nHost: a\n\n", 400, true),
    ("GET /hello HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400, true),
    ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, false),
    ("PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405, false),
    ("OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n", 204, false),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, false),
    ("GET http://a/hello HTTP/1.1\r\nHost: b\r\n\r\n", 200, false),
    ("GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", 404, false),
    ("GET /%ZZ HTTP/1.1\r\nHost: a\r\n\r\n", 404, false),
    ("BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n", 501, true),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501, true),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, true),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true),
    ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414, true),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: \(String(repeating: "a", count: 17_000))\r\n\r\n", 431, true),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n", 413, true),
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, true
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400, true
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "400\r\n\(String(repeating: "a", count: 1024))\r\n0\r\n\r\n", 413, true
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "3e8\r\n\(String(repeating: "a", count: 1000))\r\n0\r\n\r\n", 200, false
    ),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true),
    (
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\"\r\na\r\n", 400, true
    ),
    ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", 417, true),
  ]

  @Test("A request gets its status, and the connection goes on or ends", arguments: requests)
  func statuses(request: String, status: Int, closes: Bool) async throws {
    try await TestServer.run({ router in
      router.add(.get, "/hello") { _ in .text("Hello, World!") }
      router.add(.post, "/echo", body: .buffered(limit: 1000)) { .text("\($0.body.count)") }
    }) { server in
      let client = try server.client()
      try client.send(request)
      let answer = try client.receive()
      #expect(answer.status == status)
      #expect(answer["x-request-id"]?.isEmpty == false)
      #expect((answer["connection"] == "close") == closes)
      if status >= 400 {
        #expect(answer["content-type"] == "application/problem+json")
        #expect(answer.text.contains("\"requestId\":\"\(answer["x-request-id"] ?? "")\""))
      }
      if closes {
        #expect(try client.isClosedByServer())
      } else {
        #expect(try client.get("/hello").text == "Hello, World!")
      }
    }
  }

  @Test("What follows a broken request is not served")
  func smuggling() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      let all = String(decoding: try client.readToEnd(), as: UTF8.self)
      #expect(all.hasPrefix("HTTP/1.1 400 "))
      #expect(!all.contains("Hello"))
      #expect(server.statistics.parseErrors == 1)
    }
  }

  @Test("100 Continue is sent where the body is wanted")
  func continues() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
      #expect(try client.receive().status == 100)
      try client.send("abc")
      #expect(try client.receive().text == "abc")
      #expect(try client.get("/hello").status == 200)
    }
  }

  @Test("A body that is too large is refused before it is sent")
  func refusesBeforeBody() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
      #expect(try client.receive().status == 413)
      #expect(try client.isClosedByServer())
    }
  }

  @Test("A client that is still sending its too large body reads the answer")
  func answersWhileSending() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
      _ = try? client.trySend([UInt8](repeating: 1, count: 3_000_000), milliseconds: 1000)
      #expect(try client.receive().status == 413)
    }
  }

  private static var impatient: Limits {
    var limits = Limits.patient
    limits.headSeconds = 1
    limits.idleSeconds = 1
    limits.writeStallSeconds = 1
    return limits
  }

  @Test("A slow head is answered 408")
  func slowHead() async throws {
    try await TestServer.run(limits: Self.impatient, hello) { server in
      let client = try server.client()
      try client.send("GET /hello HTTP/1.1\r\nHost:")
      let answer = try client.receive()
      #expect(answer.status == 408)
      #expect(answer["connection"] == "close")
      #expect(try client.isClosedByServer())
      #expect(server.statistics.timeouts == 1)
    }
  }

  @Test("A slow body is answered 408, a quick one is not")
  func slowBody() async throws {
    try await TestServer.run(limits: Self.impatient, hello) { server in
      let slow = try server.client()
      let quick = try server.client()
      let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n"
      try slow.send(head + "abc")
      try quick.send(head)
      for _ in 0..<8 {
        try quick.send([UInt8](repeating: 97, count: 1000))
        usleep(400_000)
      }
      #expect(try quick.receive().status == 200)
      #expect(try slow.receive().status == 408)
      #expect(try slow.isClosedByServer())
    }
  }

  @Test("An idle connection is closed without a word")
  func idle() async throws {
    try await TestServer.run(limits: Self.impatient, hello) { server in
      let fresh = try server.client()
      let used = try server.client()
      #expect(try used.get("/hello").status == 200)
      #expect(try used.isClosedByServer())
      #expect(try fresh.isClosedByServer())
      #expect(server.statistics.timeouts == 2)
    }
  }

  @Test("A connection that does not take its answer is closed")
  func stalled() async throws {
    try await TestServer.run(
      limits: Self.impatient,
      { router in
        router.add(.get, "/large") { _ in
          Response(status: 200, body: .bytes([UInt8](repeating: 1, count: 30_000_000)))
        }
      }
    ) { server in
      let client = try server.client()
      try client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(server.eventually { server.statistics.queuedOutputBytes > 0 })
      #expect(server.eventually { server.statistics.openConnections == 0 })
      #expect(server.statistics.timeouts == 1)
      #expect(server.statistics.queuedOutputBytes == 0)
    }
  }

  @Test("A client that takes its answer too slowly is let go", arguments: [true, false])
  func tricklingReader(isTooSlow: Bool) async throws {
    var limits = Self.impatient
    // More than any client of this test can take, or next to nothing.
    limits.bodyBytesPerSecond = isTooSlow ? 1_000_000_000 : 1
    // The kernel's buffers hold seconds of a trickle, in which nothing seems to be taken.
    limits.writeStallSeconds = isTooSlow ? 1 : 10
    try await TestServer.run(
      limits: limits,
      { router in
        router.add(.get, "/large") { _ in
          Response(status: 200, body: .bytes([UInt8](repeating: 1, count: 30_000_000)))
        }
      }
    ) { server in
      let client = try TestClient(port: server.port, receiveBuffer: 8192)
      try client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      var block = [UInt8](repeating: 0, count: 65_536)
      var received = 0
      var reads = 0
      while true {
        let count = recv(client.descriptor, &block, block.count, 0)
        if count <= 0 { break }
        received += count
        reads += 1
        // Some seconds of a trickle, then as it comes.
        if reads < 100 || isTooSlow, server.statistics.timeouts == 0 { usleep(30_000) }
      }
      #expect((received < 30_000_000) == isTooSlow)
      #expect(server.statistics.timeouts == (isTooSlow ? 1 : 0))
    }
  }

  @Test("A client that pipelines and never reads does not grow the memory")
  func neverReads() async throws {
    let body = [UInt8](repeating: 97, count: 10_000)
    try await TestServer.run({ router in
      router.add(.get, "/") { _ in Response(status: 200, body: .bytes(body)) }
    }) { server in
      let client = try server.client()
      let padding = String(repeating: "x", count: 4000)
      let request = Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(padding)\r\n\r\n".utf8)
      let batch = Array(repeatElement(request, count: 5000).joined())
      let sent = try client.trySend(batch, milliseconds: 1000)
      #expect(sent < batch.count)
      let queued = server.statistics.queuedOutputBytes
      #expect(queued > 0)
      #expect(queued <= Limits().outputHighWaterBytes + 11_000)
      // Whoever reads after all gets everything that was asked for.
      for _ in 0..<(sent / request.count) { #expect(try client.receive().body.count == 10_000) }
    }
  }

  @Test("Connections beyond the limit are answered 503")
  func connections() async throws {
    var limits = Limits.patient
    limits.connections = 2
    try await TestServer.run(limits: limits, hello) { server in
      let first = try server.client()
      let second = try server.client()
      #expect(try first.get("/hello").status == 200)
      #expect(try second.get("/hello").status == 200)
      let third = try server.client()
      let answer = try third.receive()
      #expect(answer.status == 503)
      #expect(answer["retry-after"] == "1")
      #expect(server.statistics.refused == 1)
      first.close()
      third.close()
      #expect(server.eventually { server.statistics.openConnections == 1 })
      #expect(try server.client().get("/hello").status == 200)
    }
  }
}
