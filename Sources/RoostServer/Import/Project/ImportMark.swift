import Queries
import RoostCore

/// How far the import of a project's file has come, kept beside the rows themselves.
///
/// It is written with the batch behind it: what it says is stored, and its refused lines are in their
/// file.
struct ImportMark: Sendable, Equatable {
  /// The digest of the manifest.
  let project: String
  let file: String
  var position: Int64 = 0
  /// The number of the line at `position`.
  var line = 1
  var rows = 0
  var imported = 0
  var unchanged = 0
  var refused = 0
  /// How long the files of refused lines and of reasons were.
  var refusedBytes: Int64 = 0
  var reasonBytes: Int64 = 0

  init(project: String, file: String) {
    self.project = project
    self.file = file
  }

  static func migration(_ number: Int) -> Migration {
    Migration(number, "imports") { d in
      [
        """
        CREATE TABLE roost_import (
          project \(d.text) NOT NULL, file \(d.text) NOT NULL, position \(d.integer) NOT NULL,
          line \(d.integer) NOT NULL, rows_read \(d.integer) NOT NULL,
          imported \(d.integer) NOT NULL, unchanged \(d.integer) NOT NULL,
          refused \(d.integer) NOT NULL, refused_bytes \(d.integer) NOT NULL,
          reason_bytes \(d.integer) NOT NULL, PRIMARY KEY (project, file)
        )\(d.keyed)
        """
      ]
    }
  }

  func write(in transaction: any Transaction) async throws {
    try await transaction.execute(
      "DELETE FROM roost_import WHERE project = \(project) AND file = \(file)")
    try await transaction.execute(
      """
      INSERT INTO roost_import (project, file, position, line, rows_read, imported, unchanged, refused,
      refused_bytes, reason_bytes) VALUES (\(project), \(file), \(position), \(line), \(rows),
      \(imported), \(unchanged), \(refused), \(refusedBytes), \(reasonBytes))
      """)
  }

  /// What is known of a file; as at the beginning where nothing is.
  static func read(
    _ project: String, _ file: String, in reader: any Reader
  ) async throws -> ImportMark {
    var mark = ImportMark(project: project, file: file)
    try await reader.query(
      """
      SELECT position, line, rows_read, imported, unchanged, refused, refused_bytes, reason_bytes
      FROM roost_import WHERE project = \(project) AND file = \(file)
      """
    ) { row in
      mark.position = row.int64(0)
      mark.line = Int(clamping: row.int64(1))
      mark.rows = Int(clamping: row.int64(2))
      mark.imported = Int(clamping: row.int64(3))
      mark.unchanged = Int(clamping: row.int64(4))
      mark.refused = Int(clamping: row.int64(5))
      mark.refusedBytes = row.int64(6)
      mark.reasonBytes = row.int64(7)
      return true
    }
    return mark
  }

  static func forget(_ project: String, in transaction: any Transaction) async throws {
    try await transaction.execute("DELETE FROM roost_import WHERE project = \(project)")
  }
}
