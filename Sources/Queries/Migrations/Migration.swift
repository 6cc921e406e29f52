/// One step of the history of Roost's own tables; once released it never changes.
package struct Migration: Sendable {
  /// Counts from 1 without gaps.
  package let number: Int
  package let name: String
  /// Run in order, in one transaction.
  package let statements: @Sendable (Dialect) -> [SQL]

  package init(_ number: Int, _ name: String, _ statements: [SQL]) {
    self.init(number, name) { _ in statements }
  }

  /// A step whose statements are spelled in the engine's dialect.
  package init(
    _ number: Int, _ name: String, _ statements: @escaping @Sendable (Dialect) -> [SQL]
  ) {
    self.number = number
    self.name = name
    self.statements = statements
  }
}
