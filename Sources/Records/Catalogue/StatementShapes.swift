import Queries
import Synchronization

/// Statements of one collection that depend on the shape of a caller's access or of a list, made at
/// first use and kept: there are few shapes, and a statement is never made twice for one.
final class StatementShapes: Sendable {
  /// What the text of a statement depends on.
  struct Key: Hashable {
    enum Use: Hashable {
      case point
      case existence
      case list(sort: Int, descending: Bool, position: Position)
      case count
    }

    /// Where a page starts: at the beginning, behind a value, or behind or among the nulls.
    enum Position: Hashable { case start, value, null }

    let use: Use
    let shape: UInt64
  }

  private let statements = Mutex<[Key: Statement]>([:])

  /// The statement for `key`, made by `make` at its first use.
  func statement(_ key: Key, _ make: () -> SQL) -> Statement {
    statements.withLock { statements in
      if let statement = statements[key] { return statement }
      let statement = Statement(make())
      statements[key] = statement
      return statement
    }
  }
}
