import Foundation
import Schema
import Testing

@testable import RoostCore
@testable import SyncProtocol

/// The published vectors are what this code gives.
///
/// `ROOST_WRITE_VECTORS=1 swift test --filter VectorTests` writes them anew.
@Suite struct VectorTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "docs/vectors")

  static let files: [String: JSON] = {
    var files = [
      "canonical.json": IdentityVectors.canonical, "chain.json": IdentityVectors.chain,
      "lanes.json": IdentityVectors.lanes, "clock.json": ClockVectors.clock,
      "frames.json": FrameVectors.frames, "digest.json": FrameVectors.digest,
    ]
    for (name, cases) in MergeVectors.all {
      files["merge-\(name).json"] = ["cases": .array(cases.map { $0.json })]
    }
    return files
  }()

  @Test(arguments: files.keys.sorted()) func theFileSaysWhatTheCodeGives(_ name: String) throws {
    let json = try #require(Self.files[name])
    let text = Self.text(json)
    let file = Self.folder.appending(path: name)
    if ProcessInfo.processInfo.environment["ROOST_WRITE_VECTORS"] == "1" {
      try Data(text.utf8).write(to: file)
    }
    let stored = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    #expect(stored == text)
  }

  @Test func noFileIsLeftOver() throws {
    let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
    #expect(Set(found) == Set(Self.files.keys))
  }

  @Test func everyStrategyHasVectors() {
    let shown = Set(MergeVectors.all.flatMap { $0.value.map(\.rule.strategy) })
    #expect(shown == Set(MergeRule.Strategy.allCases))
  }

  /// One case a line, so that a difference can be read.
  private static func text(_ json: JSON) -> String {
    guard let object = json.object else { return json.text }
    let members = object.map { key, value -> String in
      let name = JSON.string(key).text
      guard let elements = value.array else { return "\(name): \(value.text)" }
      return "\(name): [\n" + elements.map(\.text).joined(separator: ",\n") + "\n]"
    }
    return "{\n" + members.joined(separator: ",\n") + "\n}\n"
  }
}
