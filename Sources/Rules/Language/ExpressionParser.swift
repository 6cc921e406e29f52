import RoostCore

/// Bounds on an expression, so that reading and running it stays cheap.
package struct ExpressionLimits: Sendable {
  package let characters: Int
  /// Operators, operands and elements of lists.
  package let nodes: Int
  /// Nested brackets and negations.
  package let depth: Int

  /// Rules of a schema.
  package static let rule = ExpressionLimits(characters: 10_000, nodes: 200, depth: 10)
  /// Filters of a request.
  package static let filter = ExpressionLimits(characters: 2000, nodes: 50, depth: 10)
}

/// Reads an expression by recursive descent: `||` binds weakest, then `&&`, then `!`, then the
/// comparisons `== != < <= > >= in`.
package struct ExpressionParser {
  private let tokens: [ExpressionToken]
  private let limits: ExpressionLimits
  private var index = 0
  private var nodes = 0
  private var depth = 0

  private init(_ tokens: [ExpressionToken], _ limits: ExpressionLimits) {
    self.tokens = tokens
    self.limits = limits
  }

  /// The syntax of `text`.
  ///
  /// Throws the first fault with its place.
  package static func parse(
    _ text: String, _ limits: ExpressionLimits
  ) throws(ExpressionFault) -> ExpressionSyntax {
    guard text.utf8.count <= limits.characters else {
      throw ExpressionFault(
        offset: limits.characters, code: "limit",
        message: "an expression has at most \(limits.characters) characters here")
    }
    var parser = ExpressionParser(try ExpressionLexer.tokens(text), limits)
    let syntax = try parser.disjunction()
    guard parser.token.kind == .end else {
      throw parser.fault("unexpected \(parser.token.shown)")
    }
    return syntax
  }

  private var token: ExpressionToken { tokens[min(index, tokens.count - 1)] }

  private func fault(_ message: String, code: String = "syntax") -> ExpressionFault {
    ExpressionFault(offset: token.offset, code: code, message: message)
  }

  private func isSymbol(_ text: String) -> Bool { token.kind == .symbol(text) }

  private mutating func count() throws(ExpressionFault) {
    nodes += 1
    guard nodes <= limits.nodes else {
      throw fault(
        "an expression has at most \(limits.nodes) operands and operators here", code: "limit")
    }
  }

  private mutating func disjunction() throws(ExpressionFault) -> ExpressionSyntax {
    var parts = [try conjunction()]
    while isSymbol("||") {
      index += 1
      try count()
      parts.append(try conjunction())
    }
    return parts.count == 1 ? parts[0] : .or(parts)
  }

  private mutating func conjunction() throws(ExpressionFault) -> ExpressionSyntax {
    var parts = [try negation()]
    while isSymbol("&&") {
      index += 1
      try count()
      parts.append(try negation())
    }
    return parts.count == 1 ? parts[0] : .and(parts)
  }

  private mutating func negation() throws(ExpressionFault) -> ExpressionSyntax {
    guard isSymbol("!") else { return try comparison() }
    let offset = token.offset
    index += 1
    try count()
    try enter()
    let inner = try negation()
    depth -= 1
    return .not(inner, offset: offset)
  }

  private mutating func enter() throws(ExpressionFault) {
    depth += 1
    guard depth <= limits.depth else {
      throw fault("an expression is nested at most \(limits.depth) deep here", code: "limit")
    }
  }

  private mutating func comparison() throws(ExpressionFault) -> ExpressionSyntax {
    let left = try operand()
    let offset = token.offset
    if case .name("in") = token.kind {
      index += 1
      try count()
      let right = isSymbol("[") ? try list() : try operand()
      try refuseChain()
      return .isIn(left, right, offset: offset)
    }
    guard case .symbol(let text) = token.kind, let comparison = Comparison(rawValue: text) else {
      return left
    }
    index += 1
    try count()
    let right = try operand()
    try refuseChain()
    return .compare(comparison, left, right, offset: offset)
  }

  /// `a < b < c` means in every language something else than it looks like.
  private func refuseChain() throws(ExpressionFault) {
    if case .symbol(let text) = token.kind, Comparison(rawValue: text) != nil {
      throw fault("comparisons do not chain; join two of them by &&")
    }
  }

  private mutating func operand() throws(ExpressionFault) -> ExpressionSyntax {
    if isSymbol("(") {
      index += 1
      try enter()
      let inner = try disjunction()
      depth -= 1
      guard isSymbol(")") else { throw fault("expected ) instead of \(token.shown)") }
      index += 1
      return inner
    }
    if isSymbol("[") { throw fault("a list stands on the right of in only") }
    return try atom()
  }

  private mutating func list() throws(ExpressionFault) -> ExpressionSyntax {
    let offset = token.offset
    index += 1
    var elements: [ExpressionSyntax] = []
    while !isSymbol("]") {
      if !elements.isEmpty {
        guard isSymbol(",") else { throw fault("expected , or ] instead of \(token.shown)") }
        index += 1
      }
      elements.append(try atom())
    }
    index += 1
    guard !elements.isEmpty else {
      throw ExpressionFault(offset: offset, message: "the list is empty, so nothing is in it")
    }
    return .list(elements, offset: offset)
  }

  private mutating func atom() throws(ExpressionFault) -> ExpressionSyntax {
    let offset = token.offset
    try count()
    switch token.kind {
    case .text(let text):
      index += 1
      return .literal(.string(text), offset: offset)
    case .number(let digits):
      guard let value = try? JSON.parse(Array(digits.utf8), maxDepth: 1),
        value.double != nil
      else { throw fault("\(token.shown) is no number") }
      index += 1
      return .literal(value, offset: offset)
    case .name("true"), .name("false"):
      let value = token.kind == .name("true")
      index += 1
      return .literal(.bool(value), offset: offset)
    case .name("null"):
      index += 1
      return .literal(.null, offset: offset)
    case .name("in"): throw fault("expected a value before in")
    case .name(let first): return try path(first, offset)
    case .symbol, .end: throw fault("expected a value instead of \(token.shown)")
    }
  }

  private mutating func path(
    _ first: String, _ offset: Int
  ) throws(ExpressionFault) -> ExpressionSyntax {
    index += 1
    var steps = [first]
    while isSymbol(".") {
      index += 1
      guard case .name(let step) = token.kind else {
        throw fault("expected a field after the dot instead of \(token.shown)")
      }
      index += 1
      steps.append(step)
      guard steps.count <= 8 else { throw fault("the path is too long") }
    }
    if isSymbol("(") { throw fault("there are no functions") }
    return .path(steps, offset: offset)
  }
}
