import Queries
import RoostCore

/// A place in every part of the log: what was written behind it is looked at again before a schema
/// holds that was planned there.
struct LogMark: Sendable, Equatable {
  /// The last position of each part.
  let positions: [Int64: Int64]

  init(_ positions: [Int64: Int64]) { self.positions = positions }

  /// Reads what `text` wrote; nil for anything else.
  init?(_ text: String) {
    guard let members = (try? JSON.parse(Array(text.utf8)))?.array else { return nil }
    var positions: [Int64: Int64] = [:]
    for (partition, member) in members.enumerated() {
      guard let position = member.int else { return nil }
      positions[Int64(partition)] = position
    }
    self.positions = positions
  }

  /// The positions in the order of the parts, as a JSON array.
  var text: String {
    JSON.array((0..<Int64(positions.count)).map { .int(positions[$0] ?? 0) }).text
  }

  /// The end of the log.
  static func read(in reader: any Reader) async throws -> LogMark {
    let heads = try await reader.all("SELECT partition, position FROM roost_log_head") {
      ($0.int64(0), $0.int64(1))
    }
    return LogMark(Dictionary(heads) { first, _ in first })
  }

  /// Whether the log holds everything behind the mark: what is old is removed from it.
  func isReached(in reader: any Reader) async throws -> Bool {
    for (partition, position) in positions.sorted(by: { $0.key < $1.key }) {
      let isCut = try await reader.first(
        """
        SELECT 1 FROM roost_log_head h WHERE h.partition = \(partition) \
        AND h.position > \(position) AND NOT EXISTS (SELECT 1 FROM roost_log l \
        WHERE l.partition = \(partition) AND l.position = \(position + 1))
        """
      ) { _ in true }
      if isCut ?? false { return false }
    }
    return true
  }

  /// A condition on the rows of a collection that were written behind the mark.
  func isBehind(collection: Int64) -> SQL {
    let parts = positions.sorted { $0.key < $1.key }.map { partition, position -> SQL in
      "(partition = \(partition) AND position > \(position))"
    }
    return """
      id IN (SELECT id FROM roost_log WHERE collection = \(collection) \
      AND (\(parts.joined(by: " OR "))))
      """
  }
}
