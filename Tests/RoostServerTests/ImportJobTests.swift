import Foundation
import Queries
import Records
import RoostCore
import RoostServer
import Synchronization
import Testing

@Suite("Importing")
struct ImportJobTests {
  static let schema = """
    type Artist @collection @allow(ops: [ALL]) {
      name: String! @constraint(maxLength: 12)
      code: String @unique
      kind: String @default(value: "solo")
    }
    type Play @collection @allow(ops: [ALL], owner: "listener") {
      listener: User! @immutable
      artist: Artist! @immutable
      plays: Int! @constraint(min: 1)
    }
    enum Size { S M L }
    type Thing @collection @allow(ops: [ALL]) {
      flag: Boolean
      whole: Int
      long: Int64
      price: Money
      ratio: Float
      text: String
      day: Date
      at: DateTime
      lasts: Duration
      mail: Email
      page: URL
      size: Size
      place: GeoPoint
      data: JSON
      words: [String!]
      other: Artist
    }
    """

  static let artists = """
    collection: artists
    id: { key: "artist:{id}" }
    fields:
      name: { column: name }
      code: { column: code }
    """

  @Test("Lines become records, the broken ones are refused with number, pointer and code")
  func imports() async throws {
    let house = try await ImportHouse(Self.schema)
    let text = """
      id,name,code
      1,One,a
      2,A name that is too long,b
      3,Three,a
      4,,d
      5,Five
      6,"Six
      lines",f
      ,Seven,g
      8,Eight,
      """
    let report = try await house.run("artists.csv", text, mapping: Self.artists)
    #expect(report.counts == "3/0/5")
    #expect(report.rows == 8)
    #expect(
      report.shownIssues == [
        "3 /name max_length", "4  conflict", "5 /name required", "6  columns", "9 /id required",
      ])
    #expect(report.exitStatus == 3)
    #expect(
      try await house.rows("SELECT name, code, kind, id FROM artists ORDER BY name", columns: 4)
        == [
          "Eight|-|solo|\(DerivedID.key("artist:8"))", "One|a|solo|\(DerivedID.key("artist:1"))",
          "Six\nlines|f|solo|\(DerivedID.key("artist:6"))",
        ])
    await house.close()
  }

  @Test("A second run imports nothing and refuses what was refused")
  func repeats() async throws {
    let house = try await ImportHouse(Self.schema)
    let text = "id\tname\tcode\n1\tOne\ta\n2\tTwo\tb\n3\tThree\ta\n"
    let first = try await house.run("a.tsv", text, mapping: Self.artists)
    #expect(first.counts == "2/0/1")
    let second = try await house.run("a.tsv", text, mapping: Self.artists)
    #expect(second.counts == "0/2/1")
    let more = try await house.run("a.tsv", text + "4\tFour\t\n", mapping: Self.artists)
    #expect(more.counts == "1/2/1")
    await house.close()
  }

  @Test("A line is unchanged only where its record lives and says the same; else it is refused")
  func taken() async throws {
    let house = try await ImportHouse(Self.schema)
    let text = "id,name,code\n1,One,a\n2,Two,\n3,Three,c\n4,Four,d\n4,Vier,e\n4,Four,d\n"
    let first = try await house.run("a.csv", text, mapping: Self.artists)
    #expect(first.counts == "4/1/1")
    #expect(first.shownIssues == ["6 /id duplicate_id"])
    let artists = try #require(house.app.records.catalogue.collection(named: "artists"))
    func edit(_ key: Int, _ body: JSON) async throws {
      _ = try await house.app.records.update(
        artists, DerivedID.key("artist:\(key)"), body, expecting: .nothing, by: .system)
    }
    // What a line does not give may change: the default of a field, and an empty cell.
    try await edit(1, ["kind": "band"])
    try await edit(2, ["code": "z"])
    try await edit(3, ["name": "Drei"])
    try await house.app.records.delete(
      artists, DerivedID.key("artist:4"), expecting: .nothing, by: .system)
    let second = try await house.run("a.csv", text, mapping: Self.artists)
    #expect(second.counts == "0/2/4")
    #expect(
      second.shownIssues == [
        "4 /id duplicate_id", "5 /id deleted_id", "6 /id deleted_id", "7 /id deleted_id",
      ])
    #expect(second.reasons.contains("there already with other values"))
    #expect(
      try await house.rows(
        "SELECT name, code, kind FROM artists WHERE \(identifier: "deletedAt") IS NULL ORDER BY 1",
        columns: 3) == ["Drei|c|solo", "One|a|band", "Two|z|solo"])
    await house.close()
  }

  @Test("Every kind of value is found again by a rerun, beyond one portion of look-ups")
  func sameValues() async throws {
    let house = try await ImportHouse(Self.schema)
    var lines = """
      {"flag":true,"whole":1,"long":"9007199254740993","price":5,"ratio":1,"text":"a"}
      {"day":"2026-01-31","at":"1970-01-01T00:00:01Z","lasts":"PT1M","size":"M"}
      {"mail":"Ada@Example.org","page":"https://a.example/","place":{"lat":1,"lon":2.5}}
      {"data":{"b":1.0,"a":[1e2,null,"x",0.1]},"words":["a","b"],"text":null}
      {"data":1e3}

      """
    for number in 0..<1200 { lines += "{\"whole\":\(number)}\n" }
    let path = try house.folder.file("t.jsonl", lines)
    #expect(try await house.run(path, .direct(collection: "things")).counts == "1205/0/0")
    #expect(try await house.run(path, .direct(collection: "things")).counts == "0/1205/0")
    await house.close()
  }

  @Test("Owners and references are made from keys, each account once")
  func owners() async throws {
    let house = try await ImportHouse(Self.schema)
    _ = try await house.run("a.csv", "id,name,code\n7,Seven,\n", mapping: Self.artists)
    let mapping = """
      collection: plays
      id: { key: "play:{user}:{artist}" }
      owner: { field: listener, account: "listener:{user}" }
      fields:
        artist: { reference: "artist:{artist}" }
        plays: { column: plays }
      """
    let text = "user,artist,plays\n1,7,3\n2,7,4\n1,8,5\n2,7,9\n3,7,0\n3,,1\n,7,1\n"
    let report = try await house.run("p.csv", text, mapping: mapping)
    #expect(report.counts == "2/0/5")
    #expect(
      report.shownIssues == [
        "4 /artist reference", "5 /id duplicate_id", "6 /plays min", "7 /id required",
        "8 /id required",
      ])
    // The third listener is named by refused lines only.
    #expect(report.accountsMade == 2)
    let listener = DerivedID.key("listener:1")
    #expect(
      try await house.rows("SELECT listener, plays FROM plays ORDER BY plays", columns: 2)
        == ["\(listener)|3", "\(DerivedID.key("listener:2"))|4"])
    #expect(try await house.rows("SELECT count(*) FROM roost_user", columns: 1) == ["2"])
    await house.close()
  }

  @Test(
    "Texts are converted by the type of their field",
    arguments: [
      ("flag", "true", "1"), ("flag", "0", "0"), ("flag", "yes", "/flag type"),
      ("whole", "42", "42"), ("whole", "-7", "-7"), ("whole", "1e2", "100"),
      ("whole", "1.5", "/whole type"),
      ("whole", "3000000000", "/whole range"), ("whole", "x", "/whole type"),
      ("whole", "99999999999999999999", "/whole range"),
      ("long", "9007199254740993", "9007199254740993"), ("long", "", "-"),
      ("price", "1250", "1250"), ("price", "12.50", "/price type"),
      ("ratio", "0.5", "0.5"), ("ratio", "nan", "/ratio type"), ("ratio", "1e400", "/ratio type"),
      ("text", " a ", " a "), ("text", "", "-"),
      ("day", "2026-01-31", "2026-01-31"), ("day", "31.1.2026", "/day type"),
      ("at", "1970-01-01T00:00:01Z", "1000"), ("at", "yesterday", "/at type"),
      ("lasts", "PT1M", "60000"), ("lasts", "60", "/lasts type"),
      ("mail", "ada@example.org", "ada@example.org"), ("mail", "ada", "/mail type"),
      ("page", "https://a.example/", "https://a.example/"), ("page", "a", "/page type"),
      ("size", "M", "M"), ("size", "XXL", "/size enum"),
      ("data", "{\"a\":[1]}", "{\"a\":[1]}"), ("data", "{", "/data type"),
      ("words", "[\"a\",\"b\"]", "[\"a\",\"b\"]"), ("words", "a;b", "/words type"),
      ("other", "x", "/other type"),
      ("other", "0198c0de-0000-7000-8000-000000000001", "/other reference"),
    ])
  func converts(field: String, text: String, expected: String) async throws {
    let house = try await ImportHouse(Self.schema)
    let mapping = """
      collection: things
      format: tsv
      id: { key: "thing:{n}" }
      fields: { \(field): { column: value } }
      """
    let report = try await house.run("t", "n\tvalue\n1\t\(text)\n", mapping: mapping)
    if expected.hasPrefix("/"), report.imported == 0 {
      #expect(report.shownIssues == ["2 " + expected])
    } else {
      #expect(report.counts == "1/0/0", "\(report.reasons)")
      #expect(
        try await house.rows("SELECT \(identifier: field) FROM things", columns: 1) == [expected])
    }
    await house.close()
  }

  @Test("An empty text is kept where the mapping says so")
  func keepsEmpty() async throws {
    let house = try await ImportHouse(Self.schema)
    let mapping = """
      collection: things
      id: { column: id }
      fields: { text: { column: text, empty: keep }, size: { value: L } }
      """
    let text = """
      id,text
      0198c0de-0000-7000-8000-000000000001,
      0198C0DE-0000-7000-8000-000000000002,x
      3,y
      """
    let report = try await house.run("t.csv", text, mapping: mapping)
    #expect(report.counts == "2/0/1")
    #expect(report.shownIssues == ["4 /id type"])
    #expect(
      try await house.rows("SELECT id, text, size FROM things ORDER BY id", columns: 3) == [
        "0198c0de-0000-7000-8000-000000000001||L", "0198c0de-0000-7000-8000-000000000002|x|L",
      ])
    await house.close()
  }

  @Test("Without a mapping columns and members bear the names of fields")
  func direct() async throws {
    let house = try await ImportHouse(Self.schema)
    let csv = try house.folder.file(
      "t.csv", "name,version,code\nOne,4,a\nTwo,5,b\nOne,4,a\n")
    let first = try await house.run(csv, .direct(collection: "artists"))
    #expect(first.counts == "2/1/0")
    let lines = """
      {"id":"0198c0de-0000-7000-8000-000000000001","name":"Three","createdAt":"x"}
      {"name":"Four","code":"d"}
      {"code":"d","name":"Four"}
      {"name":5}
      {"name":"Six","nme":1}
      {"id":"7","name":"Seven"}
      nonsense
      """
    let path = try house.folder.file("t.jsonl", lines)
    let second = try await house.run(path, .direct(collection: "artists"))
    #expect(second.counts == "2/1/4")
    #expect(
      second.shownIssues == [
        "4 /name type", "5 /nme unknown_field", "6 /id type", "7  json",
      ])
    #expect(
      try await house.rows("SELECT name FROM artists ORDER BY name", columns: 1)
        == ["Four", "One", "Three", "Two"])
    await house.close()
  }

  @Test("Files that name accounts make accounts")
  func accounts() async throws {
    let house = try await ImportHouse(Self.schema)
    let mapping = "accounts: true\nid: { key: 'u:{n}' }\nfields: { email: { column: mail } }"
    let text = "n,mail\n1,ada@example.org\n2,\n3,ada@example.org\n4,x\n,y\n"
    let report = try await house.run("u.csv", text, mapping: mapping)
    #expect(report.counts == "2/0/3")
    #expect(report.shownIssues == ["4  conflict", "5 /email format", "6 /id required"])
    #expect(try await house.run("u.csv", text, mapping: mapping).counts == "0/2/3")
    _ = try await house.app.database.write { transaction in
      try await transaction.execute(
        "UPDATE roost_user SET deleted_at = 1 WHERE id = \(DerivedID.key("u:2"))")
    }
    let changed = "n,mail\n1,ADA@example.org\n1,\n1,bob@example.org\n2,\n"
    let again = try await house.run("v.csv", changed, mapping: mapping)
    #expect(again.counts == "0/2/2")
    #expect(again.shownIssues == ["4 /id duplicate_id", "5 /id deleted_id"])
    #expect(
      try await house.rows(
        "SELECT coalesce(email, '-') AS email FROM roost_user ORDER BY 1", columns: 1)
        == ["-", "ada@example.org"])
    await house.close()
  }

  @Test(
    "A mapping that does not fit the schema or the header stops before the first line",
    arguments: [
      (
        "collection: artist",
        "m.yaml:1:13: the schema has no collection artist; did you mean artists?"
      ),
      (
        "collection: artists\nfields: { nme: { column: name } }",
        "m.yaml:2:11: artists has no field nme; did you mean name?"
      ),
      (
        "collection: artists\nfields: { name: { column: nam } }",
        "m.yaml:2:27: the file has no column nam; did you mean name?"
      ),
      (
        "collection: artists\nid: { key: 'a:{ident}' }\nfields: {}",
        "m.yaml:2:12: the file has no column ident; it has id, name, code"
      ),
      (
        "collection: artists\nfields: { name: { account: 'a:{id}' } }",
        "m.yaml:2:11: name is not a User"
      ),
      (
        "collection: plays\nfields: { plays: { reference: 'a:{id}' } }",
        "m.yaml:2:11: plays is no reference"
      ),
      ("collection: plays\nfields: { plays: { value: x } }", "m.yaml:2:11: plays must be"),
      ("collection: things", "the column \"name\" is no field of things"),
      (
        "accounts: true\nid: {column: id}\nfields: { name: {column: name} }",
        "m.yaml:3:11: of an account only email:"
      ),
    ])
  func misfits(mapping: String, expected: String) async throws {
    let house = try await ImportHouse(Self.schema)
    let path = try house.folder.file("a.csv", "id,name,code\n1,One,a\n")
    let parsed = try ImportMapping.parse(Array(mapping.utf8), path: "m.yaml")
    let fault = await #expect(throws: ImportFault.self) { try await house.run(path, parsed) }
    #expect(fault?.message.hasPrefix(expected) == true, "\(fault?.message ?? "")")
    #expect(fault?.exitStatus == 2)
    await house.close()
  }

  @Test("Refused lines are kept as they stood, with their reasons, and can be mended")
  func refusedFile() async throws {
    let house = try await ImportHouse(Self.schema)
    let refused = house.folder.path + "/refused.csv"
    let mapping = Self.artists + "\nencoding: latin-1"
    let bytes =
      Array("id,name,code\r\n1,One,a\r\n2,\"Too l".utf8) + [0xF6]
      + Array("ng,\r\nfor a name\",b\r\n3,Three\r\n4,Four,d\r\n5,\"x".utf8)
    let path = try house.folder.file("a.csv", bytes)
    let report = try await house.run(path, mapping: mapping, refused: refused)
    #expect(report.counts == "2/0/3")
    let kept = try [UInt8](Data(contentsOf: URL(fileURLWithPath: refused)))
    #expect(
      kept == Array("id,name,code\r\n2,\"Too l".utf8) + [0xF6]
        + Array("ng,\r\nfor a name\",b\r\n3,Three\r\n5,\"x\n".utf8))
    let reasons = try String(contentsOfFile: refused + ".reasons.jsonl", encoding: .utf8)
    let lines = try reasons.split(separator: "\n").map { try JSON.parse(text: String($0)) }
    #expect(lines.map { $0["line"]?.int } == [3, 5, 7])
    #expect(lines[0]["issues"]?.array?.first?["pointer"]?.string == "/name")
    let mended = String(decoding: kept, as: UTF8.self)
      .replacingOccurrences(of: "Three", with: "Three,c")
    let again = try await house.run("b.csv", mended, mapping: Self.artists, refused: refused)
    #expect(again.imported == 1)
    let clean = try await house.run("c.csv", "id,name,code\n", mapping: mapping, refused: refused)
    #expect(clean.rows == 0)
    #expect(clean.exitStatus == 0)
    #expect(!FileManager.default.fileExists(atPath: refused))
    let same = await #expect(throws: ImportFault.self) {
      try await house.run(path, mapping: mapping, refused: path)
    }
    #expect(same?.message.contains("is the input itself") == true)
    #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) == bytes)
    await house.close()
  }

  @Test("Batches go on one after another, with progress, and only the first reasons are kept")
  func manyRows() async throws {
    let house = try await ImportHouse(Self.schema)
    var text = "id,name,code\n"
    for number in 1...5000 {
      text += number.isMultiple(of: 50) ? "\(number),much too long a name,\n" : "\(number),n,\n"
    }
    let seen = Mutex<[ImportProgress]>([])
    let path = try house.folder.file("a.csv", text)
    let report = try await house.run(path, mapping: Self.artists) { progress in
      seen.withLock { $0.append(progress) }
    }
    #expect(report.counts == "4900/0/100")
    #expect(report.refusedLines.count == 20)
    #expect(report.refusedLines.first?.line == 51)
    #expect(report.reasons.hasSuffix("… and 80 more refused lines"))
    #expect(report.bytes == Int64(text.utf8.count))
    let progress = seen.withLock { $0 }
    #expect(progress.map(\.rows) == [1000, 2000, 3000, 4000, 5000])
    #expect(progress.last?.fraction == 1)
    #expect(report.json["imported"]?.int == 4900)
    #expect(report.summary.contains("5,000 lines read, 4,900 imported into artists"))
    await house.close()
  }

  @Test("A cancelled import keeps what it committed, and a rerun goes on")
  func cancelled() async throws {
    let house = try await ImportHouse(Self.schema)
    let text = "id,name,code\n" + (1...5000).map { "\($0),n,\n" }.joined()
    let path = try house.folder.file("a.csv", text)
    let task = Task {
      try await house.run(path, mapping: Self.artists) { _ in
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    let report = try await task.value
    #expect(report.failure?.contains("interrupted") == true)
    #expect(report.exitStatus == 1)
    #expect(report.imported == 1000)
    let rest = try await house.run(path, mapping: Self.artists)
    #expect(rest.counts == "4000/1000/0")
    await house.close()
  }
}
