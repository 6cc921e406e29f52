/// Where a request stands in a trace that goes over several programs: the header `traceparent`.
///
/// (W3C Trace Context, level 1: <https://www.w3.org/TR/trace-context/>.)
package struct TraceContext: Sendable, Equatable {
  /// The trace, as two halves of 64 bits; not both are 0.
  package let high: UInt64
  package let low: UInt64
  /// The span of the program that asks; never 0.
  package let span: UInt64
  package let isSampled: Bool

  package init(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool) {
    self.high = high
    self.low = low
    self.span = span
    self.isSampled = isSampled
  }

  /// Reads a `traceparent`; nil for one that is not exactly as the specification has it.
  ///
  /// Version 00 has 55 characters in lower case; what a later version adds behind a dash is passed
  /// over, and version ff does not exist.
  package init?(_ text: String) {
    var text = text
    let read: TraceContext? = text.withUTF8 { bytes in
      guard bytes.count >= 55, bytes[2] == 0x2D, bytes[35] == 0x2D, bytes[52] == 0x2D,
        let version = TraceContext.number(bytes, 0, 2), version != 0xFF,
        let high = TraceContext.number(bytes, 3, 16), let low = TraceContext.number(bytes, 19, 16),
        let span = TraceContext.number(bytes, 36, 16),
        let flags = TraceContext.number(bytes, 53, 2),
        high | low != 0, span != 0,
        bytes.count == 55 || version != 0 && bytes[55] == 0x2D
      else { return nil }
      return TraceContext(high: high, low: low, span: span, isSampled: flags & 1 == 1)
    }
    guard let read else { return nil }
    self = read
  }

  /// The header's value for those who are asked next.
  package var text: String {
    "00-" + traceID + "-" + TraceContext.hexadecimal(span) + (isSampled ? "-01" : "-00")
  }

  /// The trace as 32 digits.
  package var traceID: String {
    TraceContext.hexadecimal(high) + TraceContext.hexadecimal(low)
  }

  /// 16 digits in lower case.
  package static func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  /// What `tracestate` may be passed on: printable ASCII of at most 512 bytes; nil for anything else.
  package static func checkedState(_ text: String?) -> String? {
    guard let text, !text.isEmpty, text.utf8.count <= 512,
      text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
    else { return nil }
    return text
  }

  private static func number(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int
  ) -> UInt64? {
    var number: UInt64 = 0
    for index in start..<(start + count) {
      let digit: UInt8
      switch bytes[index] {
      case 0x30...0x39: digit = bytes[index] - 0x30
      case 0x61...0x66: digit = bytes[index] - 0x61 + 10
      default: return nil
      }
      number = number << 4 | UInt64(digit)
    }
    return number
  }
}
