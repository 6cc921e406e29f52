import Synchronization

/// A statement that is used again and again: its text is fixed once, its values come with each run.
///
/// Drivers keep a prepared handle by `number`, so running one neither builds nor hashes its text.
package struct Statement: Sendable, Hashable {
  package let text: String
  /// Unique in the process.
  package let number: Int

  private static let count = Atomic<Int>(0)

  /// A statement of a fragment whose values are all given later (`SQL.placeholder`).
  package init(_ sql: SQL) {
    precondition(sql.bindings.isEmpty, "a Statement takes its values when it runs")
    text = sql.text
    number = Statement.count.add(1, ordering: .relaxed).newValue
  }

  /// The statement as a fragment, without its values.
  package var sql: SQL { SQL(text: text, bindings: []) }

  package static func == (left: Statement, right: Statement) -> Bool { left.number == right.number }
  package func hash(into hasher: inout Hasher) { hasher.combine(number) }
}
