package import RoostCore

/// A fragment of SQL: text and the values bound in it.
///
/// Only static text becomes SQL. In an interpolation `\(value)` binds, `\(identifier: name)` quotes a
/// name, and `\(fragment)` splices another fragment; no other way of putting text into SQL exists.
package struct SQL: Sendable, Hashable, ExpressibleByStringInterpolation {
  /// The text, with `?` for each binding.
  package private(set) var text: String
  /// The values of the placeholders, in order.
  package private(set) var bindings: [Value]

  package init(stringLiteral value: StaticString) {
    text = "\(value)"
    bindings = []
  }

  package init(stringInterpolation: StringInterpolation) {
    text = stringInterpolation.text
    bindings = stringInterpolation.bindings
  }

  init(text: String, bindings: [Value]) {
    self.text = text
    self.bindings = bindings
  }

  package static let empty: SQL = ""
  package var isEmpty: Bool { text.isEmpty }

  /// A quoted name.
  package static func identifier(_ name: String) -> SQL { SQL("\(identifier: name)") }

  /// A whole number as text, for statements that are kept.
  package static func constant(_ number: Int64) -> SQL {
    SQL(text: String(number), bindings: [])
  }

  /// A placeholder whose value is given when the statement runs.
  package static let placeholder = SQL(text: "?", bindings: [])

  /// The fragment, made of placeholders alone, with their values.
  package func binding(_ values: [Value]) -> SQL {
    precondition(bindings.isEmpty, "a fragment takes its values once")
    return SQL(text: text, bindings: values)
  }

  /// The fragment as an engine spells it, with so many values that are null: for plans, which are made
  /// without anybody's data.
  package func blank(_ values: Int = 0, spelled: (String) -> String = { $0 }) -> SQL {
    SQL(text: spelled(text), bindings: Array(repeating: .null, count: values))
  }

  package static func + (left: SQL, right: SQL) -> SQL {
    SQL(text: left.text + right.text, bindings: left.bindings + right.bindings)
  }

  package static func += (left: inout SQL, right: SQL) {
    left.text += right.text
    left.bindings += right.bindings
  }

  package struct StringInterpolation: StringInterpolationProtocol {
    var text = ""
    var bindings: [Value] = []

    package init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + interpolationCount * 8)
    }

    package mutating func appendLiteral(_ literal: StaticString) {
      literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
    }

    package mutating func appendInterpolation(_ fragment: SQL) {
      text += fragment.text
      bindings += fragment.bindings
    }

    package mutating func appendInterpolation(_ value: Value) {
      text += "?"
      bindings.append(value)
    }
    package mutating func appendInterpolation(_ value: Int64) { appendInterpolation(.int(value)) }
    package mutating func appendInterpolation(_ value: Int) {
      appendInterpolation(.int(Int64(value)))
    }
    package mutating func appendInterpolation(_ value: String) { appendInterpolation(.text(value)) }
    package mutating func appendInterpolation(_ value: UUID) { appendInterpolation(.uuid(value)) }
    package mutating func appendInterpolation(_ value: [UInt8]) {
      appendInterpolation(.blob(value))
    }
    package mutating func appendInterpolation(_ value: Timestamp) {
      appendInterpolation(.timestamp(value))
    }

    /// Quotes a name: doubled quotes inside, so that no name can end the quotation.
    package mutating func appendInterpolation(identifier name: String) {
      text += "\""
      if name.utf8.contains(UInt8(ascii: "\"")) {
        for character in name.unicodeScalars {
          text.unicodeScalars.append(character)
          if character == "\"" { text += "\"" }
        }
      } else {
        text += name
      }
      text += "\""
    }
  }
}

extension Sequence<SQL> {
  /// The fragments with `separator` between them.
  package func joined(by separator: SQL) -> SQL {
    var result = SQL.empty
    var isFirst = true
    for fragment in self {
      if !isFirst { result += separator }
      result += fragment
      isFirst = false
    }
    return result
  }
}
