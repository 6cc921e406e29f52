import RoostCore
import RoostServer
import Schema
import Testing

@Suite("Import mappings")
struct ImportMappingTests {
  @Test("A mapping is read with its places")
  func reads() throws {
    let text = """
      collection: plays
      format: tsv
      encoding: latin-1
      id: { key: "play:{userID}:{artistID}" }
      owner: { field: listener, account: "listener:{userID}" }
      fields:
        artist: { reference: "artist:{artistID}" }
        count: { column: weight }
        note: { column: note, empty: keep }
        friend: { account: "listener:{friendID}" }
        kind: { value: [1, "2", true, null] }
      """
    let mapping = try ImportMapping.parse(Array(text.utf8), path: "m.yaml")
    #expect(mapping.target == .collection("plays", SourcePlace(line: 1, column: 13)))
    #expect(mapping.format == .tsv)
    #expect(mapping.encoding == .latin1)
    guard case .key(let key) = mapping.identity else {
      Issue.record("no key")
      return
    }
    #expect(
      key.parts == [.text("play:"), .column("userID"), .text(":"), .column("artistID")])
    let fields = try #require(mapping.fields)
    #expect(fields.map(\.field) == ["listener", "artist", "count", "note", "friend", "kind"])
    #expect(
      fields[2].source
        == .column("weight", SourcePlace(line: 8, column: 20), keepsEmpty: false))
    #expect(
      fields[3].source == .column("note", SourcePlace(line: 9, column: 19), keepsEmpty: true))
    #expect(fields[5].source == .constant([1, "2", true, nil]))
  }

  @Test(
    "A fault is told with file, line and column",
    arguments: [
      ("", "1:1: the mapping is empty"),
      ("- a", "1:1: the mapping takes a mapping with collection:"),
      ("fields: {}", "1:1: collection: is missing"),
      ("collection: [a]", "1:13: collection: takes a name"),
      ("colection: a", "1:1: the mapping has no colection:; did you mean collection?"),
      ("collection: a\nformat: cvs", "2:9: format: takes jsonl, csv, tsv; did you mean csv?"),
      ("collection: a\nencoding: utf-16", "2:11: encoding: takes utf-8, latin-1"),
      ("collection: a\nid: 5", "2:5: id: takes a mapping with key:, column:"),
      ("collection: a\nid: {}", "2:5: id: takes one of key:, column:"),
      ("collection: a\nid: {key: x}", "2:11: \"x\" names no column"),
      ("collection: a\nid: {key: 'x{'}", "2:11: the braces of \"x{\" do not match"),
      ("collection: a\nid: {key: 'x}{a}'}", "2:11: the braces"),
      ("collection: a\nid: {key: 'x{}'}", "2:11: \"x{}\" needs the name of a column"),
      ("collection: a\nid: {key: 'x{a}', column: b}", "2:5: id: takes one of"),
      ("collection: a\nowner: {field: b}", "2:8: owner: needs field: and account:"),
      ("collection: a\nowner: {field: b, acount: c}", "2:19: owner: has no acount:; did you mean"),
      ("collection: a\nfields: [b]", "2:9: fields: takes a mapping"),
      ("collection: a\nfields:\n  b: c", "3:6: a field takes a mapping with column:"),
      ("collection: a\nfields:\n  b: {column: c, value: d}", "3:6: a field takes one of"),
      ("collection: a\nfields:\n  b: {empty: keep}", "3:6: a field takes one of"),
      (
        "collection: a\nfields:\n  b: {colum: c}",
        "3:7: a field has no colum:; did you mean column?"
      ),
      ("collection: a\nfields:\n  b: {column: c, empty: no}", "3:25: empty: takes null or keep"),
      ("collection: a\nfields:\n  b: {value: c, empty: keep}", "3:24: empty: goes with column:"),
      (
        "collection: a\nowner: {field: b, account: 'x{c}'}\nfields: {b: {column: c}}",
        "3:10: b is filled by owner: already"
      ),
      ("accounts: false", "1:11: accounts: takes true"),
      ("accounts: true\ncollection: a", "1:11: with accounts: true"),
      ("collection: &a b", "1:13: anchors"),
    ])
  func refuses(text: String, expected: String) {
    let fault = #expect(throws: ImportFault.self) {
      try ImportMapping.parse(Array(text.utf8), path: "m.yaml")
    }
    #expect(fault?.exitStatus == 2)
    #expect(fault?.message.hasPrefix("m.yaml:" + expected) == true, "\(fault?.message ?? "")")
  }

  @Test("Identifiers are of version 8 and depend on the text alone")
  func identifiers() {
    let id = DerivedID.key("artist:1")
    #expect(id == DerivedID.key("artist:1"))
    #expect(id != DerivedID.key("artist:2"))
    let text = Array(id.description)
    #expect(text[14] == "8")
    #expect("89ab".contains(text[19]))
    // The example of RFC 9562, appendix B.2.
    let names = UUID(high: 0x6ba7_b810_9dad_11d1, low: 0x80b4_00c0_4fd4_30c8)
    #expect(
      DerivedID.make(names, "www.example.com").description
        == "5c146b14-3c52-8afd-938a-375d0df1fbf6")
    // Pinned: data that was imported is found again by these.
    #expect(id.description == "302efe98-dc97-87c2-87dc-78e79025d30c")
  }
}
