import Queries
import RoostCore
import Sync
import TestEngine
import Testing

@testable import RoostServer

@Suite struct DeviceNameTests {
  private static let person = UUID(high: 0x0199_c1d0_0000_7000, low: 0x8000_0000_0000_0001)

  private func insert(_ name: String, _ number: UInt64, on database: any Database) async throws {
    let id = UUID(high: 0x0199_c1d0_0000_7000, low: 0x8000_0000_0000_0100 + number)
    _ = try await database.write { transaction in
      try await transaction.execute(
        """
        INSERT INTO roost_device ("user", id, name, platform, cid, session, first_seen, last_seen, \
        revoked_at, cursors) VALUES (\(DeviceNameTests.person), \(id), \(name), 'ios', \(id), NULL, \
        1, \(Int64(number)), NULL, '{}')
        """)
    }
  }

  private func named(_ database: any Database) async throws -> [String] {
    try await database.read(.statement) { reader in
      try await reader.all("SELECT name, is_named FROM roost_device ORDER BY last_seen") {
        "\($0.text(0)) \($0.int64(1))"
      }
    }
  }

  @Test func `devices of a database of before are named by nobody yet`() async throws {
    let folder = TestEngine.folder("devices")
    defer { TestEngine.remove(folder) }
    let database = try TestEngine.open(folder)
    try await Migrator.run(RoostMigrations.all.filter { $0.number < 31 }, on: database)
    try await insert("Phone", 1, on: database)
    try await Migrator.run(RoostMigrations.all, on: database)
    // As a server of before does, beside one of now.
    try await insert("Tablet", 2, on: database)
    #expect(try await named(database) == ["Phone 0", "Tablet 0"])
    let store = DeviceStore(on: database, time: SystemTime())
    let person = DeviceNameTests.person
    let devices = try await database.read(.statement) { reader in
      try await store.devices(of: person, in: reader)
    }
    #expect(devices.map(\.name) == ["Tablet", "Phone"])
    #expect(try await store.rename(devices[1].id, of: person, to: "Kitchen"))
    #expect(try await named(database) == ["Kitchen 1", "Tablet 0"])
    await database.close()
  }
}
