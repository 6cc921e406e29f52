import RoostCore
import Testing

@Suite struct JSONWriterTests {
  /// A string as JSON, byte by byte.
  private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = [34]
    for byte in bytes {
      switch byte {
      case 34: out += Array("\\\"".utf8)
      case 92: out += Array("\\\\".utf8)
      case 10: out += Array("\\n".utf8)
      case 13: out += Array("\\r".utf8)
      case 9: out += Array("\\t".utf8)
      case 0..<32:
        let digits = String(byte, radix: 16)
        out += Array(("\\u00" + (digits.count < 2 ? "0" : "") + digits).utf8)
      default: out.append(byte)
      }
    }
    return out + [34]
  }

  @Test(arguments: 0..<128) func `a byte is escaped wherever it stands`(byte: Int) {
    for length in 1...26 {
      for place in 0..<length {
        var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
        bytes[place] = UInt8(byte)
        var json = JSONWriter()
        bytes.withUnsafeBytes { json.string(utf8: $0) }
        #expect(json.bytes == JSONWriterTests.escaped(bytes))
      }
    }
  }

  @Test(arguments: [
    "", "\"", "\"\"\"\"\"\"\"\"\"", "\u{1}\u{0}\u{1F} \"!#[]\\", "é\u{2028}\u{7F}\u{80}\u{FF}",
    "ÀÀÀÀ\"ÀÀÀÀ\\ÀÀÀÀ", "\u{1F600}\u{1F600}\u{1F600}",
  ]) func `texts are escaped as their bytes ask for`(text: String) {
    var json = JSONWriter()
    json.string(text)
    #expect(json.bytes == JSONWriterTests.escaped(Array(text.utf8)))
    #expect((try? JSON.parse(json.bytes)) == .string(text))
  }

  @Test func `instants of days in any order are written as they describe themselves`() {
    var json = JSONWriter()
    var expected: [String] = []
    json.beginArray()
    for day in [0, 4, 0, 1, -1, -4, 20_000, 20_004, 20_001, 20_000, 4, 0] as [Int64] {
      for time in [0, 1, 43_200_123, 86_399_999] as [Int64] {
        let instant = Timestamp(milliseconds: day * 86_400_000 + time)
        // The second time it is remembered.
        for _ in 0..<2 {
          json.timestamp(instant)
          expected.append("\"\(instant)\"")
        }
      }
    }
    json.timestamp(.minimum)
    json.timestamp(.maximum)
    expected += ["\"\(Timestamp.minimum)\"", "\"\(Timestamp.maximum)\""]
    json.endArray()
    #expect(String(decoding: json.bytes, as: UTF8.self) == "[\(expected.joined(separator: ","))]")
  }

  @Test(arguments: [
    0, 9, 10, 99, 100, -1, -9, -10, 1_234_567_890_123, Int64.max, Int64.min,
  ]) func `integers are written in decimal digits`(value: Int64) {
    var json = JSONWriter()
    json.int(value)
    #expect(String(decoding: json.bytes, as: UTF8.self) == String(value))
  }

  @Test(arguments: 1...40) func `the start of a member is copied to its end and no further`(
    length: Int
  ) {
    let start = [UInt8](repeating: UInt8(ascii: "k"), count: length)
    let padded = start + [UInt8](repeating: 0, count: JSONWriter.memberStartPadding)
    var json = JSONWriter(capacity: 64)
    for _ in 0..<4 {
      padded.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { json.memberStart(padded: base, count: length) }
      }
      json.int(1)
    }
    let one = start + [UInt8(ascii: "1")]
    #expect(json.bytes == one + one + one + one)
  }
}
