import Queries
import Records
import RoostCore
import Testing

/// Records with more words than a `tsvector` of PostgreSQL holds are found as on SQLite.
@Suite struct SearchOverflowTests {
  private static let schema = """
    type Note @collection @allow(ops: [ALL], owner: "owner") {
      owner: User! key: String! title: String @search body: String @search
    }
    """

  /// Different words of 64 bytes, as long as a token may be.
  private static func words(_ count: Int, _ letter: Character) -> String {
    (0..<count).map { word($0, letter) }.joined(separator: " ")
  }

  private static func word(_ number: Int, _ letter: Character) -> String {
    let digits = String(number)
    return String(repeating: letter, count: 59) + String(repeating: "0", count: 5 - digits.count)
      + digits
  }

  /// Words of `title`: about as many as a vector takes, somewhat more, and more than a field's
  /// index takes.
  @Test(arguments: [11_600, 11_800, 20_100])
  func `each indexed word is found, whatever there are`(count: Int) async throws {
    let search = try await SearchHouse(SearchOverflowTests.schema)
    let house = search.house
    let made = try await house.create(
      "notes",
      ["key": "big", "title": .string(SearchOverflowTests.words(count, "x")), "body": "plain"])
    try await house.create("notes", ["key": "small", "title": "plain", "body": "blue"])
    // One that is beyond a vector as a whole, of two fields that are not.
    try await house.create(
      "notes",
      [
        "key": "both", "title": .string(SearchOverflowTests.words(count / 2, "x")),
        "body": .string(SearchOverflowTests.words(count / 2, "y")),
      ])
    let word = SearchOverflowTests.word
    let last = count - 1
    for (text, fields, keys) in [
      (word(0, "x"), nil, ["big", "both"]), (word(0, "y"), nil, ["both"]),
      (word(last, "x"), nil, count <= 20_000 ? ["big"] : []), (word(last + 1, "x"), nil, []),
      (word(19_999, "x"), nil, count >= 20_000 ? ["big"] : []),
      (word(0, "x") + " plain", nil, ["big"]), (word(0, "x") + " blue", nil, []),
      (word(0, "x"), ["body"], []), (word(0, "x"), ["title"], ["big", "both"]),
      (word(0, "x") + " " + word(0, "y"), nil, ["both"]),
      ("\"\(word(1, "x")) \(word(2, "x"))\"", nil, ["big", "both"]),
      ("\"\(word(2, "x")) \(word(1, "x"))\"", nil, []),
      (String(repeating: "x", count: 59) + "*", nil, ["big", "both"]),
      (String(repeating: "x", count: 60) + "*", nil, []), ("plain", nil, ["big", "small"]),
      ("x", nil, []), ("blue", nil, ["small"]),
    ] as [(String, [String]?, [String])] {
      #expect(try await search.found(text, fields: fields) == keys, "\(count) \(text.suffix(20))")
    }
    // It becomes small, and too large again.
    try await house.update("notes", made["id"], ["title": "green"])
    #expect(try await search.found(word(0, "x")) == ["both"])
    #expect(try await search.found("green plain") == ["big"])
    try await house.update(
      "notes", made["id"], ["title": .string(SearchOverflowTests.words(count, "z"))])
    #expect(try await search.found("green") == [])
    #expect(try await search.found(word(min(count, 20_000) - 1, "z")) == ["big"])
    try await house.delete("notes", made["id"])
    #expect(try await search.found(word(0, "z")) == [])
    await search.close()
  }
}
