import Foundation

/// PostgreSQL's own shell against the private cluster of the tests.
enum Psql {
  private static let environment = ProcessInfo.processInfo.environment

  /// The login that owns the database, as Roost would; nil where the tests run without PostgreSQL.
  static var owner: String? { environment["ROOST_TEST_POSTGRES"] }

  struct Outcome {
    let lines: [String]
    let errors: String
  }

  /// Runs a script to its end, whatever fails in it.
  static func run(_ script: String, as address: String) throws -> Outcome {
    let folder = FileManager.default.temporaryDirectory
    let name = folder.appending(path: "roost-psql-\(UUID().uuidString)").path
    let paths = (script: name + ".sql", output: name + ".out", errors: name + ".err")
    defer {
      for path in [paths.script, paths.output, paths.errors] {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
    try script.write(toFile: paths.script, atomically: false, encoding: .utf8)
    for path in [paths.output, paths.errors] {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["psql", "-qAtX", "-d", address, "-f", paths.script]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: paths.output)
    process.standardError = FileHandle(forWritingAtPath: paths.errors)
    try process.run()
    process.waitUntilExit()
    let output = try String(contentsOfFile: paths.output, encoding: .utf8)
    return Outcome(
      lines: output.split(separator: "\n").map(String.init),
      errors: try String(contentsOfFile: paths.errors, encoding: .utf8))
  }

  /// The address of another login to the same database.
  static func address(of login: String, password: String, like owner: String) throws -> String {
    guard var parts = URLComponents(string: owner) else { return owner }
    parts.user = login
    parts.password = password
    return parts.string ?? owner
  }
}
