import Queries

extension LogEntry {
  /// Whether records of a collection have changed behind `place`, as far as the reader sees.
  static func isChanged(
    _ collection: Int64, behind place: LogPlace, in reader: any Reader
  ) async throws -> Bool {
    let end = try await LogPlace.head(in: reader)
    // Each part by its key, between two ends.
    let parts = LogPartition.all(reader.dialect).map { partition -> SQL in
      """
      SELECT position FROM roost_log WHERE partition = \(SQL.constant(partition)) \
      AND position > \(place[partition]) AND position <= \(end[partition]) \
      AND collection = \(collection)
      """
    }.joined(by: " UNION ALL ")
    return try await reader.first("\(parts) LIMIT 1") { _ in true } ?? false
  }
}
