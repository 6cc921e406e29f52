import Foundation
import Testing

@testable import RoostCore
@testable import RoostServer

@Suite("Files of backups")
struct BackupFileTests {
  private let folder: URL
  private let key: BackupKey

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "backup-\(Foundation.UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("key").path
    _ = try BackupKey.make(at: path, random: SystemRandom())
    key = try BackupKey.read(path)
  }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private func remove() { try? FileManager.default.removeItem(at: folder) }

  private func head(_ key: BackupKey?) -> BackupHead {
    BackupHead(
      id: .version7(at: Timestamp(milliseconds: 5), random: SystemRandom()),
      madeAt: Timestamp(milliseconds: 1_700_000_000_000), content: "roost.sqlite", program: "1",
      schema: "1.0.0", position: 7, salt: key.map { _ in SystemRandom().bytes(32) }, keyID: key?.id)
  }

  /// Bytes that cannot be packed, so that there are several pieces.
  private func content(_ count: Int) -> [UInt8] { SystemRandom().bytes(count) }

  @discardableResult
  private func write(_ name: String, _ blocks: [[UInt8]], _ key: BackupKey?) throws -> BackupHead {
    let head = head(key)
    let writer = try BackupWriter(path(name), head, key)
    for block in blocks { try writer.write(block) }
    try writer.finish()
    return head
  }

  private func read(_ name: String, _ key: BackupKey?) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let count = try BackupReader(path(name)).unpack(key) { bytes += $0 }
    #expect(count == Int64(bytes.count))
    return bytes
  }

  @Test("what is written is read, sealed or not", arguments: [true, false], [0, 1, 3_000_000])
  func whole(isSealed: Bool, count: Int) throws {
    defer { remove() }
    let blocks = [content(count), content(count / 3), [UInt8](repeating: 0, count: count)]
    let key = isSealed ? key : nil
    let head = try write("a", blocks, key)
    #expect(try BackupReader(path("a")).head == head)
    #expect(try read("a", key) == blocks.flatMap { $0 })
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path("a"))))
    if count > 1 {
      let clear = Array(blocks[0].prefix(64))
      #expect(!bytes.indices.contains { bytes[$0...].starts(with: clear) } || !isSealed)
    }
  }

  @Test("a byte that changed anywhere is found", arguments: [true, false])
  func changed(isSealed: Bool) throws {
    defer { remove() }
    let key = isSealed ? key : nil
    try write("a", [content(300)], key)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path("a"))))
    for index in bytes.indices {
      var other = bytes
      other[index] ^= 0x10
      try Data(other).write(to: URL(fileURLWithPath: path("b")))
      #expect(throws: RoostError.self, "byte \(index)") { try read("b", key) }
    }
  }

  @Test("a file that was cut, or goes on, is found")
  func cut() throws {
    defer { remove() }
    try write("a", [content(2_500_000)], key)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path("a"))))
    for count in [0, 4, 12, 100, bytes.count / 2, bytes.count - 40, bytes.count - 1] {
      try Data(bytes.prefix(count)).write(to: URL(fileURLWithPath: path("b")))
      #expect(throws: RoostError.self, "\(count) bytes") { try read("b", key) }
    }
    try Data(bytes + [0]).write(to: URL(fileURLWithPath: path("b")))
    #expect(throws: RoostError.self) { try read("b", key) }
  }

  @Test("pieces that were left out, doubled or moved are found", arguments: [true, false])
  func moved(isSealed: Bool) throws {
    defer { remove() }
    let key = isSealed ? key : nil
    try write("a", [content(4_000_000)], key)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path("a"))))
    func number(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    var place = 12 + number(8)
    let start = Array(bytes[..<place])
    var pieces: [[UInt8]] = []
    while place < bytes.count {
      let size = 4 + (number(place) & 0x7FFF_FFFF)
      pieces.append(Array(bytes[place..<place + size]))
      place += size
    }
    #expect(pieces.count >= 4)
    let last = pieces.count - 1
    for order in [
      Array(1...last), [0] + Array(2...last), [0, 0] + Array(1...last),
      [1, 0] + Array(2...last), Array(0..<last), [0, last],
    ] {
      let other = start + order.flatMap { pieces[$0] }
      try Data(other).write(to: URL(fileURLWithPath: path("b")))
      #expect(throws: RoostError.self, "\(order)") { try read("b", key) }
    }
  }

  @Test("another key, and none, are refused with the key that is wanted")
  func keys() throws {
    defer { remove() }
    try write("a", [content(10)], key)
    let id = try BackupKey.make(at: path("other"), random: SystemRandom())
    let other = try BackupKey.read(path("other"))
    #expect(id == other.id && id != key.id)
    for wrong in [other, nil] {
      let error = #expect(throws: RoostError.self) { try read("a", wrong) }
      #expect(error?.detail.contains(key.id) == true)
    }
  }

  @Test("a key that is there is never written over, and one for others' eyes is refused")
  func keyFiles() throws {
    defer { remove() }
    #expect(throws: RoostError.self) {
      try BackupKey.make(at: path("key"), random: SystemRandom())
    }
    try "abc".write(toFile: path("short"), atomically: true, encoding: .utf8)
    chmod(path("short"), 0o600)
    #expect(throws: RoostError.self) { try BackupKey.read(path("short")) }
    chmod(path("key"), 0o644)
    let error = #expect(throws: RoostError.self) { try BackupKey.read(path("key")) }
    #expect(error?.detail.contains("chmod 600") == true)
  }

  @Test("old backups go, and never the newest")
  func tidied() throws {
    defer { remove() }
    let backups = BackupFolder(folder.path)
    let day: Int64 = 86_400_000
    for age in [0, 6, 8, 30] {
      var head = head(nil)
      head.madeAt = Timestamp(milliseconds: 1_700_000_000_000 - Int64(age) * day)
      let writer = try BackupWriter(backups.place(of: head), head, nil)
      try writer.finish()
    }
    try Data([1]).write(to: URL(fileURLWithPath: path("no.backup")))
    let now = Timestamp(milliseconds: 1_700_000_000_000)
    #expect(backups.tidy(keepDays: 7, at: now) == 2)
    #expect(backups.entries.count == 2)
    #expect(backups.tidy(keepDays: 7, at: now.adding(milliseconds: 400 * day)) == 1)
    #expect(backups.entries.map(\.head.madeAt) == [now])
    #expect(try backups.find("latest") == backups.entries.first?.path)
    #expect(FileManager.default.fileExists(atPath: path("no.backup")))
  }
}
