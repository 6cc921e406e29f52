/// A token of the rule and filter language with the place of its first byte.
struct ExpressionToken: Equatable {
  enum Kind: Equatable {
    case name(String)
    case text(String)
    /// The digits as they were written.
    case number(String)
    /// An operator or a bracket.
    case symbol(String)
    case end
  }

  let kind: Kind
  /// Bytes from the start of the expression.
  let offset: Int

  /// The token as a message shows it.
  var shown: String {
    switch kind {
    case .name(let text), .number(let text), .symbol(let text): "\"\(text.prefix(40))\""
    case .text(let text): "\"\(text.prefix(40))\""
    case .end: "the end"
    }
  }
}

/// What is wrong with an expression, and where.
package struct ExpressionFault: Error, Sendable, Equatable {
  /// Bytes from the start of the expression.
  package let offset: Int
  /// A stable name: `syntax`, `limit`, `unknown_field`, `hidden_field` or `type`.
  package let code: String
  /// A sentence without its full stop.
  package let message: String

  package init(offset: Int, code: String = "syntax", message: String) {
    self.offset = offset
    self.code = code
    self.message = message
  }
}
