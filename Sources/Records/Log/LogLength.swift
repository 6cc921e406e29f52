package import Queries

/// How much the log has ever held: the sum of the positions of its parts, which only grows.
package enum LogLength {
  private static let select = Statement(
    "SELECT CAST(coalesce(sum(position), 0) AS BIGINT) FROM roost_log_head")

  package static func read(in reader: any Reader) async throws -> Int64 {
    try await reader.first(select, []) { $0.int64(0) } ?? 0
  }
}
