import Queries
import Records
import RoostCore
import RoostServer
import Testing

@Suite("Seeds")
struct SeedLoaderTests {
  private static let schema = """
    type BandMember @collection @allow(ops: [ALL], owner: "person") {
      person: User!
      band: Band!
      role: String
    }
    type Band @collection @allow(ops: [ALL]) { name: String! }
    """

  private static let ada = "0198c0de-0000-7000-8000-00000000000a"
  private static let band = "0198c0de-0000-7000-8000-00000000000b"

  private func load(_ house: ImportHouse) async throws -> [String] {
    let loader = SeedLoader(
      folder: house.folder.path + "/seeds", records: house.app.records,
      accounts: house.app.accounts, ambient: house.app.ambient)
    return try await loader.load().map { "\($0.target) \($0.counts)" }
  }

  @Test("An app without seeds has none")
  func none() async throws {
    let house = try await ImportHouse(Self.schema)
    #expect(try await load(house) == [])
    await house.close()
  }

  @Test("Accounts come first, then what others refer to; unchanged files are passed over")
  func order() async throws {
    let house = try await ImportHouse(Self.schema)
    _ = try house.folder.file(
      "seeds/bandMembers.jsonl", "{\"person\":\"\(Self.ada)\",\"band\":\"\(Self.band)\"}\n")
    _ = try house.folder.file(
      "seeds/bands.jsonl", "{\"id\":\"\(Self.band)\",\"name\":\"One\"}\n\n{\"name\":\"Two\"}\n")
    _ = try house.folder.file(
      "seeds/accounts.jsonl", "{\"id\":\"\(Self.ada)\",\"email\":\"ada@example.org\"}\n")
    _ = try house.folder.file("seeds/README.md", "not a seed")
    #expect(try await load(house) == ["accounts 1/0/0", "bands 2/0/0", "bandMembers 1/0/0"])
    #expect(try await load(house) == [])
    _ = try house.folder.file(
      "seeds/bands.jsonl", "{\"name\":\"Two\"}\n{\"name\":\"Three\"}\n")
    #expect(try await load(house) == ["bands 1/1/0"])
    #expect(try await load(house) == [])
    #expect(try await house.rows("SELECT count(*) FROM bands", columns: 1) == ["3"])
    await house.close()
  }

  @Test("What the app changed or deleted of the seeds stays so, and is no fault of theirs")
  func changed() async throws {
    let house = try await ImportHouse(Self.schema)
    let other = "0198c0de-0000-7000-8000-00000000000c"
    let text =
      "{\"id\":\"\(Self.band)\",\"name\":\"One\"}\n{\"id\":\"\(other)\",\"name\":\"Two\"}\n"
    _ = try house.folder.file("seeds/bands.jsonl", text)
    #expect(try await load(house) == ["bands 2/0/0"])
    let bands = try #require(house.app.records.catalogue.collection(named: "bands"))
    _ = try await house.app.records.update(
      bands, try #require(UUID(Self.band)), ["name": "Uno"], expecting: .nothing, by: .system)
    try await house.app.records.delete(
      bands, try #require(UUID(other)), expecting: .nothing, by: .system)
    _ = try house.folder.file("seeds/bands.jsonl", text + "{\"name\":\"Three\"}\n")
    #expect(try await load(house) == ["bands 1/2/0"])
    #expect(
      try await house.rows(
        "SELECT name FROM bands WHERE \(identifier: "deletedAt") IS NULL ORDER BY 1", columns: 1)
        == ["Three", "Uno"])
    await house.close()
  }

  @Test(
    "A broken seed is an error that names file and line, and mending it is enough",
    arguments: [
      ("bands.jsonl", "{\"name\":\"A\"}\n{\"nam\":\"B\"}", ":2: /nam unknown_field"),
      ("bands.jsonl", "{\"name\":\"A\"}\n{\"name\"}", ":2: json"),
      (
        "bandMembers.jsonl", "{\"person\":\"\(ada)\",\"band\":\"\(band)\"}", ":1: /person reference"
      ),
      ("accounts.jsonl", "{\"id\":\"\(ada)\",\"name\":\"Ada\"}", ":1: /name unknown_field"),
      ("accounts.jsonl", "{\"email\":\"ada@example.org\"}", ":1: /id type"),
      ("band.jsonl", "{}", ": the schema has no collection band; did you mean bands?"),
    ])
  func broken(name: String, text: String, expected: String) async throws {
    let house = try await ImportHouse(Self.schema)
    let path = try house.folder.file("seeds/" + name, text)
    let fault = await #expect(throws: ImportFault.self) { try await load(house) }
    #expect(fault?.exitStatus == 2)
    #expect(fault?.message.hasPrefix(path + expected) == true, "\(fault?.message ?? "")")
    if name == "bands.jsonl" {
      _ = try house.folder.file("seeds/" + name, "{\"name\":\"A\"}\n{\"name\":\"B\"}")
      #expect(try await load(house) == ["bands 1/1/0"])
    }
    await house.close()
  }
}
