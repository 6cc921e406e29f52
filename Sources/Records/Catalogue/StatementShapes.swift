import Queries
import Rules
import Synchronization

/// Statements of one collection that depend on who asks and on the form of a list, made at first use
/// and kept: there are few shapes, and a statement is never made twice for one.
final class StatementShapes: Sendable {
  /// What the text of a statement depends on, beside the caller's plan.
  enum Use: Hashable {
    case point
    case existence
    /// Whether so many rows are there.
    case existences(count: Int)
    /// A page in an order, from the beginning or from a place with these parts null, with the
    /// rows of each alternative of the rules read in so many ranges.
    case list(sort: [SortKey], nulls: [Bool]?, ranges: [Int])
    /// The references by which a rule holds, by the rule's number.
    case reached(rule: Int)
    case count
    /// The rules that hold for a row in memory.
    case holding
    /// The rules that accept a row in memory.
    case accepting(isCreate: Bool)
    /// Rows by their ids, so many at once.
    case byIDs(count: Int)
    /// The rows that refer to one by a field.
    case referring(field: Int)
  }

  private struct Key: Hashable {
    let use: Use
    let shape: AccessPlan.Shape
  }

  /// Orders and kinds of callers make shapes; what is not used again is made again.
  private static let limit = 2000

  private let statements = Mutex<[Key: PreparedTemplate]>([:])

  /// The statement for `use` under `plan`, made by `make` at its first use.
  func statement(
    _ use: Use, _ plan: AccessPlan, _ make: () -> Template
  ) -> PreparedTemplate {
    let key = Key(use: use, shape: plan.shape)
    return statements.withLock { statements in
      if let statement = statements[key] { return statement }
      let statement = PreparedTemplate(make())
      if statements.count >= StatementShapes.limit { statements.removeAll() }
      statements[key] = statement
      return statement
    }
  }
}
