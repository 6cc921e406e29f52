import RoostCore
import Testing
import Wire

@Suite("Heads of answers")
struct ResponseHeadWriterTests {
  private func head(
    status: Int = 200, framing: BodyFraming = .length(5), contentType: StaticString? = nil,
    closes: Bool = false, saysKeepAlive: Bool = false
  ) -> String {
    var queue = ByteQueue()
    let values = ResponseHeadValues(
      status: status, framing: framing, contentType: contentType, requestID: "id", closes: closes,
      saysKeepAlive: saysKeepAlive)
    ResponseHeadWriter.write(
      values, prelude: ResponseHeadWriter.prelude(date: Array("now".utf8)), to: &queue)
    return String(decoding: queue.bytes, as: UTF8.self)
  }

  @Test("A head holds the status, the date, the id and the framing")
  func heads() {
    let start = "\r\nDate: now\r\nX-Request-Id: id"
    #expect(head() == "HTTP/1.1 200 OK\(start)\r\nContent-Length: 5\r\n")
    #expect(
      head(status: 404, contentType: "text/plain")
        == "HTTP/1.1 404 Not Found\(start)\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n")
    #expect(head(status: 204, framing: .absent) == "HTTP/1.1 204 No Content\(start)\r\n")
    #expect(
      head(framing: .chunked, closes: true)
        == "HTTP/1.1 200 OK\(start)\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n")
    #expect(
      head(status: 299, framing: .length(0), saysKeepAlive: true)
        == "HTTP/1.1 299 Status\(start)\r\nContent-Length: 0\r\nConnection: keep-alive\r\n")
  }

  @Test(
    "A field cannot split an answer or contradict its framing",
    arguments: [
      ("Location", "/a", "Location: /a\r\n"), ("X-A", "b\tc", "X-A: b\tc\r\n"),
      ("X-A", "b\r\nSet-Cookie: c", ""), ("X-A", "b\nc", ""), ("X-A", "b\0", ""),
      ("X A", "b", ""), ("X-A:", "b", ""), ("", "b", ""), ("X\r\nY", "b", ""),
      ("Content-Length", "3", ""), ("content-length", "3", ""), ("Transfer-Encoding", "x", ""),
      ("Connection", "upgrade", ""), ("Date", "x", ""), ("X-Request-Id", "x", ""),
      ("Content-Type", "a/b", "Content-Type: a/b\r\n"), ("ETag", "\"1\"", "ETag: \"1\"\r\n"),
    ])
  func fields(name: String, value: String, written: String) {
    var queue = ByteQueue()
    ResponseHeadWriter.write(field: name, value, to: &queue)
    #expect(String(decoding: queue.bytes, as: UTF8.self) == written)
  }

  @Test(
    "A chunk starts with its size in hexadecimal",
    arguments: [(1, "1"), (15, "f"), (16, "10"), (65_536, "10000"), (0xABCDEF, "abcdef")])
  func chunks(count: Int, digits: String) {
    var queue = ByteQueue()
    ResponseHeadWriter.writeChunkHead(count, to: &queue)
    #expect(String(decoding: queue.bytes, as: UTF8.self) == digits + "\r\n")
  }

  @Test(
    "A date is written as RFC 9110 asks",
    arguments: [
      (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
    ] as [(Int64, String)])
  func dates(milliseconds: Int64, text: String) {
    let bytes = HTTPDate.bytes(Timestamp(milliseconds: milliseconds))
    #expect(String(decoding: bytes, as: UTF8.self) == text)
  }
}

@Suite("Byte queues")
struct ByteQueueTests {
  @Test("What is appended comes out in order, through growth and removal")
  func order() {
    var queue = ByteQueue()
    var expected: [UInt8] = []
    for round in 0..<200 {
      let piece = [UInt8](repeating: UInt8(round), count: round * 7 % 300)
      queue.append(piece)
      expected += piece
      let removed = min(expected.count, round * 5 % 211)
      queue.removeFirst(removed)
      expected.removeFirst(removed)
      #expect(Array(queue.bytes) == expected)
    }
    queue.removeFirst(.max)
    let isEmpty = queue.isEmpty
    #expect(isEmpty)
  }

  @Test(
    "Numbers are written in digits",
    arguments: [
      (0, "0"), (7, "7"), (10, "10"), (-15, "-15"), (Int.max, "9223372036854775807"),
      (Int.min, "-9223372036854775808"),
    ])
  func decimals(number: Int, text: String) {
    var queue = ByteQueue()
    queue.append(decimal: number)
    #expect(String(decoding: queue.bytes, as: UTF8.self) == text)
  }

  @Test("Only a block of the usual size goes back to the pool")
  func release() {
    var queue = ByteQueue()
    queue.append("a")
    let block = queue.release()
    #expect(block != nil)
    let hasStorage = queue.hasStorage
    #expect(!hasStorage)
    if let block { queue.adopt(block) }
    queue.append([UInt8](repeating: 1, count: ByteQueue.blockBytes + 1))
    let count = queue.count
    #expect(count == ByteQueue.blockBytes + 1)
    let larger = queue.release()
    #expect(larger == nil)
  }
}
