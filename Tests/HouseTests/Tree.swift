import Foundation

/// The checkout that this test was compiled from.
struct Tree {
  let root: URL
  /// The paths of all files, relative to the root, without what builds and runs leave behind.
  let paths: [String]

  init() throws {
    root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let ignored: Set = [
      ".git", ".build", ".roost", ".venv", "bench-results", "data", "__pycache__",
    ]
    var found: [String] = []
    var open = [""]
    while let folder = open.popLast() {
      let names = try FileManager.default.contentsOfDirectory(atPath: root.path + "/" + folder)
      for name in names.sorted() where !ignored.contains(name) && !name.hasPrefix(".build-") {
        let path = folder.isEmpty ? name : folder + "/" + name
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(
          atPath: root.path + "/" + path, isDirectory: &isFolder)
        guard exists else { continue }
        if isFolder.boolValue { open.append(path) } else { found.append(path) }
      }
    }
    paths = found.sorted()
  }

  func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The Swift files of `Sources` or `Tests` with the target that each belongs to.
  func swiftFiles(under top: String) throws -> [(path: String, target: String, source: SwiftSource)]
  {
    try paths.filter { $0.hasPrefix(top + "/") && $0.hasSuffix(".swift") }.compactMap { path in
      let parts = path.split(separator: "/")
      guard parts.count > 2 else { return nil }
      return (path, String(parts[1]), SwiftSource(try text(path)))
    }
  }
}
