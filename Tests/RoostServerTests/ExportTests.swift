import Foundation
import Queries
import RoostCore
import TestEngine
import Testing

@testable import Accounts
@testable import Records
@testable import RoostServer

/// An app to be exported and others to take it in, each with a database of its own.
struct ExportHouse {
  static let schema = """
    enum Size { S M L }
    type Thing @collection @allow(ops: [ALL]) {
      flag: Boolean
      whole: Int
      long: Int64
      longs: [Int64!]
      price: Money
      ratio: Float
      text: String
      day: Date
      at: DateTime @constraint(temporal: FUTURE)
      lasts: Duration
      mail: Email @pii(kind: "address")
      page: URL
      size: Size @default(value: "M")
      place: GeoPoint
      data: JSON
      words: [String!]
      other: Thing
      owner: User
      band: Band
    }
    type Band @collection @allow(ops: [ALL]) {
      name: String! @unique @pii(kind: "name")
      leader: Thing
    }
    type Play @collection @allow(ops: [ALL]) {
      thing: Thing! @relation(onDelete: CASCADE)
      number: Int! @constraint(min: 1)
    }
    """

  let house: ImportHouse

  init(_ schema: String = ExportHouse.schema) async throws {
    house = try await ImportHouse(schema, followers: false)
  }

  func add(_ name: String, _ body: JSON) async throws {
    let collection = try #require(house.app.records.catalogue.collection(named: name))
    _ = try await house.app.records.create(collection, body, by: .system)
  }

  func export(_ name: String, _ options: ExportJob.Options = .init(), zip: Bool = false)
    async throws -> String
  {
    let path = house.folder.path + "/" + name
    let report = try await ExportJob(
      house.app, to: zip ? .zip(path) : .folder(path), options: options
    ).run()
    #expect(report.files.allSatisfy { $0.sha256?.count == 64 })
    return path
  }

  func take(_ path: String, _ change: (inout ProjectImport.Options) -> Void = { _ in })
    async throws -> [ImportReport]
  {
    var options = ProjectImport.Options()
    change(&options)
    return try await ProjectImport(
      house.app, try ProjectSource(path, scratch: house.folder.path), options: options
    ).run()
  }

  static func id(_ number: Int) -> String {
    RoostCore.UUID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0000 | UInt64(number))
      .description
  }

  /// Every type of field with its bounds, rings of references, a deleted row.
  func fill() async throws {
    let person = RoostCore.UUID(high: 1, low: 0x8000_0000_0000_0001)
    let gone = RoostCore.UUID(high: 1, low: 0x8000_0000_0000_0002)
    _ = try await house.app.database.write { transaction in
      var account = AccountRecord(id: person)
      account.email = "someone@example.com"
      account.createdAt = Timestamp(milliseconds: 1_700_000_000_123)
      account.claims = [
        .init(name: "band:1", by: nil, at: Timestamp(milliseconds: 1_700_000_000_456))
      ]
      account.passwordHash = Secret("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA")
      _ = try await house.app.accounts.restore(account, in: transaction)
      var other = AccountRecord(id: gone)
      other.isAnonymous = true
      return try await house.app.accounts.restore(other, in: transaction)
    }
    try await add("things", ["id": .string(Self.id(9))])
    // It said of the future what is past by now.
    let things = try #require(house.app.records.catalogue.collection(named: "things"))
    let old = try house.app.records.systemCreate(
      things,
      [
        "id": .string(Self.id(1)), "flag": true, "whole": -2_147_483_648,
        "long": "-9223372036854775808", "longs": ["9007199254740993", 4], "price": 12_345,
        "ratio": 0.1, "text": "Ætt, \"quoted\"\r\n\ttab \\ \u{1F3B8} e\u{301}",
        "day": "2024-02-29", "at": "2024-06-01T00:00:00.000Z", "lasts": "PT1H30M",
        "mail": "a@example.com", "page": "https://example.com/?q=1,2", "size": "L",
        "place": ["lat": 64.1, "lon": -21.9], "data": ["a": [1, 2.5, .null], "b": "x\ty"],
        "words": ["a", ""], "other": .string(Self.id(9)), "owner": .string(person.description),
      ],
      stamp: RecordStamp(
        version: 3, createdAt: Timestamp(milliseconds: 1_704_067_200_000),
        updatedAt: Timestamp(milliseconds: 1_706_745_600_001)))
    #expect(try await house.app.records.importBatch([old]).allSatisfy { $0 == nil })
    try await add("things", ["id": .string(Self.id(2)), "text": "", "size": .null, "ratio": 1e300])
    try await add("things", ["id": .string(Self.id(3)), "text": "deleted"])
    try await add(
      "bands", ["id": .string(Self.id(1)), "name": "One", "leader": .string(Self.id(1))])
    try await add("plays", ["thing": .string(Self.id(1)), "number": 3])
    func uuid(_ number: Int) -> RoostCore.UUID {
      RoostCore.UUID(Self.id(number)) ?? .zero
    }
    // A row that refers to one behind it, and a ring over two collections.
    _ = try await house.app.records.update(
      things, uuid(1), ["band": .string(Self.id(1)), "other": .string(Self.id(9))],
      expecting: .any, by: .system)
    _ = try await house.app.records.update(
      things, uuid(2), ["owner": .string(gone.description)], expecting: .any, by: .system)
    try await house.app.records.delete(things, uuid(3), expecting: .any, by: .system)
    _ = try await house.app.database.write { transaction in
      try await transaction.execute(
        "UPDATE roost_user SET deleted_at = 1700000000999 WHERE id = \(gone)")
    }
  }
}

@Suite("Exporting and taking in again")
struct ExportTests {
  private func bytes(_ path: String, _ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
  }

  @Test(
    "A project comes back the same, byte for byte",
    arguments: FileFormat.allCases, [false, true])
  func roundTrip(format: FileFormat, isTrusted: Bool) async throws {
    let first = try await ExportHouse()
    try await first.fill()
    var options = ExportJob.Options()
    options.format = format
    options.withCredentials = true
    let out = try await first.export("out", options)
    let second = try await ExportHouse()
    let reports = try await second.take(out) { $0.isTrusted = isTrusted }
    #expect(reports.map(\.failure) == [nil, nil, nil, nil])
    #expect(reports.map(\.refused) == [0, 0, 0, 0], "\(reports.flatMap(\.shownIssues))")
    #expect(reports.reduce(0) { $0 + $1.imported } == 7)
    let again = try await second.export("again", options)
    let names = ["things", "bands", "plays"].map { "\($0).\(format.rawValue)" }
    for name in names + ["roost-accounts.jsonl"] {
      #expect(try bytes(out, name) == bytes(again, name), "\(name)")
    }
    let text = String(decoding: try bytes(out, names[0]), as: UTF8.self)
    #expect(!text.contains("deleted"))
    #expect(text.contains("\u{1F3B8} e\u{301}"))
    // Once more changes nothing.
    let rerun = try await second.take(out)
    #expect(rerun.map(\.unchanged).reduce(0, +) == 7, "\(rerun.map(\.counts))")
    #expect(
      try await first.house.rows(
        "SELECT count(*) FROM roost_scope_row WHERE kind = 1", columns: 1)
        == second.house.rows("SELECT count(*) FROM roost_scope_row WHERE kind = 1", columns: 1))
    await first.house.close()
    await second.house.close()
  }

  @Test(
    "What is said of the future must have been so when it was said",
    arguments: [("2024-01-01", 1), ("2024-01-03", 0)])
  func temporal(day: String, refused: Int) async throws {
    let house = try await ExportHouse(
      "type Day @collection @allow(ops: [ALL]) { at: DateTime @constraint(temporal: FUTURE) }")
    let out = try await house.export("out")
    let manifest = try String(contentsOfFile: out + "/roost-export.json", encoding: .utf8)
      .replacing(#/,"rows":\d+,"bytes":\d+,"sha256":"[0-9a-f]+"/#, with: "")
    try manifest.write(toFile: out + "/roost-export.json", atomically: false, encoding: .utf8)
    let line = """
      {"id":"\(ExportHouse.id(1))","createdAt":"2024-01-02T00:00:00.000Z",\
      "at":"\(day)T00:00:00.000Z"}

      """
    let name = try #require(house.house.app.records.catalogue.collections.first?.name)
    try line.write(toFile: out + "/\(name).jsonl", atomically: false, encoding: .utf8)
    let reports = try await house.take(out)
    #expect(reports.last?.refused == refused, "\(reports.flatMap(\.shownIssues))")
    await house.house.close()
  }

  @Test(
    "A time within a minute ahead of the clock stays, and one beyond becomes that of the import",
    arguments: [
      // Milliseconds of now for createdAt and updatedAt, and which of them stay.
      (-5000, 59_000, true, true), (50_000, 59_000, true, true), (0, 61_000, true, false),
      (50_000, 70_000, true, false), (61_000, 62_000, false, false),
    ])
  func timesAhead(created: Int64, updated: Int64, keeps: Bool, keepsUpdate: Bool) {
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    let stamp = RecordStamp(
      version: 7, createdAt: now.adding(milliseconds: created),
      updatedAt: now.adding(milliseconds: updated))
    var bound = TimeBound(now: now)
    let held = bound.held(stamp)
    #expect(held?.version == 7)
    #expect(held?.createdAt == (keeps ? stamp.createdAt : now))
    // Never before the record was made.
    let latest = max(now, held?.createdAt ?? now)
    #expect(held?.updatedAt == (keepsUpdate ? stamp.updatedAt : latest))
    #expect(bound.replaced == (keeps && keepsUpdate ? 0 : 1))
    var account = AccountRecord(id: RoostCore.UUID(high: 1, low: 1))
    account.createdAt = stamp.createdAt
    account.roles = [.init(name: "a", by: nil, at: stamp.updatedAt)]
    let person = bound.held(account)
    #expect(person.createdAt == (keeps ? stamp.createdAt : now))
    #expect(person.roles.first?.at == (keepsUpdate ? stamp.updatedAt : now))
  }

  @Test("An archive is taken in as a folder is, and one that is cut or changed is not")
  func archive() async throws {
    let first = try await ExportHouse()
    try await first.fill()
    let path = try await first.export("out.zip", zip: true)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    let second = try await ExportHouse()
    func take(_ data: Data) async throws -> [ImportReport] {
      let broken = second.house.folder.path + "/broken.zip"
      try data.write(to: URL(fileURLWithPath: broken))
      return try await second.take(broken)
    }
    for cut in [0, 10, whole.count / 3, whole.count - 30, whole.count - 1] {
      let fault = await #expect(throws: ImportFault.self) { try await take(whole.prefix(cut)) }
      #expect(fault?.code == "zip", "cut at \(cut)")
    }
    // A bit of the packed content, behind the head of the first entry.
    var changed = whole
    changed[90] ^= 0x10
    let fault = await #expect(throws: ImportFault.self) { try await take(changed) }
    #expect(fault?.code == "zip")
    #expect(try await second.house.rows("SELECT count(*) FROM things", columns: 1) == ["0"])
    #expect(try await take(whole).reduce(0) { $0 + $1.imported } == 7)
    await first.house.close()
    await second.house.close()
  }

  @Test("A manifest that does not fit is refused before anything is stored")
  func manifests() async throws {
    let first = try await ExportHouse()
    try await first.fill()
    let out = try await first.export("out")
    let manifest = out + "/roost-export.json"
    let text = try String(contentsOfFile: manifest, encoding: .utf8)
    func code(_ change: (String) -> String) async throws -> String? {
      try change(text).write(toFile: manifest, atomically: false, encoding: .utf8)
      return await #expect(throws: ImportFault.self) { try await first.take(out) }?.code
    }
    let faults: [(String, String)] = [
      ("\"roost-export\"", "\"other\""), ("\"formatVersion\":1", "\"formatVersion\":2"),
      ("\"things.jsonl\"", "\"../things.jsonl\""), ("\"things.jsonl\"", "\"plays.jsonl\""),
      ("\"syntax\":\"jsonl\"", "\"syntax\":\"csv\""), ("\"bytes\":", "\"bytes\":1"),
      ("\"sha256\":\"", "\"sha256\":\"0"), ("{", "["),
    ]
    for (old, new) in faults {
      // The last one that stands there: the digest of the schema comes first.
      let found = try await code { text in
        guard let range = text.range(of: old, options: old == "{" ? [] : .backwards) else {
          return text
        }
        return text.replacingCharacters(in: range, with: new)
      }
      #expect(found == "manifest", "\(old) → \(new)")
    }
    try text.write(toFile: manifest, atomically: false, encoding: .utf8)
    try FileManager.default.removeItem(atPath: manifest)
    let fault = await #expect(throws: ImportFault.self) { try await first.take(out) }
    #expect(fault?.code == "manifest")
    await first.house.close()
  }

  @Test("An export of another schema is refused, or taken as far as its lines fit")
  func otherSchema() async throws {
    let first = try await ExportHouse(
      "type Tag @collection @allow(ops: [ALL]) { text: String! size: Int }")
    try await first.add("tags", ["text": "a", "size": 1])
    try await first.add("tags", ["text": "long text", "size": 2])
    let out = try await first.export("out")
    let second = try await ExportHouse(
      """
      type Tag @collection @allow(ops: [ALL]) {
        text: String! @constraint(maxLength: 4) size: Int more: Int
      }
      """)
    let fault = await #expect(throws: ImportFault.self) { try await second.take(out) }
    #expect(fault?.code == "schema")
    #expect(fault?.message.contains("tags is another one: it has more Int now") == true)
    let reports = try await second.take(out) { $0.takesAnySchema = true }
    #expect(reports.last?.counts == "1/0/1")
    #expect(reports.last?.shownIssues == ["2 /text max_length"])
    await first.house.close()
    await second.house.close()
  }

  @Test("References to nothing are refused, those to refused lines too, and can be fed mended")
  func dangling() async throws {
    let first = try await ExportHouse()
    let out = first.house.folder.path + "/mended"
    try await first.fill()
    let whole = try await first.export("whole")
    try FileManager.default.copyItem(atPath: whole, toPath: out)
    // Without digests, as for a file mended by hand.
    let manifest = try String(contentsOfFile: out + "/roost-export.json", encoding: .utf8)
      .replacing(#/,"rows":\d+,"bytes":\d+,"sha256":"[0-9a-f]+"/#, with: "")
    try manifest.write(
      toFile: out + "/roost-export.json", atomically: false, encoding: .utf8)
    let things = try String(contentsOfFile: out + "/things.jsonl", encoding: .utf8)
    let lines = things.split(separator: "\n")
    #expect(lines.count == 3)
    // The thing that the first one refers to is left out.
    try (lines.dropLast().joined(separator: "\n") + "\n").write(
      toFile: out + "/things.jsonl", atomically: false, encoding: .utf8)
    for isTrusted in [false, true] {
      let second = try await ExportHouse()
      let refused = second.house.folder.path + "/refused"
      let reports = try await second.take(out) {
        $0.isTrusted = isTrusted
        $0.refusedPath = refused
      }
      #expect(
        reports.map { "\($0.target) \($0.counts)" }.sorted()
          == ["accounts 2/0/0", "bands 0/0/1", "plays 0/0/1", "things 1/0/1"])
      #expect(try await second.house.rows("SELECT count(*) FROM things", columns: 1) == ["1"])
      // The missing line in front: what was refused is an export of its own.
      let file = refused + "/things.jsonl"
      let rest = try String(contentsOfFile: file, encoding: .utf8)
      #expect(rest == lines[0] + "\n")
      try (rest + lines[2] + "\n").write(toFile: file, atomically: false, encoding: .utf8)
      let mended = try await second.take(refused)
      #expect(mended.map(\.refused).reduce(0, +) == 0, "\(mended.flatMap(\.shownIssues))")
      let again = try await second.export("again")
      for name in ["things.jsonl", "bands.jsonl", "plays.jsonl"] {
        #expect(try bytes(whole, name) == bytes(again, name))
      }
      await second.house.close()
    }
    await first.house.close()
  }

  @Test("Broken, doubled, badly encoded and gigantic lines are refused by themselves")
  func badLines() async throws {
    let house = try await ExportHouse(
      "type Tag @collection @allow(ops: [ALL]) { text: String! }")
    try await house.add("tags", ["id": .string(ExportHouse.id(1)), "text": "a"])
    let out = try await house.export("out")
    let manifest = try String(contentsOfFile: out + "/roost-export.json", encoding: .utf8)
      .replacing(#/,"rows":\d+,"bytes":\d+,"sha256":"[0-9a-f]+"/#, with: "")
    try manifest.write(
      toFile: out + "/roost-export.json", atomically: false, encoding: .utf8)
    func line(_ number: Int, _ rest: String) -> String {
      "{\"id\":\"\(ExportHouse.id(number))\",\(rest)}"
    }
    var data = Data(
      [
        line(1, "\"text\":\"other\""), "{\"text\"", line(2, "\"text\":\"b\",\"version\":0"),
        line(3, "\"text\":\"c\",\"createdAt\":\"yesterday\""), line(4, "\"txt\":\"d\""),
        "{\"text\":\"no id\"}",
        line(
          5,
          """
          "text":"e","createdAt":"2024-01-02T00:00:00.000Z","updatedAt":"2024-01-01T00:00:00.000Z"
          """),
        line(6, "\"text\":\"f\",\"version\":7,\"updatedAt\":\"2024-01-01T00:00:00.000Z\""),
        line(7, "\"text\":null"),
      ].joined(separator: "\n").utf8)
    data +=
      Data("\n{\"id\":\"\(ExportHouse.id(8))\",\"text\":\"".utf8) + [0xE9] + Data("\"}\n".utf8)
    data += Data("{\"text\":\"".utf8) + Data(repeating: 120, count: 64_000_001) + Data("\"}\n".utf8)
    try data.write(to: URL(fileURLWithPath: out + "/tags.jsonl"))
    let reports = try await house.take(out)
    #expect(reports.last?.counts == "1/0/10")
    #expect(
      reports.last?.shownIssues == [
        "1 /id duplicate_id", "2  json", "3 /version type", "4 /createdAt type",
        "5 /txt unknown_field", "5 /text required", "6 /id required", "7 /updatedAt range",
        "9 /text required",
        "10  json", "11  too_long",
      ])
    // A whole file in UTF-16 is told as such.
    let wide = Data([0xFF, 0xFE]) + Data(repeating: 0x61, count: 10)
    try wide.write(to: URL(fileURLWithPath: out + "/tags.jsonl"))
    let fault = await #expect(throws: ImportFault.self) { try await house.take(out) }
    #expect(fault?.code == "encoding")
    await house.house.close()
  }

  @Test("An take that in stopped goes on where it was, with the same refused lines")
  func resumes() async throws {
    let house = try await ExportHouse(
      "type Tag @collection @allow(ops: [ALL]) { text: String! @constraint(maxLength: 3) }")
    let big = try await ExportHouse(
      "type Tag @collection @allow(ops: [ALL]) { text: String! @constraint(maxLength: 9) }")
    for number in 1...60 {
      try await big.add(
        "tags",
        [
          "id": .string(ExportHouse.id(number)),
          "text": .string(number.isMultiple(of: 7) ? "too long" : "ok"),
        ])
    }
    let out = try await big.export("out")
    let refused = house.house.folder.path + "/refused"
    // Stopped after the first batch, by a task that is cancelled at its progress.
    let folder = house.house
    let task = Task {
      var options = ProjectImport.Options()
      options.refusedPath = refused
      options.batchRows = 10
      return try await ProjectImport(
        folder.app, try ProjectSource(out, scratch: folder.folder.path), options: options
      ) { progress in
        if progress.rows >= 20 { withUnsafeCurrentTask { $0?.cancel() } }
      }.run()
    }
    let stopped = try await task.value
    #expect(stopped.last?.failure?.contains("interrupted") == true)
    #expect(stopped.last?.code == "interrupted")
    #expect(stopped.last?.rows == 20)
    let rest = try await house.take(out) {
      $0.refusedPath = refused
      $0.batchRows = 10
    }
    #expect(rest.last?.rows == 60)
    #expect(rest.last?.refused == 8)
    #expect(rest.last.map { $0.imported + $0.unchanged } == 52)
    // At most one batch was read twice.
    #expect((rest.last?.unchanged ?? 99) <= 10)
    let lines = try String(contentsOfFile: refused + "/tags.jsonl", encoding: .utf8)
    #expect(lines.split(separator: "\n").count == 8)
    #expect(try await house.house.rows("SELECT count(*) FROM tags", columns: 1) == ["52"])
    #expect(try await house.house.rows("SELECT count(*) FROM roost_import", columns: 1) == ["0"])
    await house.house.close()
    await big.house.close()
  }

  @Test("Personal data are masked or left out, and told in the manifest")
  func personalData() async throws {
    let first = try await ExportHouse()
    try await first.fill()
    var options = ExportJob.Options()
    options.personalData = .mask
    let masked = try await first.export("masked", options)
    options.personalData = .leaveOut
    options.format = .csv
    let left = try await first.export("left", options)
    for path in [masked, left] {
      for name in FileManager.default.enumerator(atPath: path) ?? .init() {
        let text = String(decoding: try bytes(path, "\(name)"), as: UTF8.self)
        #expect(!text.contains("a@example.com") && !text.contains("someone@"), "\(name)")
        #expect(!text.contains("argon2"))
      }
      let manifest = try ExportManifest(
        Array(try bytes(path, "roost-export.json")), path: "m")
      #expect(manifest.files.count == 4)
      let text = String(decoding: try bytes(path, "roost-export.json"), as: UTF8.self)
      #expect(text.contains(#"{"collection":"things","field":"mail","kind":"address"}"#))
    }
    #expect(
      String(decoding: try bytes(left, "bands.csv"), as: UTF8.self)
        .hasPrefix("id,version,createdAt,updatedAt,leader\r\n"))
    // What is masked is valid, and can be taken in for a test.
    let second = try await ExportHouse()
    let reports = try await second.take(masked)
    #expect(reports.map(\.refused).reduce(0, +) == 0, "\(reports.flatMap(\.shownIssues))")
    await first.house.close()
    await second.house.close()
  }

  @Test("What cannot be written leaves nothing")
  func unwritable() async throws {
    let house = try await ExportHouse("type Tag @collection @allow(ops: [ALL]) { text: String! }")
    try await house.add("tags", ["text": "a"])
    var options = ExportJob.Options()
    options.collections = ["tagz"]
    let unknown = await #expect(throws: ImportFault.self) {
      try await house.export("out", options)
    }
    #expect(unknown?.code == "unknown_collection")
    let path = try await house.export("out")
    let taken = await #expect(throws: ImportFault.self) { try await house.export("out") }
    #expect(taken?.code == "exists")
    #expect(FileManager.default.fileExists(atPath: path + "/tags.jsonl"))
    let nowhere = await #expect(throws: ImportFault.self) {
      try await house.export("no/such/folder.zip", zip: true)
    }
    #expect(nowhere?.code == "write")
    await house.house.close()
  }

  // A file is what SQLite can be given a bound for.
  @Test(
    "A disk that fills in the middle keeps whole batches, and the same command goes on",
    .enabled(if: TestEngine.current == .sqlite))
  func fullDisk() async throws {
    let schema = "type Tag @collection @allow(ops: [ALL]) { text: String! parent: Tag }"
    let first = try await ExportHouse(schema)
    let text = String(repeating: "x", count: 200)
    let tags = try #require(first.house.app.records.catalogue.collection(named: "tags"))
    _ = try await first.house.app.records.importBatch(
      try (1...3000).map {
        try first.house.app.records.systemCreate(
          tags, ["id": .string(ExportHouse.id($0)), "text": .string(text)])
      })
    let out = try await first.export("out")
    let second = try await ExportHouse(schema)
    func limit(_ pages: Int64) async throws {
      _ = try await second.house.app.database.write { transaction in
        try await transaction.first("PRAGMA max_page_count=\(identifier: "\(pages)")") {
          $0.int64(0)
        }
      }
    }
    let used = try await second.house.app.database.read(.statement) { reader in
      try await reader.first("PRAGMA page_count") { $0.int64(0) } ?? 0
    }
    try await limit(used + 250)
    let stopped = try await second.take(out) { $0.batchRows = 500 }
    #expect(stopped.last?.failure?.contains("the disk is full") == true)
    let stored = try await second.house.rows("SELECT count(*) FROM tags", columns: 1)
    #expect(stored == ["\(stopped.last?.imported ?? -1)"])
    let imported = stopped.last?.imported ?? -1
    #expect(imported % 500 == 0)
    try await limit(1_000_000)
    let rest = try await second.take(out) { $0.batchRows = 500 }
    #expect(rest.last?.failure == nil)
    #expect(rest.last.map { $0.imported + $0.unchanged } == 3000)
    let again = try await second.export("again")
    #expect(try bytes(out, "tags.jsonl") == bytes(again, "tags.jsonl"))
    await first.house.close()
    await second.house.close()
  }
}
