import HTTPServer
import RoostCore
import Testing
import Transport

@Suite("Connections of one address")
struct AddressLimitTests {
  private static var limits: Limits {
    var limits = Limits.patient
    limits.connectionsPerAddress = 3
    return limits
  }

  @Test("Beyond the bound a connection is refused, and taken again when another has gone")
  func bound() async throws {
    try await TestServer.run(limits: Self.limits, hello) { server in
      var clients = try (0..<3).map { _ in try server.client() }
      for client in clients {
        try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.receive().status == 200)
      }
      let refused = try server.client()
      let answer = try refused.receive()
      #expect(answer.status == 503)
      #expect(answer["Retry-After"] == "1")
      refused.close()
      clients.removeFirst().close()
      #expect(server.eventually { server.statistics.openConnections == 2 })
      let next = try server.client()
      try next.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try next.receive().status == 200)
      next.close()
      for client in clients { client.close() }
      #expect(server.statistics.refused == 1)
    }
  }

  @Test("Who stands for many, or is exempt, is not counted", arguments: [true, false])
  func exempt(isProxy: Bool) async throws {
    try await TestServer.run(
      limits: Self.limits,
      configure: {
        if isProxy {
          $0.forwarding = Forwarding(proxies: .loopback)
        } else {
          $0.uncounted = .loopback
        }
      }, hello
    ) { server in
      let clients = try (0..<10).map { _ in try server.client() }
      for client in clients {
        try client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try client.receive().status == 200)
        client.close()
      }
      #expect(server.statistics.refused == 0)
    }
  }

  @Test("The address of a request is the proxy's word, of a proxy alone", arguments: [true, false])
  func forwarded(isProxy: Bool) async throws {
    try await TestServer.run(
      configure: { if isProxy { $0.forwarding = Forwarding(proxies: .loopback) } },
      { router in
        router.add(.get, "/who") { .text("\($0.remoteAddress) \($0.isSecure)") }
      }
    ) { server in
      let client = try server.client()
      try client.send(
        "GET /who HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\n"
          + "X-Forwarded-Proto: https\r\n\r\n")
      #expect(try client.receive().text == (isProxy ? "2.2.2.2 true" : "127.0.0.1 false"))
      client.close()
    }
  }

  @Test("Fixed fields are on every answer, a malformed request's too")
  func fixedFields() async throws {
    try await TestServer.run(configure: { $0.fixedFields = [("X-A", "b"), ("X-C", "d")] }, hello) {
      server in
      for request in ["GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "GET\r\n\r\n"] {
        let client = try server.client()
        try client.send(request)
        let answer = try client.receive()
        #expect(answer["X-A"] == "b")
        #expect(answer["X-C"] == "d")
        client.close()
      }
    }
  }
}
