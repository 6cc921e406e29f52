import RoostCore
import Testing
import Wire

/// A head and the status that it gets; 200 where it is accepted.
struct HeadCase: Sendable, CustomTestStringConvertible {
  let bytes: [UInt8]
  let status: Int

  init(_ bytes: [UInt8], _ status: Int) {
    self.bytes = bytes
    self.status = status
  }

  /// `text` in Latin-1, so that each scalar is one byte.
  init(_ text: String, _ status: Int) {
    self.init(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }, status)
  }

  /// A GET with a Host and one more line.
  static func field(_ line: String, _ status: Int) -> HeadCase {
    HeadCase("GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n", status)
  }

  /// A request line before a Host.
  static func line(_ line: String, _ status: Int) -> HeadCase {
    HeadCase("\(line)\r\nHost: a\r\n\r\n", status)
  }

  var testDescription: String {
    let text = bytes.prefix(80).map { byte in
      byte >= 0x20 && byte < 0x7F ? String(UnicodeScalar(byte)) : "<\(byte)>"
    }
    return "\(text.joined()) → \(status)"
  }

  /// The status for an outcome; 0 where more bytes are needed.
  static func status(_ outcome: RequestHeadParser.Outcome) -> Int {
    switch outcome {
    case .incomplete: 0
    case .complete: 200
    case .fault(let fault): fault.code.status
    }
  }

  static func parse(_ bytes: [UInt8]) -> RequestHeadParser.Outcome {
    let parser = RequestHeadParser(headBytes: 16_384, fields: 100, targetBytes: 8192)
    return parser.parse(bytes.span)
  }

  /// The first decision when bytes are added one by one.
  static func parseByteByByte(_ bytes: [UInt8]) -> RequestHeadParser.Outcome {
    let parser = RequestHeadParser(headBytes: 16_384, fields: 100, targetBytes: 8192)
    for count in 0...bytes.count {
      let outcome = parser.parse(Array(bytes[..<count]).span)
      if outcome != .incomplete { return outcome }
    }
    return .incomplete
  }
}
