package import Queries
import RoostCore

/// Where an entry of the log stands, as people read and write it: its position where the log has one
/// part, and `part:position` where it has several, such as `3:120`.
package struct EntryPlace: Sendable, Hashable {
  /// The number of the part; nil where none was said.
  package let partition: Int64?
  package let position: Int64

  package init(partition: Int64?, position: Int64) {
    self.partition = partition
    self.position = position
  }

  /// `120` or `3:120`; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    // No sign, and nothing that is not a digit.
    guard (1...2).contains(parts.count),
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }),
      let position = parts.last.flatMap({ Int64($0) })
    else { return nil }
    self.position = position
    guard parts.count == 2 else {
      partition = nil
      return
    }
    guard let number = Int64(parts[0]) else { return nil }
    partition = number
  }

  /// As it was said.
  package var text: String { partition.map { "\($0):\(position)" } ?? "\(position)" }

  /// As it is shown where the log is kept by `dialect`.
  package static func text(
    _ partition: Int64, _ position: Int64, _ dialect: Dialect
  ) -> String {
    dialect.partitions == 1 ? "\(position)" : "\(partition):\(position)"
  }

  /// The part of the log; throws where that is open, or there is no such part.
  ///
  /// It is open where the log has several and none was said. `pointer` names what was said.
  package func part(_ dialect: Dialect, pointer: String) throws -> Int64 {
    let count = dialect.partitions
    guard let partition else {
      if count == 1 { return 0 }
      throw RoostError.invalid(
        pointer, "ambiguous",
        "The log has \(count) parts here, and each its own position \(position): say which, such as "
          + "3:\(position).")
    }
    guard (0..<Int64(count)).contains(partition) else {
      throw RoostError.invalid(
        pointer, "range",
        count == 1
          ? "The log has one part here, 0: there is no part \(partition)."
          : "The log has the parts 0 to \(count - 1): there is no part \(partition).")
    }
    return partition
  }
}
