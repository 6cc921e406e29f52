import Foundation
import Queries
import Records
import RoostCore
import RoostServer
import Schema
import Synchronization
import TestEngine

/// An app over a real database in a folder of its own, which goes with the test.
final class ImportHouse: Sendable {
  let folder: TemporaryFolder
  let app: App

  /// Without `followers` nothing reads the log, as in the commands that move whole projects.
  init(
    _ schema: String, time: any TimeSource = SystemTime(), followers: Bool = true
  ) async throws {
    folder = try TemporaryFolder()
    app = try await App.open(
      try SchemaModel.load(source: schema), data: folder.path + "/data",
      settings: try Settings(
        file: nil, environment: TestEngine.environment,
        flags: TestEngine.flags(folder.path).merging(["database.minimumFreeMegabytes": "0"]) { $1 }),
      ambient: Ambient(time: time, logger: Logger(level: .error)), followers: followers)
  }

  func close() async {
    await app.close()
    TestEngine.remove(folder.path)
  }

  /// Imports `path` by the text of a mapping.
  func run(
    _ path: String, mapping: String, refused: String? = nil,
    onProgress: @escaping @Sendable (ImportProgress) -> Void = { _ in }
  ) async throws -> ImportReport {
    try await run(
      path, try ImportMapping.parse(Array(mapping.utf8), path: "mapping.yaml"), refused: refused,
      onProgress: onProgress)
  }

  func run(
    _ path: String, _ mapping: ImportMapping, refused: String? = nil,
    onProgress: @escaping @Sendable (ImportProgress) -> Void = { _ in }
  ) async throws -> ImportReport {
    var options = ImportJob.Options(refusedPath: refused)
    options.batchRows = 1000
    return try await ImportJob(
      records: app.records, accounts: app.accounts, input: path, mapping: mapping,
      options: options, ambient: app.ambient,
      onProgress: onProgress
    ).run()
  }

  /// Imports texts under a file name.
  func run(
    _ name: String, _ text: String, mapping: String, refused: String? = nil
  ) async throws -> ImportReport {
    try await run(try folder.file(name, text), mapping: mapping, refused: refused)
  }

  /// The result of a query, a line for each row with `|` between the columns; null is `-`.
  func rows(_ sql: SQL, columns: Int) async throws -> [String] {
    try await app.database.read(.statement) { reader in
      try await reader.all(sql) { row in
        (0..<columns).map { column in
          switch row.value(column) {
          case .null: "-"
          case .int(let value): "\(value)"
          case .double(let value): "\(value)"
          case .text(let value): value
          case .uuid(let value): value.description
          case .blob: row.uuid(column)?.description ?? "blob"
          }
        }.joined(separator: "|")
      }
    }
  }
}

extension ImportReport {
  /// `imported/unchanged/refused`.
  var counts: String { "\(imported)/\(unchanged)/\(refused)" }

  /// `line pointer code` of each issue.
  var shownIssues: [String] {
    refusedLines.flatMap { line in
      line.issues.map { "\(line.line) \($0.pointer) \($0.code)" }
    }
  }
}
