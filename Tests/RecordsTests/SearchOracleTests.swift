import Queries
import Records
import RoostCore
import TestEngine
import Testing

/// Random records and queries against a search that looks at every record.
@Suite struct SearchOracleTests {
  private static let schema = """
    type Note @collection @allow(ops: [ALL], owner: "owner") {
      owner: User! key: String! one: String @search two: String @search list: [String!] @search
    }
    """
  private static let words = [
    "a", "ab", "abc", "b", "ba", "Á", "ÀB", "straße", "STRASSE", "strasse", "京", "東京", "京都", "東京都",
    "京b", "a京", "ก", "กา", "ไทย", "1", "１２", "12", "한", "한국", "ж", "Ж", "x-a", "a.b", "か", "が",
    "か\u{3099}", "👍", "|", "\"", "'",
  ]
  private static let separators = [" ", " ", " ", ", ", "-", "", "\n"]

  private struct Document {
    let key: String
    /// The texts of each field in pieces.
    let fields: [[[TextFolding.Piece]]]
  }

  /// Whether `term` is found in `text`, by its pieces and without tokens: words follow one another, a
  /// run at the edge of a term is part of a run, one inside is the end of it.
  private static func matches(
    _ wanted: [TextFolding.Piece], isPrefix: Bool, in pieces: [TextFolding.Piece]
  ) -> Bool {
    guard wanted.count <= pieces.count else { return false }
    for start in 0...(pieces.count - wanted.count) {
      let isFound = wanted.indices.allSatisfy { place in
        let isFirst = place == 0
        let isLast = place == wanted.count - 1
        switch (wanted[place], pieces[start + place]) {
        case (.word(let word), .word(let other)):
          return isLast && isPrefix ? other.utf8.starts(with: word.utf8) : word == other
        case (.run(let run), .run(let other)):
          guard run.count <= other.count else { return false }
          // Inside a term, a run is as whole as the term says: it begins where the words before it
          // end, and ends where those behind it begin.
          let starts = (0...(other.count - run.count)).filter { at in
            Array(other[at..<(at + run.count)]) == run
              && (isFirst || at == 0) && (isLast || at + run.count == other.count)
          }
          return !starts.isEmpty
        default: return false
        }
      }
      if isFound { return true }
    }
    return false
  }

  private static func text(_ numbers: inout TestNumbers) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0...6, using: &numbers) {
      text += words.randomElement(using: &numbers) ?? ""
      text += separators.randomElement(using: &numbers) ?? ""
    }
    return text
  }

  @Test func itFindsWhatALookAtEveryRecordFinds() async throws {
    let search = try await SearchHouse(SearchOracleTests.schema)
    let house = search.house
    let notes = house.collection("notes")
    let owner: JSON = .string(house.ann.uid?.description ?? "")
    var numbers = TestNumbers(2026)
    var documents: [Document] = []
    var creates: [PreparedCreate] = []
    for number in 0..<150 {
      let fields = [
        [SearchOracleTests.text(&numbers)], [SearchOracleTests.text(&numbers)],
        (0..<Int.random(in: 0...3, using: &numbers)).map { _ in SearchOracleTests.text(&numbers) },
      ]
      documents.append(
        Document(
          key: "k\(number)", fields: fields.map { $0.map { TextFolding.pieces(of: $0) } }))
      creates.append(
        try house.records.systemCreate(
          notes,
          [
            "owner": owner, "key": .string("k\(number)"), "one": .string(fields[0][0]),
            "two": .string(fields[1][0]), "list": .array(fields[2].map { .string($0) }),
          ]))
    }
    for error in try await house.records.importBatch(creates) { #expect(error == nil) }
    try await house.records.awaitSearch(notes, patience: 60_000)
    let names = ["one", "two", "list"]
    var found = 0
    for _ in 0..<(TestEngine.isThorough ? 10_000 : 3_000) {
      var terms: [(text: String, isPrefix: Bool)] = []
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let text = (0..<Int.random(in: 1...3, using: &numbers)).map { _ in
          SearchOracleTests.words.randomElement(using: &numbers) ?? ""
        }.joined(separator: " ").filter { $0 != "\"" }
        terms.append((text, Bool.random(using: &numbers)))
      }
      terms.removeAll { TextFolding.pieces(of: $0.text).isEmpty }
      // The beginning of a word has two letters at least.
      terms.removeAll { term in
        guard term.isPrefix, case .word(let word)? = TextFolding.pieces(of: term.text).first else {
          return false
        }
        return TextFolding.pieces(of: term.text).count == 1 && word.unicodeScalars.count < 2
      }
      if terms.isEmpty { continue }
      let subset = names.indices.filter { _ in Bool.random(using: &numbers) }
      let query = try SearchQuery(
        terms.map { "\"\($0.text)\"" + ($0.isPrefix ? "*" : "") }.joined(separator: " "))
      let condition = notes.searchCondition(
        query, fields: subset.compactMap { notes.index(of: names[$0]) })
      let keys = try await house.texts("SELECT key FROM notes WHERE \(condition)")
      let wanted = terms.map { (TextFolding.pieces(of: $0.text), $0.isPrefix) }
      let expected = documents.filter { document in
        wanted.allSatisfy { term in
          subset.contains { field in
            document.fields[field].contains {
              SearchOracleTests.matches(term.0, isPrefix: term.1, in: $0)
            }
          }
        }
      }.map(\.key)
      found += expected.count
      guard Set(keys) == Set(expected) else {
        Issue.record("\(terms) in \(subset): found \(keys.count), expected \(expected.count)")
        break
      }
    }
    #expect(found > 1500)
    await search.close()
  }
}
