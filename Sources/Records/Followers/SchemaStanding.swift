package import Queries

/// Whether the schema that a process started with is still the newest that the database holds.
///
/// A follower chooses its entries by the schema of its process, and its place is one for all
/// processes: one that knows an older schema would move it past entries that it does not know.
package struct SchemaStanding: Sendable {
  /// Whether no other schema was served since; nothing is known of that where it is left out.
  package typealias Look = @Sendable (any Reader) async throws -> Bool

  let generation: Int64
  let isNewest: Look

  /// Throws `OutdatedSchema` where it is not.
  ///
  /// Asked behind the look at the head of the log: servers of a newer schema write after its commit
  /// alone, so that none of their entries lies before a head at which this one still held.
  func check(in reader: any Reader) async throws {
    let stored = try await reader.first(SchemaStanding.select, []) { $0.int64(0) }
    guard (stored ?? 0) <= generation, try await isNewest(reader) else { throw OutdatedSchema() }
  }

  private static let select = Statement("SELECT generation FROM roost_generation")
}

/// Another process has brought a newer schema: this one leaves the followers to it.
struct OutdatedSchema: Error, CustomStringConvertible {
  let description = "The database holds a schema that this process does not know."
}
