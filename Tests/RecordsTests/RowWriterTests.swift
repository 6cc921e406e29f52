import Records
import RoostCore
import Testing

private let schema = """
  type Letter @collection @allow(ops: [ALL]) {
    subject: String
    body: String
    isRead: Boolean
    pages: Int
    words: Int64
    weight: Float
    postage: Money
    day: Date
    at: DateTime
    travelled: Duration
    data: JSON
    tags: [String!]
    counts: [Int64!]
    answerTo: Letter
    language: Language
  }
  enum Language { EN DE }
  """

/// Rows that are read, against the same rows as the write that made them answers them: one is written
/// straight from columns, the other from values in memory.
@Suite struct RowWriterTests {
  private static let widest: JSON = [
    "subject": .string(String(repeating: "\u{1}\"\\é\n", count: 500)),
    "body": .string(String(repeating: "\u{1F}", count: 5000)), "isRead": false,
    "pages": .int(Int64(Int32.min)), "words": "-9223372036854775808", "weight": -1.25e-300,
    "postage": .int(-1), "day": "0000-01-01", "at": "9999-12-31T23:59:59.999Z",
    "travelled": "P36500DT23H59M59.999S", "data": ["a": [1, 2.5, .null, "\u{7F}"]],
    "tags": ["", "\"", "long enough to be copied in more than one step of sixteen bytes"],
    "counts": ["9223372036854775807", 1, 0], "language": "EN",
  ]

  @Test(
    arguments: [
      [:], widest, ["subject": "", "weight": 3, "data": [:], "tags": [], "travelled": "PT0S"],
      ["words": 9_007_199_254_740_992, "pages": 10, "postage": 99, "isRead": true],
      ["words": "9007199254740993", "pages": 100, "postage": 12_345, "weight": 0.1],
      ["at": "1969-12-31T23:59:59.999Z", "day": "1970-01-01", "travelled": "-PT0.001S"],
    ] as [JSON])
  func `a row is read as it was answered when it was written`(body: JSON) async throws {
    let house = try await RecordsHouse(schema)
    let letters = house.collection("letters")
    let first = try await house.records.create(letters, body, by: .caller(house.ann))
    // Ids made later sort later.
    house.time.advance(1)
    var second = body
    if var object = second.object {
      object["answerTo"] = .string(first.id.description)
      second = .object(object)
    }
    let answer = try await house.records.create(letters, second, by: .caller(house.ann))
    let read = try await house.records.read(letters, answer.id, by: house.ann)
    #expect(
      String(decoding: read.json, as: UTF8.self) == String(decoding: answer.json, as: UTF8.self))
    let page = try await house.records.list(letters, ListQuery(), by: house.ann)
    let expected =
      "["
      + [first, answer].map { String(decoding: $0.json, as: UTF8.self) }
      .joined(separator: ",") + "]"
    #expect(String(decoding: page.items, as: UTF8.self) == expected)
    await house.close()
  }
}
