import Foundation
import Queries
import RoostCore
import RoostServer
import Schema
import Testing

/// The whole Last.fm set with the mappings of `Examples/lastfm`, where the set is at hand.
@Suite("The Last.fm set")
struct ImportLastfmTests {
  private static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  private static let data = package.appendingPathComponent("../shared/data/lastfm").path
  private static let example = package.appendingPathComponent("Examples/lastfm").path

  private static var isAtHand: Bool {
    FileManager.default.fileExists(atPath: data + "/artists.tsv")
  }

  private func run(
    _ house: ImportHouse, _ mapping: String, _ file: String
  ) async throws -> ImportReport {
    let path = "\(Self.example)/mappings/\(mapping).yaml"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try await house.run("\(Self.data)/\(file).tsv", mapping: text)
  }

  @Test(
    "Every line is in, or refused with its reason, and a second run imports nothing",
    .enabled(
      if: isAtHand, "the set is not in ../shared/data/lastfm; see Examples/lastfm/README.md"))
  func wholeSet() async throws {
    let schema = try String(contentsOfFile: Self.example + "/schema.graphql", encoding: .utf8)
    let house = try await ImportHouse(schema)

    let artists = try await run(house, "artists", "artists")
    #expect(artists.rows == 17_632)
    #expect(artists.counts == "17622/0/10", "\(artists.reasons)")
    #expect(artists.refusedLines.allSatisfy { $0.issues.map(\.code) == ["max_length"] })

    let counts = try await run(house, "counts", "user_artists")
    #expect(counts.rows == 92_846)
    // The refused ten are of artists that were refused.
    #expect(counts.counts == "92836/0/10", "\(counts.reasons)")
    #expect(counts.refusedLines.allSatisfy { $0.issues.map(\.code) == ["reference"] })
    #expect(counts.accountsMade == 1893)

    let friends = try await run(house, "friends", "user_friends")
    #expect(friends.counts == "25435/0/0", "\(friends.reasons)")
    #expect(friends.accountsMade == 0)

    let tags = try await run(house, "tags", "tags")
    #expect(tags.rows == 11_946)
    #expect(tags.counts == "11932/0/14", "\(tags.reasons)")

    for (mapping, file, first) in [
      ("artists", "artists", artists), ("friends", "user_friends", friends), ("tags", "tags", tags),
    ] {
      let second = try await run(house, mapping, file)
      #expect(second.counts == "0/\(first.imported)/\(first.refused)", "\(second.reasons)")
      #expect(second.accountsMade == 0)
    }

    let plain = try await house.run(
      Self.data + "/tags.tsv",
      mapping: """
        collection: tags
        id: { key: "plain:{tagID}" }
        fields: { text: { column: tagValue } }
        """)
    #expect(plain.refused == 22)
    let encoding = plain.refusedLines.filter { $0.issues.map(\.code) == ["encoding"] }
    #expect(!encoding.isEmpty)
    await house.close()
  }
}
