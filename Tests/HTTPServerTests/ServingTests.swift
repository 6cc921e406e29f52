import RoostCore
import Testing
import Transport

@testable import HTTPServer

@Suite("Serving")
struct ServingTests {
  @Test("A connection serves one request after another, each with its own id")
  func keepAlive() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      let first = try client.get("/hello")
      let second = try client.get("/hello")
      #expect(first.status == 200)
      #expect(first.text == "Hello, World!")
      #expect(first["content-type"] == "text/plain; charset=utf-8")
      #expect(first["date"]?.hasSuffix(" GMT") == true)
      #expect(first["connection"] == nil)
      #expect(first["x-request-id"]?.count == 15)
      #expect(first["x-request-id"] != second["x-request-id"])
      #expect(server.statistics.accepted == 1)
      #expect(server.statistics.requests == 2)
      #expect(server.statistics.answersByClass == [0, 2, 0, 0, 0])
    }
  }

  @Test(
    "A caller's id is kept where it is well-formed",
    arguments: [
      ("abc", true), ("A.b_c-9", true), (String(repeating: "x", count: 64), true),
      (String(repeating: "x", count: 65), false), ("a b", false), ("a\"b", false), ("é", false),
      ("", false),
    ])
  func requestIDs(id: String, isKept: Bool) async throws {
    try await TestServer.run(hello) { server in
      let answer = try server.client().get("/hello", "X-Request-Id: \(id)\r\n")
      #expect((answer["x-request-id"] == id) == isKept)
      #expect(answer["x-request-id"]?.isEmpty == false)
    }
  }

  @Test("A thousand pipelined requests are answered in order")
  func pipelining() async throws {
    try await TestServer.run({ router in
      router.add(.get, "/n/{n}") { request in
        if request.parameters[0].hasSuffix("7") { await Task.yield() }
        return .text(request.parameters[0])
      }
    }) { server in
      let client = try server.client()
      let requests = (0..<1000).map { "GET /n/\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
      try client.send(requests.joined())
      for index in 0..<1000 { #expect(try client.receive().text == String(index)) }
    }
  }

  @Test("HEAD is GET without its body")
  func head() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      let answer = try client.receive(isHead: true)
      #expect(answer.status == 200)
      #expect(answer["content-length"] == "13")
      #expect(try client.get("/hello").text == "Hello, World!")
    }
  }

  @Test(
    "HTTP/1.0 closes unless it asks to stay",
    arguments: [("", "close", true), ("Connection: keep-alive\r\n", "keep-alive", false)])
  func oldVersion(field: String, connection: String, closes: Bool) async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      try client.send("GET /hello HTTP/1.0\r\n\(field)\r\n")
      let answer = try client.receive()
      #expect(answer["connection"] == connection)
      if closes {
        #expect(try client.isClosedByServer())
      } else {
        #expect(try client.get("/hello").status == 200)
      }
    }
  }

  @Test("Connection: close is obeyed, by the client's wish and by the handler's")
  func closing() async throws {
    try await TestServer.run({ router in
      hello(&router)
      router.add(.get, "/last") { _ in
        var response = Response.text("bye")
        response.headers.set("Connection", "close")
        return response
      }
    }) { server in
      for (path, field) in [("/hello", "Connection: close\r\n"), ("/last", "")] {
        let client = try server.client()
        let answer = try client.get(path, field)
        #expect(answer.headers.filter { $0.name == "Connection" }.map(\.value) == ["close"])
        #expect(try client.isClosedByServer())
      }
    }
  }

  @Test("A request in pieces of one byte is understood")
  func pieces() async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      let text =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n"
      for byte in text.utf8 { try client.send([byte]) }
      #expect(try client.receive().text == "abcde")
      #expect(try client.get("/hello").status == 200)
    }
  }

  @Test("Bodies of many sizes come back whole", arguments: [0, 1, 100, 8192, 70_000, 1_048_576])
  func bodies(count: Int) async throws {
    try await TestServer.run(hello) { server in
      let client = try server.client()
      let body = String((0..<count).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
      for _ in 0..<2 { #expect(try client.post("/echo", body).text == body) }
    }
  }

  @Test("An answer larger than the socket takes arrives whole, and so does the next")
  func large() async throws {
    let large = [UInt8](repeating: 7, count: 20_000_000)
    try await TestServer.run({ router in
      hello(&router)
      router.add(.get, "/large") { _ in Response(status: 200, body: .bytes(large)) }
    }) { server in
      let client = try server.client()
      try client.send(
        "GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.receive().body == large)
      #expect(try client.receive().text == "Hello, World!")
    }
  }

  @Test("Errors become problem documents, and nothing inside leaks")
  func errors() async throws {
    struct Inner: Error { let secret = "the secret" }
    let sink = RecordingSink()
    try await TestServer.run(
      sink: sink,
      { router in
        router.add(.get, "/known") { _ in
          throw RoostError(.rateLimited, "Slow down.", retryAfterSeconds: 7)
        }
        router.add(.get, "/unknown") { _ in throw Inner() }
      }
    ) { server in
      let client = try server.client()
      let known = try client.get("/known")
      #expect(known.status == 429)
      #expect(known["retry-after"] == "7")
      #expect(known["content-type"] == "application/problem+json")
      let unknown = try client.get("/unknown", "X-Request-Id: the-id\r\n")
      #expect(unknown.status == 500)
      #expect(!unknown.text.contains("secret"))
      #expect(unknown.text.contains("the-id"))
      #expect(sink.text.contains("the secret"))
      #expect(sink.text.contains("the-id"))
    }
  }

  @Test("What a handler passes on cannot split an answer")
  func injection() async throws {
    try await TestServer.run({ router in
      router.add(.get, "/to/{place}") { request in
        var response = Response(status: 302)
        response.headers.set("Location", request.parameters[0])
        response.headers.set("X\r\nSet-Cookie: a", "b")
        response.headers.set("Content-Length", "99")
        return response
      }
    }) { server in
      let answer = try server.client().get("/to/a%0D%0ASet-Cookie:%20b")
      #expect(answer.status == 302)
      #expect(answer["location"] == "a  Set-Cookie: b")
      #expect(answer["set-cookie"] == nil)
      #expect(answer.headers.filter { $0.name == "Content-Length" }.map(\.value) == ["0"])
    }
  }

  @Test("A status that is none becomes 500; 204 and 304 have no body")
  func statuses() async throws {
    try await TestServer.run({ router in
      router.add(.get, "/{status}") { request in
        Response(status: Int(request.parameters[0]) ?? 0, body: .bytes([1, 2, 3]))
      }
    }) { server in
      let client = try server.client()
      for (asked, status) in [("204", 204), ("304", 304), ("42", 500), ("999", 500), ("101", 500)] {
        let answer = try client.get("/\(asked)")
        #expect(answer.status == status)
        #expect((answer["content-length"] == nil) == (status < 400))
      }
      #expect(try client.get("/201").body == [1, 2, 3])
    }
  }

  @Test("Several threads get what they ask for")
  func load() async throws {
    try await TestServer.run({ router in
      hello(&router)
      router.add(.get, "/sleep/{n}") { request in
        try await Task.sleep(for: .microseconds(Int.random(in: 0..<500)))
        return .text(request.parameters[0])
      }
    }) { server in
      let failures = Flag()
      let threads = (0..<6).map { thread in
        Work {
          do {
            let client = try server.client()
            for index in 0..<400 {
              let text = "\(thread)-\(index)"
              switch index % 3 {
              case 0: if try client.get("/sleep/\(text)").text != text { failures.raise() }
              case 1: if try client.post("/echo", text).text != text { failures.raise() }
              default: if try client.get("/nothing").status != 404 { failures.raise() }
              }
            }
          } catch { failures.raise() }
        }
      }
      for thread in threads { thread.join() }
      #expect(failures.count == 0)
      #expect(server.statistics.requests == 2400)
      #expect(server.eventually { server.statistics.openConnections == 0 })
      #expect(server.statistics.activeRequests == 0)
    }
  }
}
