import RoostCore
import Schema
import Testing

@Suite struct EncodeTests {
  private func encode(_ field: Field, _ value: FieldValue) -> String {
    var writer = JSONWriter()
    field.encode(value, into: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test(arguments: [
    ("Int", "2147483647", "2147483647"), ("Boolean", "true", "true"), ("Boolean", "null", "null"),
    ("Int64", "9007199254740992", "9007199254740992"),
    ("Int64", "9007199254740993", "\"9007199254740993\""),
    ("Int64", "-9007199254740993", "\"-9007199254740993\""),
    ("Int64", "-9223372036854775808", "\"-9223372036854775808\""),
    ("Money", "9223372036854775807", "9223372036854775807"),
    ("Float", "-0.0", "0"), ("Float", "0.1", "0.1"), ("Float", "1e300", "1e+300"),
    ("DateTime", "\"2026-01-31T20:00:00+01:00\"", "\"2026-01-31T19:00:00.000Z\""),
    ("Date", "\"2026-01-31\"", "\"2026-01-31\""), ("Duration", "\"PT90S\"", "\"PT1M30S\""),
    ("String", "\"a\\n\\\"é\"", "\"a\\n\\\"é\""), ("Kind", "\"CLUB\"", "\"CLUB\""),
    (
      "Band", "\"0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B\"", "\"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\""
    ),
    ("GeoPoint", "{\"lon\": 8.5, \"lat\": 47}", "{\"lat\":47,\"lon\":8.5}"),
    ("JSON", "{\"b\": 1, \"a\": [null]}", "{\"b\":1,\"a\":[null]}"),
    ("[Int64]", "[1, \"9007199254740993\", null]", "[1,\"9007199254740993\",null]"),
    ("[DateTime!]", "[\"2026-01-31T19:00:00Z\"]", "[\"2026-01-31T19:00:00.000Z\"]"),
    ("[Money!]", "[9007199254740993]", "[9007199254740993]"),
  ])
  func aValueIsWrittenAsTheContractSays(_ type: String, _ json: String, _ wire: String) throws {
    let field = try field("x: \(type)")
    let value = try field.decode(try JSON.parse(text: json), pointer: "").get()
    #expect(encode(field, value) == wire)
    // What is written reads as the same value again.
    let again = try field.decode(try JSON.parse(text: wire), pointer: "").get()
    #expect(again == value)
  }
}
