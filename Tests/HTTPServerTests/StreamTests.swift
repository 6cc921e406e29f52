import Glibc
import HTTPServer
import RoostCore
import Testing
import Transport

@Suite("Streams")
struct StreamTests {
  @Test("An answer is streamed in chunks, and the connection goes on")
  func chunks() async throws {
    try await TestServer.run({ router in
      hello(&router)
      router.add(.get, "/stream") { _ in
        Response(
          status: 200,
          body: .stream { writer in
            for index in 0..<100 {
              try await writer.write(Array("\(index),".utf8))
              if index % 10 == 0 { await Task.yield() }
            }
            try await writer.write([])
          })
      }
    }) { server in
      let client = try server.client()
      let answer = try client.get("/stream")
      #expect(answer["transfer-encoding"] == "chunked")
      #expect(answer["content-length"] == nil)
      #expect(answer.text == (0..<100).map { "\($0)," }.joined())
      #expect(try client.get("/hello").status == 200)
      try client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(try client.receive(isHead: true).status == 200)
      #expect(try client.get("/hello").status == 200)
    }
  }

  @Test("A stream to HTTP/1.0 ends with the connection")
  func oldVersion() async throws {
    try await TestServer.run({ router in
      router.add(.get, "/stream") { _ in
        Response(status: 200, body: .stream { try await $0.write(Array("abc".utf8)) })
      }
    }) { server in
      let client = try server.client()
      try client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      let answer = try client.receive()
      #expect(answer["transfer-encoding"] == nil)
      #expect(answer["connection"] == "close")
      #expect(answer.text == "abc")
    }
  }

  @Test("A stream that fails is cut off, so that nobody takes it for whole")
  func failure() async throws {
    let sink = RecordingSink()
    try await TestServer.run(
      sink: sink,
      { router in
        router.add(.get, "/stream") { _ in
          Response(
            status: 200,
            body: .stream { writer in
              try await writer.write(Array("abc".utf8))
              throw RoostError(.internalError, "half way")
            })
        }
      }
    ) { server in
      let client = try server.client()
      try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      let all = String(decoding: try client.readToEnd(), as: UTF8.self)
      #expect(all.hasSuffix("\r\n3\r\nabc\r\n"))
      #expect(sink.text.contains("half way"))
    }
  }

  @Test("A writer waits for its client")
  func writerWaits() async throws {
    let written = Flag()
    let total = 500
    try await TestServer.run({ router in
      router.add(.get, "/stream") { _ in
        Response(
          status: 200,
          body: .stream { writer in
            let piece = [UInt8](repeating: 1, count: 65_536)
            for _ in 0..<total {
              try await writer.write(piece)
              written.raise()
            }
          })
      }
    }) { server in
      let client = try TestClient(port: server.port, receiveBuffer: 65_536)
      try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(server.eventually { server.statistics.queuedOutputBytes > 0 })
      var before = -1
      // It has stopped when nothing was written for a while.
      while before != written.count {
        before = written.count
        usleep(200_000)
      }
      #expect(before < total)
      #expect(server.statistics.queuedOutputBytes < 200_000)
      #expect(try client.receive().body.count == total * 65_536)
      #expect(written.count == total)
    }
  }

  @Test("A writer learns that its client has left")
  func writerLearns() async throws {
    let failed = Flag()
    try await TestServer.run({ router in
      router.add(.get, "/stream") { _ in
        Response(
          status: 200,
          body: .stream { writer in
            do {
              while true { try await writer.write([UInt8](repeating: 1, count: 10_000)) }
            } catch {
              failed.raise()
              throw error
            }
          })
      }
    }) { server in
      let client = try server.client()
      try client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(server.eventually { server.statistics.queuedOutputBytes > 0 })
      client.abort()
      #expect(server.eventually { failed.count == 1 })
      #expect(server.eventually { server.statistics.openConnections == 0 })
    }
  }

  @Test("A body is read as it comes, and reading waits for the handler")
  func readerWaits() async throws {
    let gate = Gate()
    try await TestServer.run({ router in
      hello(&router)
      router.add(.post, "/count", body: .streamed(limit: 100_000_000)) { request in
        await gate.pass()
        var count = 0
        while let piece = try await request.bodyStream?.next() { count += piece.count }
        return .text(String(count))
      }
    }) { server in
      let client = try server.client()
      let body = [UInt8](repeating: 1, count: 40_000_000)
      try client.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 40000000\r\n\r\n")
      let sent = try client.trySend(body, milliseconds: 1000)
      #expect(sent < body.count)
      #expect(server.statistics.bytesIn < 400_000)
      let opening = Work { Task { await gate.open() } }
      try client.send(Array(body[sent...]))
      #expect(try client.receive().text == "40000000")
      opening.join()
      #expect(try client.get("/hello").status == 200)
    }
  }

  @Test(
    "A chunked body is streamed in; one beyond the limit gets 413",
    arguments: [(5, 200), (6, 413)])
  func chunkedBody(count: Int, status: Int) async throws {
    try await TestServer.run({ router in
      router.add(.post, "/count", body: .streamed(limit: 5)) { request in
        var text = ""
        while let piece = try await request.bodyStream?.next() {
          text += String(decoding: piece, as: UTF8.self)
        }
        return .text(text)
      }
    }) { server in
      let client = try server.client()
      try client.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
      for _ in 0..<count {
        try client.send("1\r\na\r\n")
        usleep(1000)
      }
      try client.send("0\r\n\r\n")
      let answer = try client.receive()
      #expect(answer.status == status)
      if status == 200 { #expect(answer.text == "aaaaa") }
      #expect((answer["connection"] == "close") == (status == 413))
    }
  }

  @Test("100 Continue comes when a handler asks for a streamed body, and not before")
  func continues() async throws {
    try await TestServer.run({ router in
      router.add(.post, "/{reads}", body: .streamed(limit: 5)) { request in
        guard request.parameters[0] == "yes" else { return .text("no") }
        let piece = try await request.bodyStream?.next() ?? []
        return .text(String(decoding: piece, as: UTF8.self))
      }
    }) { server in
      let head = "HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
      let client = try server.client()
      try client.send("POST /yes \(head)")
      #expect(try client.receive().status == 100)
      try client.send("abc")
      #expect(try client.receive().text == "abc")
      try client.send("POST /no \(head)")
      let answer = try client.receive()
      #expect(answer.status == 200)
      #expect(answer["connection"] == "close")
      #expect(try client.isClosedByServer())
    }
  }

  @Test(
    "An unread body is thrown away if it is small, else the connection ends",
    arguments: [(10, false), (60_000, false), (70_000, true)])
  func unread(count: Int, closes: Bool) async throws {
    try await TestServer.run({ router in
      hello(&router)
      router.add(.post, "/ignore", body: .streamed(limit: 1_000_000)) { _ in .text("ok") }
    }) { server in
      let client = try server.client()
      try client.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: \(count)\r\n\r\n")
      let answer = try client.receive()
      #expect(answer.text == "ok")
      #expect((answer["connection"] == "close") == closes)
      if !closes {
        try client.send([UInt8](repeating: 1, count: count))
        #expect(try client.get("/hello").text == "Hello, World!")
      }
    }
  }

  @Test("An answer can be written while the body is read, from an actor's own thread")
  func both() async throws {
    let echo = Echo()
    try await TestServer.run({ router in
      hello(&router)
      router.add(.post, "/both", body: .streamed(limit: 1_000_000)) { request in
        Response(status: 200, body: .stream { try await echo.run(request.bodyStream, $0) })
      }
    }) { server in
      let client = try server.client()
      let text = String(repeating: "0123456789", count: 20_000)
      try client.send(
        "POST /both HTTP/1.1\r\nHost: a\r\nContent-Length: \(text.utf8.count)\r\n\r\n")
      let sender = Work { [text] in _ = try? client.send(text) }
      #expect(try client.receive().text == text)
      sender.join()
      #expect(try client.get("/hello").status == 200)
    }
  }

  actor Echo {
    func run(_ reader: (any BodyReader)?, _ writer: any BodyWriter) async throws {
      while let piece = try await reader?.next() { try await writer.write(piece) }
    }
  }
}
