import Queries
import RoostCore
import Testing

@testable import PostgresDriver

/// Values in the forms that PostgreSQL takes and gives.
@Suite struct EncodingTests {
  private static let id = UUID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)

  private static func encode(_ value: Value, _ type: UInt32) throws -> ([UInt8], Bool)? {
    var arena = ParameterArena()
    try arena.set([value], types: [type])
    return arena.contents[0].map { ($0.bytes, $0.isBinary) }
  }

  @Test(
    arguments: [
      (.int(-2), TypeID.int8, [255, 255, 255, 255, 255, 255, 255, 254]),
      (.int(258), TypeID.int4, [0, 0, 1, 2]),
      (.int(258), TypeID.int2, [1, 2]),
      (.int(1), TypeID.float8, [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
      (.int(1), TypeID.float4, [0x3F, 0x80, 0, 0]),
      (.int(7), TypeID.bool, [1]),
      (.int(0), TypeID.bool, [0]),
      (.double(0.5), TypeID.float8, [0x3F, 0xE0, 0, 0, 0, 0, 0, 0]),
      (.double(3), TypeID.int4, [0, 0, 0, 3]),
      (.blob([0, 255]), TypeID.bytea, [0, 255]),
      (.blob([]), TypeID.bytea, []),
      (.text("é"), TypeID.bytea, [0xC3, 0xA9]),
      (.uuid(id), TypeID.uuid, Array(1...16)),
      (.uuid(id), TypeID.bytea, Array(1...16)),
      (.blob(Array(1...16)), TypeID.uuid, Array(1...16)),
      (.text("01020304-0506-0708-090a-0b0c0d0e0f10"), TypeID.uuid, Array(1...16)),
    ] as [(Value, UInt32, [UInt8])])
  func `a value is written in the binary form of its placeholder's type`(
    value: Value, type: UInt32, expected: [UInt8]
  ) throws {
    let encoded = try EncodingTests.encode(value, type)
    #expect(encoded?.0 == expected)
    #expect(encoded?.1 == true)
  }

  @Test(
    arguments: [
      (.int(-2), TypeID.numeric, "-2"),
      (.int(5), TypeID.text, "5"),
      (.double(0.1), TypeID.numeric, "0.1"),
      (.double(4), TypeID.numeric, "4"),
      (.double(.nan), TypeID.numeric, "NaN"),
      (.double(-.infinity), TypeID.numeric, "-Infinity"),
      (.text(""), TypeID.text, ""),
      (.text("[1]"), TypeID.jsonb, "[1]"),
      (.uuid(id), TypeID.text, "01020304-0506-0708-090a-0b0c0d0e0f10"),
      (.blob([0x61]), TypeID.text, "a"),
    ] as [(Value, UInt32, String)])
  func `what has no binary form here is written as text`(
    value: Value, type: UInt32, expected: String
  ) throws {
    let encoded = try EncodingTests.encode(value, type)
    #expect(encoded.map { String(decoding: $0.0, as: UTF8.self) } == expected)
    #expect(encoded?.1 == false)
  }

  @Test(arguments: [TypeID.int8, TypeID.text, TypeID.bytea, TypeID.uuid, TypeID.numeric])
  func `NULL is NULL of any type`(type: UInt32) throws {
    #expect(try EncodingTests.encode(.null, type) == nil)
  }

  @Test(
    arguments: [
      (.int(2_147_483_648), TypeID.int4, .internalError),
      (.int(32_768), TypeID.int2, .internalError),
      (.int(-32_769), TypeID.int2, .internalError),
      (.double(0.5), TypeID.int8, .internalError),
      (.double(.nan), TypeID.int8, .internalError),
      (.double(1e300), TypeID.int8, .internalError),
      (.text("a\0b"), TypeID.text, .invalid),
      (.blob([0]), TypeID.text, .invalid),
      (.text("no id"), TypeID.uuid, .internalError),
      (.blob([1]), TypeID.int8, .internalError),
      (.int(1), TypeID.bytea, .internalError),
      (.double(1), TypeID.uuid, .internalError),
    ] as [(Value, UInt32, ErrorCode)])
  func `a value that does not fit is refused`(value: Value, type: UInt32, code: ErrorCode) {
    let error = #expect(throws: RoostError.self) {
      _ = try EncodingTests.encode(value, type)
    }
    #expect(error?.code == code)
  }

  @Test func `the largest and smallest numbers of each size fit`() throws {
    #expect(try EncodingTests.encode(.int(2_147_483_647), TypeID.int4)?.0 == [127, 255, 255, 255])
    #expect(try EncodingTests.encode(.int(-32_768), TypeID.int2)?.0 == [128, 0])
  }

  // As numeric_send writes them: count, weight, sign, scale, digits to base 10,000.
  @Test(
    arguments: [
      ([0, 0, 0, 0], 0, 0),
      ([1, 0, 0, 0, 42], 42, 42),
      ([1, 0, 0x4000, 0, 42], -42, -42),
      ([1, 1, 0, 0, 3], 30_000, 30_000),
      ([2, 1, 0, 0, 1, 2], 10_002, 10_002),
      ([2, 0, 0, 1, 1, 5000], nil, 1.5),
      ([1, -1, 0, 4, 1], nil, 0.0001),
      ([1, -1, 0x4000, 2, 2500], nil, -0.25),
      ([5, 4, 0, 0, 922, 3372, 368, 5477, 5807], .max, 9_223_372_036_854_775_808),
      ([5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808], .min, -9_223_372_036_854_775_808),
      ([5, 4, 0, 0, 922, 3372, 368, 5477, 5808], nil, 9_223_372_036_854_775_808),
      ([1, 5, 0, 0, 1], nil, 1e20),
      ([0, 0, 0xD000, 0], nil, .infinity),
      ([0, 0, 0xF000, 0], nil, -.infinity),
    ] as [([Int], Int64?, Double)])
  func `a numeric is a whole number if it fits, and else a double`(
    fields: [Int], whole: Int64?, double: Double
  ) {
    let bytes = fields.flatMap { field in
      let bits = UInt16(truncatingIfNeeded: field)
      return [UInt8(bits >> 8), UInt8(bits & 255)]
    }
    let number = bytes.withUnsafeBytes { BinaryFormat.numeric($0) }
    #expect(number.whole == whole)
    #expect(number.double == double)
  }

  @Test func `a numeric that is cut short or is no number traps nothing`() {
    for bytes in [[], [0, 1], [0, 2, 0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0xC0, 0, 0, 0]]
      as [[UInt8]]
    {
      let number = bytes.withUnsafeBytes { BinaryFormat.numeric($0) }
      #expect(number.whole == nil)
      #expect(number.double.isNaN)
    }
  }
}
