import Foundation
import Jobs
import Testing

@Suite struct ZoneTests {
  @Test func clocksShowWhatPythonSays() throws {
    var checked = 0
    var zones: [Substring: Zone] = [:]
    for line in zoneAnswers.split(separator: "\n") {
      let words = line.split(separator: " ")
      let wall = try #require(Int64(words[1]))
      let expected = try #require(Int64(words[2]))
      let zone = try zones[words[0]] ?? ZoneFolder.system.zone(String(words[0]))
      zones[words[0]] = zone
      #expect(zone.instant(ofWall: wall) == expected, "\(line)")
      checked += 1
    }
    #expect(checked > 400)
    #expect(zones.count == 14)
  }

  /// What is shown at an instant, over years and beyond the last recorded change.
  @Test(
    arguments: [
      ("Europe/Berlin", 1_719_792_000, 7200), ("Europe/Berlin", 1_704_067_200, 3600),
      ("Europe/Berlin", 2_540_246_400, 7200), ("Australia/Lord_Howe", 1_704_067_200, 39600),
      ("Australia/Lord_Howe", 1_719_792_000, 37800), ("Asia/Kathmandu", 1_704_067_200, 20700),
      ("America/New_York", -3_000_000_000, -17762), ("UTC", 0, 0),
    ] as [(String, Int64, Int64)])
  func offsets(_ name: String, _ instant: Int64, _ seconds: Int64) throws {
    #expect(try ZoneFolder.system.zone(name).offset(at: instant) == seconds)
  }

  @Test func changesOfAStretchAreFound() throws {
    let berlin = try ZoneFolder.system.zone("Europe/Berlin")
    // The year 2024, and 2050, which only the rule behind the file knows.
    for start: Int64 in [1_704_067_200, 2_524_608_000] {
      let changes = berlin.transitions(after: start, upTo: start + 366 * 86_400)
      #expect(changes.map(\.after) == [7200, 3600])
    }
  }

  // MARK: Faults

  @Test(arguments: [
    "Europe/Nowhere", "../../etc/passwd", "/etc/passwd", "Europe/../UTC", "", "a b",
  ])
  func namesThatAreNoZonesAreRefused(_ name: String) {
    #expect(throws: ZoneError.self) { try ZoneFolder.system.zone(name) }
  }

  @Test func missingDataAreNamedWithWhatToDo() {
    let none = ZoneFolder(["/nonexistent/zoneinfo"])
    let error = #expect(throws: ZoneError.self) { try none.zone("Europe/Berlin") }
    #expect(error?.description.contains("install the package tzdata") == true)
    #expect((try? none.zone("UTC")) == .utc)
  }

  @Test func damagedDataAreRefused() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/roost-zones-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/Berlin"))
    func zone(_ data: Data) throws -> Zone {
      try data.write(to: URL(fileURLWithPath: folder + "/Broken"))
      return try ZoneFolder([folder]).zone("Broken")
    }
    #expect(try zone(whole).offset(at: 1_719_792_000) == 7200)
    for count in stride(from: 1, to: whole.count, by: 7) {
      #expect(throws: ZoneError.self) { try zone(whole.prefix(count)) }
    }
    var old = whole
    old[4] = 0
    #expect(throws: ZoneError.self) { try zone(old) }
    var other = whole
    other[0] = UInt8(ascii: "X")
    #expect(throws: ZoneError.self) { try zone(other) }
    // Whatever a byte is changed to, nothing traps.
    for place in stride(from: 0, to: whole.count, by: 11) {
      var changed = whole
      changed[place] ^= 0xFF
      _ = try? zone(changed).instant(ofWall: 1_719_792_000)
    }
  }
}
