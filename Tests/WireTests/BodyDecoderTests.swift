import RoostCore
import Testing
import Wire

/// A chunked body and what comes of it: its content, or the status that refuses it.
struct ChunkedCase: Sendable, CustomTestStringConvertible {
  let text: String
  let content: String?
  let status: Int

  static func good(_ text: String, _ content: String) -> ChunkedCase {
    ChunkedCase(text: text, content: content, status: 200)
  }

  static func bad(_ text: String, _ status: Int = 400) -> ChunkedCase {
    ChunkedCase(text: text, content: nil, status: status)
  }

  var testDescription: String { "\(text.prefix(60).debugDescription) → \(status)" }
}

@Suite("Bodies")
struct BodyDecoderTests {
  enum Result: Equatable {
    case content([UInt8], rest: Int)
    case fault(BodyFault)
    case incomplete
  }

  static func decode(_ decoder: BodyDecoder, _ bytes: [UInt8], pieces size: Int) -> Result {
    var decoder = decoder
    var content: [UInt8] = []
    var start = 0
    while start < bytes.count {
      let piece = Array(bytes[start..<min(bytes.count, start + size)])
      var offset = 0
      reading: while true {
        switch decoder.decode(piece.span, from: offset) {
        case .incomplete: break reading
        case .data(let range):
          content += piece[range]
          offset = range.upperBound
        case .finished(let end): return .content(content, rest: bytes.count - start - end)
        case .fault(let fault): return .fault(fault)
        }
      }
      start += piece.count
    }
    return decoder.isFinished ? .content(content, rest: 0) : .incomplete
  }

  static let cases: [ChunkedCase] =
    [
      .good("0\r\n\r\n", ""), .good("5\r\nhello\r\n0\r\n\r\n", "hello"),
      .good("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
      .good("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      .good("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      .good("0005\r\nhello\r\n000\r\n\r\n", "hello"),
      .good("5\r\n\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r\n\r"),
      .good("5;a\r\nhello\r\n0\r\n\r\n", "hello"), .good("5;a=b\r\nhello\r\n0\r\n\r\n", "hello"),
      .good("5;a=\"b c\"\r\nhello\r\n0\r\n\r\n", "hello"),
      .good("5;a=\"b\\\"c\"\r\nhello\r\n0\r\n\r\n", "hello"),
      .good("5 ; a = b ; c\r\nhello\r\n0;x\r\n\r\n", "hello"),
      .good("0\r\nA: b\r\nC:\r\n\r\n", ""), .good("0\r\nA: b\tc\u{E9}\r\n\r\n", ""),
      .bad("\r\n"), .bad("\n"), .bad("g\r\n"), .bad("-1\r\n"), .bad("+5\r\n"), .bad(" 5\r\n"),
      .bad("0x5\r\n"), .bad("5\nhello\r\n0\r\n\r\n"), .bad("5\rhello"), .bad("5,\r\n"),
      .bad("1234567890abcdef\r\n"), .bad("ffffffffffffffff\r\n"), .bad("0000000000000000\r\n"),
      .bad("5 \r\nhello"), .bad("5\t\r\nhello"), .bad("5 5\r\nhello"), .bad("5;\r\nhello"),
      .bad("5; \r\nhello"), .bad("5;=b\r\n"), .bad("5;a=\r\n"), .bad("5;a b\r\n"),
      .bad("5;a=b c\r\n"), .bad("5;a=\"b\r\n"), .bad("5;a=\"b\u{0}\"\r\n"), .bad("5;a=\"\"x\r\n"),
      .bad("5;a\nhello"), .bad("5;a\u{0}\r\n"), .bad("5;(=b\r\n"), .bad("5;a=\"b\\\u{1}\"\r\n"),
      .bad("5;a\rhello"),
      .bad("5\r\nhelloX\r\n0\r\n\r\n"), .bad("5\r\nhello\n0\r\n\r\n"),
      .bad("5\r\nhello0\r\n\r\n"), .bad("5\r\nhello\rX0\r\n\r\n"), .bad("4\r\nhello\r\n"),
      .bad("0\r\nA b\r\n\r\n"), .bad("0\r\n: b\r\n\r\n"), .bad("0\r\n A: b\r\n\r\n"),
      .bad("0\r\nA: b\n\r\n"), .bad("0\r\nA: b\r\n c\r\n\r\n"), .bad("0\r\n\n"),
      .bad("0\r\nA: \u{0}\r\n\r\n"), .bad("0\r\n\rX"), .bad("0\r\nA\r\n\r\n"),
      .bad("0\r\nA: b\rX"), .bad("0\r\nA : b\r\n\r\n"),
      .bad("5;" + String(repeating: "a", count: 5000) + "\r\n"),
      .bad(String(repeating: "1;aaaa\r\nx\r\n", count: 1000)),
      .good(
        String(repeating: "1;a\r\nx\r\n", count: 100) + "0\r\n\r\n",
        String(repeating: "x", count: 100)),
      .bad("0\r\nA: " + String(repeating: "b", count: 9000), 431),
      .good("0\r\nA: " + String(repeating: "b", count: 7000) + "\r\n\r\n", ""),
    ]

  private func bytes(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
  }

  @Test("A chunked body gives its content or its fault", arguments: cases)
  func chunked(_ body: ChunkedCase) {
    let result = Self.decode(.chunked, bytes(body.text), pieces: .max >> 1)
    if let content = body.content {
      #expect(result == .content(bytes(content), rest: 0))
    } else if case .fault(let fault) = result {
      #expect(fault.error.code.status == body.status)
    } else {
      Issue.record("accepted: \(result)")
    }
  }

  @Test("Pieces of any size give the same", arguments: cases, [1, 2, 3, 7])
  func pieces(_ body: ChunkedCase, size: Int) {
    let whole = Self.decode(.chunked, bytes(body.text), pieces: .max >> 1)
    #expect(Self.decode(.chunked, bytes(body.text), pieces: size) == whole)
  }

  @Test("A length ends a body where the next request starts", arguments: [1, 2, 5, 100])
  func length(size: Int) {
    let text = bytes("helloGET / HTTP/1.1")
    #expect(
      Self.decode(BodyDecoder(length: 5), text, pieces: size)
        == .content(bytes("hello"), rest: 14))
    #expect(Self.decode(BodyDecoder(length: 20), text, pieces: size) == .incomplete)
    #expect(BodyDecoder(length: 0).isFinished)
    #expect(!BodyDecoder.chunked.isFinished)
    #expect(BodyDecoder(length: 7).remainingLength == 7)
    #expect(BodyDecoder.chunked.remainingLength == nil)
  }

  @Test("What follows the last chunk is left alone")
  func rest() {
    let text = bytes("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1")
    #expect(
      Self.decode(.chunked, text, pieces: 1000) == .content(bytes("x"), rest: 14))
  }
}
