import Foundation
import RoostCore
import Testing

@testable import RoostServer

@Suite("ZIP archives")
struct ZipArchiveTests {
  private func archive(_ entries: [(String, [UInt8])]) throws -> (TemporaryPath, [UInt8]) {
    let place = try TemporaryPath()
    let writer = ZipWriter(try ByteOutput(path: place.file))
    for (name, bytes) in entries {
      try writer.begin(name)
      try writer.write(bytes)
      try writer.end()
    }
    try writer.finish()
    return (place, Array(try Data(contentsOf: URL(fileURLWithPath: place.file))))
  }

  /// A folder that goes with the test.
  final class TemporaryPath {
    let folder: String
    var file: String { folder + "/a.zip" }

    init() throws {
      folder = NSTemporaryDirectory() + "roost-zip-" + Foundation.UUID().uuidString
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }
  }

  private func read(_ path: String) throws -> [String: [UInt8]] {
    let archive = try ZipArchive(try InputFile(path: path))
    var found: [String: [UInt8]] = [:]
    for entry in archive.entries {
      var bytes: [UInt8] = []
      try archive.extract(entry) { bytes += Array($0) }
      found[entry.name] = bytes
    }
    return found
  }

  @Test("What was written is read, also nothing and what does not pack")
  func roundTrip() throws {
    var noise: UInt32 = 1
    let random = (0..<700_000).map { _ -> UInt8 in
      noise = noise &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: noise >> 24)
    }
    let entries = [
      ("empty", []), ("naïve", Array("text".utf8)), ("noise", random),
      ("same", [UInt8](repeating: 7, count: 3_000_000)),
    ]
    let (place, _) = try archive(entries)
    #expect(try read(place.file) == Dictionary(uniqueKeysWithValues: entries))
  }

  @Test("No archive that was changed anywhere gives other bytes, or traps")
  func damage() throws {
    let content = Array(String(repeating: "some rows\n", count: 50).utf8)
    let (place, whole) = try archive([("a", content)])
    for index in whole.indices {
      var changed = whole
      changed[index] ^= 0xFF
      try Data(changed).write(to: URL(fileURLWithPath: place.file))
      guard let found = try? read(place.file) else { continue }
      #expect(found.values.allSatisfy { $0 == content || $0.isEmpty }, "byte \(index)")
    }
  }

  @Test("An entry that says to be larger than it can be is refused, and one that gives more")
  func bombs() throws {
    let (place, whole) = try archive([("a", [UInt8](repeating: 0, count: 5000))])
    // The size in the directory, in its ZIP64 field: 46 bytes of head, the name, four of the field.
    let directory = try #require(
      whole.indices.first { whole[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
    for size in [4999, 1_000_000_000] as [UInt64] {
      var changed = whole
      for byte in 0..<8 {
        changed[directory + 46 + 1 + 4 + byte] = UInt8(truncatingIfNeeded: size >> UInt64(8 * byte))
      }
      try Data(changed).write(to: URL(fileURLWithPath: place.file))
      let fault = #expect(throws: ImportFault.self) { try read(place.file) }
      #expect(fault?.code == "zip")
    }
  }
}
