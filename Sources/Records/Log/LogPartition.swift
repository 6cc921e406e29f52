import Queries
import RoostCore

/// The parts of the log.
///
/// A change goes into the part that its row's id says, so that the changes of one row stay in their
/// order whatever streams the row moves through. SQLite has one writer and one part.
enum LogPartition {
  /// The part of a row's changes: the low bits of its id's last byte, which is random.
  static func of(_ id: UUID, _ dialect: Dialect) -> Int64 {
    Int64(id.low & UInt64(dialect.partitions - 1))
  }

  static func all(_ dialect: Dialect) -> Range<Int64> { 0..<Int64(dialect.partitions) }

  /// The first rows of `roost_log_head`.
  static func heads(_ dialect: Dialect) -> SQL {
    all(dialect).map { "(\(SQL.constant($0)), 0)" as SQL }.joined(by: ", ")
  }
}

/// A place in the log: the last position that was reached in each of its parts.
package struct LogPlace: Sendable, Equatable {
  /// By the number of the part; a part that is not there was not begun.
  package private(set) var positions: [Int64]

  static let start = LogPlace(positions: [])

  init(positions: [Int64]) { self.positions = positions }

  subscript(partition: Int64) -> Int64 {
    let index = Int(partition)
    return index < positions.count ? positions[index] : 0
  }

  /// How many changes lie before the place.
  package var total: Int64 { positions.reduce(0, +) }

  /// Takes the further one in each part.
  mutating func advance(to other: LogPlace) {
    for (index, position) in other.positions.enumerated() {
      advance(Int64(index), to: position)
    }
  }

  mutating func advance(_ partition: Int64, to position: Int64) {
    while positions.count <= Int(partition) { positions.append(0) }
    positions[Int(partition)] = max(positions[Int(partition)], position)
  }

  /// Takes `position` in one part, also where it lies before the one there.
  mutating func replace(_ partition: Int64, by position: Int64) {
    advance(partition, to: position)
    positions[Int(partition)] = position
  }

  /// The place as far as `head`, but in no part more than `count` behind this one.
  func limited(to head: LogPlace, within count: Int64) -> LogPlace {
    var place = head
    for index in place.positions.indices {
      place.positions[index] = min(place.positions[index], self[Int64(index)] + count)
    }
    return place
  }

  /// Whether everything up to `other` lies before the place.
  package func covers(_ other: LogPlace) -> Bool {
    other.positions.indices.allSatisfy { self[Int64($0)] >= other.positions[$0] }
  }

  /// The place that rows of (partition, position) tell.
  static func read(_ sql: SQL, in reader: any Reader) async throws -> LogPlace {
    var place = LogPlace.start
    try await reader.query(sql) { row in
      place.advance(row.int64(0), to: row.int64(1))
      return true
    }
    return place
  }

  /// Where the log ends.
  static func head(in reader: any Reader) async throws -> LogPlace {
    try await read("SELECT partition, position FROM roost_log_head", in: reader)
  }
}
