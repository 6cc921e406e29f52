/// Reads the type system of GraphQL SDL (October 2021, section 3); stops at the first fault.
struct Parser {
  private let tokens: [Token]
  private var index = 0

  /// The definitions of `source`.
  static func document(_ source: String) throws(SyntaxFault) -> Document {
    var parser = Parser(tokens: try Lexer.tokens(of: source))
    return try parser.document()
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  // MARK: Tokens

  var current: Token { tokens[index] }

  private mutating func advance() {
    // The last token is `.end`, which is never passed.
    if index + 1 < tokens.count { index += 1 }
  }

  func expected(_ what: String) -> SyntaxFault {
    SyntaxFault(current.location, "expected \(what), found \(current.spelling)")
  }

  func isNext(_ character: Unicode.Scalar) -> Bool {
    if case .punctuator(let byte) = current.kind { UInt32(byte) == character.value } else { false }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard isNext(character) else { return false }
    advance()
    return true
  }

  mutating func expect(_ character: Unicode.Scalar, _ purpose: String) throws(SyntaxFault) {
    guard take(character) else { throw expected("'\(character)' \(purpose)") }
  }

  mutating func take(keyword: String) -> Bool {
    guard current.kind == .name, current.text == keyword else { return false }
    advance()
    return true
  }

  mutating func name(_ what: String) throws(SyntaxFault) -> Name {
    guard current.kind == .name else { throw expected(what) }
    let name = Name(text: current.text, location: current.location)
    advance()
    return name
  }

  mutating func description() -> String? {
    guard current.kind == .string || current.kind == .blockString else { return nil }
    let text = current.text
    advance()
    return text
  }

  // MARK: Values

  mutating func value(depth: Int = 0) throws(SyntaxFault) -> Literal {
    let token = current
    let simple: Literal.Value
    switch token.kind {
    case .int: simple = .int(token.text)
    case .float: simple = .float(token.text)
    case .string, .blockString: simple = .string(token.text)
    case .name:
      switch token.text {
      case "true": simple = .boolean(true)
      case "false": simple = .boolean(false)
      case "null": simple = .null
      default: simple = .enumeration(token.text)
      }
    case .punctuator(UInt8(ascii: "[")), .punctuator(UInt8(ascii: "{")):
      guard depth < SDLLimits.depth else {
        throw SyntaxFault(token.location, "more than \(SDLLimits.depth) nested values")
      }
      let value = try isNext("[") ? list(depth: depth + 1) : object(depth: depth + 1)
      return Literal(value: value, location: token.location)
    case .punctuator(UInt8(ascii: "$")):
      throw SyntaxFault(token.location, "a schema has no variables; write the value itself")
    default: throw expected("a value")
    }
    advance()
    return Literal(value: simple, location: token.location)
  }

  private mutating func list(depth: Int) throws(SyntaxFault) -> Literal.Value {
    advance()
    var values: [Literal] = []
    while !take("]") {
      guard current.kind != .end else { throw expected("']' at the end of a list") }
      values.append(try value(depth: depth))
    }
    return .list(values)
  }

  private mutating func object(depth: Int) throws(SyntaxFault) -> Literal.Value {
    advance()
    var members: [Argument] = []
    while !take("}") {
      let name = try name("a name or '}' in an object")
      try expect(":", "after the name \(name.text.excerpt)")
      members.append(Argument(name: name, value: try value(depth: depth)))
    }
    return .object(members)
  }

  // MARK: Parts that several definitions share

  mutating func directives() throws(SyntaxFault) -> [DirectiveUse] {
    var uses: [DirectiveUse] = []
    while isNext("@") {
      let location = current.location
      advance()
      let name = try name("a directive's name after '@'")
      var arguments: [Argument] = []
      if take("(") {
        repeat {
          let name = try self.name("an argument's name")
          try expect(":", "after the argument \(name.text.excerpt)")
          arguments.append(Argument(name: name, value: try value()))
        } while !take(")")
      }
      uses.append(DirectiveUse(name: name, arguments: arguments, location: location))
    }
    return uses
  }

  mutating func type(depth: Int = 0) throws(SyntaxFault) -> TypeReference {
    var type: TypeReference
    if isNext("[") {
      let location = current.location
      guard depth < SDLLimits.depth else {
        throw SyntaxFault(location, "more than \(SDLLimits.depth) nested lists")
      }
      advance()
      type = .list(try self.type(depth: depth + 1), location)
      try expect("]", "after the type of a list's elements")
    } else {
      type = .named(try name("a type"))
    }
    if take("!") { type = .required(type) }
    return type
  }

  /// The values between `open` and `close`, at least one; `what` names one of them in messages.
  mutating func inputValues(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ what: String
  ) throws(SyntaxFault) -> [InputValue] {
    guard take(open) else { return [] }
    var values: [InputValue] = []
    repeat {
      let description = description()
      let name = try name(what)
      try expect(":", "and a type after \(name.text.excerpt)")
      let type = try type()
      let defaultValue = take("=") ? try value() : nil
      values.append(
        InputValue(
          name: name, type: type, defaultValue: defaultValue, directives: try directives(),
          description: description))
    } while !take(close)
    return values
  }

  mutating func fields() throws(SyntaxFault) -> [FieldSyntax] {
    guard take("{") else { return [] }
    var fields: [FieldSyntax] = []
    repeat {
      let description = description()
      let name = try name("a field's name")
      let arguments = try inputValues("(", ")", "an argument's name")
      try expect(":", "and a type after the field \(name.text.excerpt)")
      let type = try type()
      fields.append(
        FieldSyntax(
          name: name, arguments: arguments, type: type, directives: try directives(),
          description: description))
    } while !take("}")
    return fields
  }
}
