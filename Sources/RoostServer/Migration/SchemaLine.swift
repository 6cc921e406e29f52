import Queries
import Records
import Schema

/// The schemas that lead to the one that holds, oldest first: the history without what a rollback
/// took back.
struct SchemaLine: Sendable {
  typealias Release = (entry: SchemaHistory.Entry, model: SchemaModel)

  let releases: [Release]

  /// The schema that holds.
  var last: Release? { releases.last }
  /// The one that was served before it.
  var previous: Release? { releases.dropLast().last }

  /// A rollback stands in the history as the schema that it went to; who it was that wrote an entry,
  /// the last switch before it tells.
  init(_ history: [Release], runs: [MigrationRun]) {
    let switches = runs.filter { $0.kind != .start && $0.switchedAt != nil }
    var line: [Release] = []
    for release in history {
      let run = switches.last { run in run.switchedAt.map { $0 <= release.entry.at } ?? false }
      let source = release.model.source
      if let run, run.kind == .rollback, run.schema == source,
        let place = line.lastIndex(where: { $0.model.source == source })
      {
        line.removeSubrange((place + 1)...)
      } else {
        line.append(release)
      }
    }
    releases = line
  }

  /// `compiled` has the schemas that were read before, for a process with many apps.
  static func read(
    _ database: any Database, _ compiled: CompiledSchemas? = nil
  ) async throws -> SchemaLine {
    let runs = try await database.read(.statement) { try await MigrationRun.all(in: $0) }
    return SchemaLine(
      try await SchemaHistory(database: database, compiled: compiled).releases(), runs: runs)
  }

  /// The fault of a schema that the database has left behind; nil for any other.
  func behind(_ schema: SchemaModel) -> MigrationFault? {
    guard let last, last.model.source != schema.source,
      let old = releases.last(where: { $0.model.source == schema.source })
    else { return nil }
    return MigrationFault(
      "schema_behind",
      "The database is at version \(last.entry.version) of the app's schema, and this file is "
        + "version \(old.entry.version): use the newer file, or go back with roost migrate rollback"
    )
  }

  /// The fault of a database that holds another schema than the last of the history; nil where it is
  /// that one.
  func unlike(_ stored: StoredSchema) -> MigrationFault? {
    guard let last else { return nil }
    let held = Set(
      stored.collections.flatMap { collection in
        [collection.typeName]
          + collection.fields.map { "\(collection.typeName).\($0.name) \($0.type)" }
      })
    let known = Set(
      last.model.collections.flatMap { collection in
        [collection.typeName]
          + collection.fields.map {
            "\(collection.typeName).\($0.name) \(TypeSignature.of($0))"
          }
      })
    guard let odd = held.symmetricDifference(known).min() else { return nil }
    return MigrationFault(
      "schema_unknown",
      "The database does not hold version \(last.entry.version) of the app's schema, the last that "
        + "is on record (\(odd)): start the server once with the file that it holds, then go back")
  }
}
