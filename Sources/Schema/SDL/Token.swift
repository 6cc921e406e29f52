/// One lexical token of a schema file.
struct Token {
  enum Kind: Equatable {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    case punctuator(UInt8)
    /// `...`.
    case spread
    case name
    case int
    case float
    case string
    case blockString
    case end
  }

  let kind: Kind
  /// The name, the digits, or the value of a string with its escapes resolved.
  let text: String
  let location: SourceLocation

  /// The token in words, for messages.
  var spelling: String {
    switch kind {
    case .punctuator(let byte): "'\(Unicode.Scalar(byte))'"
    case .spread: "'...'"
    case .name, .int, .float: "'\(text.excerpt)'"
    case .string, .blockString: "a string"
    case .end: "the end of the file"
    }
  }
}

/// Bounds on a schema file, so that a hostile one costs little.
enum SDLLimits {
  static let bytes = 1_048_576
  static let tokens = 100_000
  /// Nested lists and objects of a value, and nested lists of a type.
  static let depth = 32
}

/// A syntax fault; reading stops at the first one.
struct SyntaxFault: Error {
  let fault: SchemaFault

  init(_ location: SourceLocation, _ message: String) {
    fault = SchemaFault(location: location, message: message)
  }
}

extension String {
  /// At most 60 characters of a text, for messages.
  var excerpt: String {
    // The prefix is counted in scalars: one character may be made of a million of them.
    let start = unicodeScalars.prefix(61)
    guard start.count > 60 else { return self }
    return String(start.dropLast()) + "…"
  }
}
