import RoostCore

/// Writes the schema of an app for the tools of its clients: whole, as any tool of GraphQL reads it.
///
/// Beside the types of the file stand the scalars, enums and directives that it uses without defining
/// them, and the fields that every record has; extensions are part of their types, and collections
/// say what they are called. Comments are gone, descriptions stay.
package struct SchemaPrinter {
  private let model: SchemaModel
  private let document: Document
  private var lines: [String] = []

  /// The text of a schema, which ends with a line break.
  package static func text(of model: SchemaModel) -> String {
    // It was read once: what cannot be parsed is no model.
    guard let document = try? Parser.document(model.source) else { return model.source }
    var printer = SchemaPrinter(model: model, document: document)
    printer.print()
    return printer.lines.joined(separator: "\n") + "\n"
  }

  private init(model: SchemaModel, document: Document) {
    self.model = model
    self.document = document
  }

  private mutating func print() {
    lines.append("# Made from the schema of the app by `roost generate graphql`; change that one.")
    for schema in document.schemas where !schema.isExtension { print(schema) }
    for directive in Prelude.document.directives where directive.name.text != "specifiedBy" {
      print(directive)
    }
    let merged = types()
    for type in Prelude.document.types
    where merged[type.name.text] == nil && type.name.text != "Mutation" {
      print(type)
    }
    var printed: Set<String> = []
    for name in document.types.map(\.name.text) where printed.insert(name).inserted {
      if let type = merged[name] { print(type) }
    }
  }

  /// The types of the file with their extensions, but for those that the prelude has too.
  private func types() -> [String: TypeSyntax] {
    var merged: [String: TypeSyntax] = [:]
    for type in document.types.sorted(by: { !$0.isExtension && $1.isExtension }) {
      let name = type.name.text
      let isKnown = Prelude.types[name] != nil && !Prelude.openTypes.contains(name)
      if isKnown || Prelude.specifiedScalars.contains(name) { continue }
      guard var whole = merged[name] else {
        merged[name] = type
        continue
      }
      whole.interfaces += type.interfaces
      whole.directives += type.directives
      whole.fields += type.fields
      whole.inputFields += type.inputFields
      whole.values += type.values
      whole.members += type.members
      merged[name] = whole
    }
    return merged
  }

  // MARK: Definitions

  private mutating func print(_ schema: SchemaSyntax) {
    let operations = schema.operations.map { "\($0.operation.text): \($0.type.text)" }
    lines += ["", "schema\(uses(schema.directives)) {"] + operations.map { "  " + $0 } + ["}"]
  }

  private mutating func print(_ directive: DirectiveSyntax) {
    describe(directive.description, "")
    lines.append(
      "directive @\(directive.name.text)\(arguments(directive.arguments))"
        + (directive.isRepeatable ? " repeatable" : "") + " on "
        + directive.locations.map(\.text).joined(separator: " | "))
  }

  private mutating func print(_ type: TypeSyntax) {
    lines.append("")
    let scalar = type.kind == .scalar ? SchemaPrinter.scalars[type.name.text] : nil
    describe(type.description ?? scalar, "")
    var head = "\(type.kind.rawValue) \(type.name.text)"
    if !type.interfaces.isEmpty {
      head += " implements " + type.interfaces.map(\.text).joined(separator: " & ")
    }
    let collection = model.collection(ofType: type.name.text)
    head += uses(type.directives, collection: collection)
    if !type.members.isEmpty { head += " = " + type.members.map(\.text).joined(separator: " | ") }
    guard !(type.fields.isEmpty && type.inputFields.isEmpty && type.values.isEmpty) else {
      lines.append(head)
      return
    }
    lines.append(head + " {")
    if collection != nil { printSystemFields() }
    for field in type.fields where collection == nil || field.name.text != "id" {
      describe(field.description, "  ")
      lines.append(
        "  \(field.name.text)\(arguments(field.arguments)): \(field.type.text)"
          + uses(field.directives))
    }
    for field in type.inputFields {
      describe(field.description, "  ")
      lines.append("  " + input(field))
    }
    for value in type.values {
      describe(value.description, "  ")
      lines.append("  \(value.name.text)\(uses(value.directives))")
    }
    lines.append("}")
  }

  private mutating func printSystemFields() {
    for (field, words) in [
      ("id: ID!", "A UUID."), ("version: Int!", "Counts the changes of the record, from 1."),
      ("createdAt: DateTime!", "When it was made."),
      ("updatedAt: DateTime!", "When it was changed."),
    ] {
      describe(words, "  ")
      lines.append("  " + field)
    }
  }

  /// What the scalars look like in JSON.
  private static let scalars = [
    "Date": "A day: `2026-01-31`.",
    "DateTime": "A time of RFC 3339: `2026-01-31T20:00:00.000Z`.",
    "Duration": "A length of time of ISO 8601, of days and smaller: `PT1H30M`.",
    "JSON": "Any JSON.",
    "Money": "A whole number of minor units: 12.50 is `1250`.",
    "Email": "An address of email.",
    "URL": "An absolute address, http or https.",
    "GeoPoint": "A place in degrees: `{\"lat\": 48.1, \"lon\": 11.6}`.",
    "File": "What a file is: `{\"sha256\": …, \"size\": …, \"mime\": …}`.",
    "Int64": "A whole number of 64 bits, a string beyond 2^53.",
  ]

  // MARK: Parts

  private mutating func describe(_ text: String?, _ indent: String) {
    guard let text, !text.isEmpty else { return }
    let parts = text.split(separator: "\n", omittingEmptySubsequences: false)
    let isPlain =
      !text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" }
      && !parts.contains { $0.first == " " || $0.first == "\t" } && parts.first?.isEmpty == false
      && parts.last?.isEmpty == false
    guard isPlain else {
      lines.append(indent + JSON.string(text).text)
      return
    }
    lines.append(indent + "\"\"\"")
    for part in parts {
      lines.append(part.isEmpty ? "" : indent + SchemaPrinter.escaped(part))
    }
    lines.append(indent + "\"\"\"")
  }

  /// A line of a block string: three quotes would end it.
  private static func escaped(_ line: Substring) -> String {
    var result = ""
    var quotes = 0
    for character in line {
      if character == "\"" {
        quotes += 1
        if quotes == 3 {
          result.removeLast(2)
          result += "\\\"\"\""
          quotes = 0
          continue
        }
      } else {
        quotes = 0
      }
      result.append(character)
    }
    return result
  }

  private func arguments(_ list: [InputValue]) -> String {
    list.isEmpty ? "" : "(" + list.map(input).joined(separator: ", ") + ")"
  }

  private func input(_ value: InputValue) -> String {
    "\(value.name.text): \(value.type.text)"
      + (value.defaultValue.map { " = " + literal($0) } ?? "") + uses(value.directives)
  }

  private func uses(_ directives: [DirectiveUse], collection: Collection? = nil) -> String {
    directives.map { use in
      if use.name.text == "collection", let collection {
        return " @collection(name: \(JSON.string(collection.name).text))"
      }
      let given = use.arguments.map { "\($0.name.text): \(literal($0.value))" }
      return " @\(use.name.text)" + (given.isEmpty ? "" : "(\(given.joined(separator: ", ")))")
    }.joined()
  }

  private func literal(_ literal: Literal) -> String {
    switch literal.value {
    case .int(let text), .float(let text), .enumeration(let text): text
    case .string(let text): JSON.string(text).text
    case .boolean(let value): "\(value)"
    case .null: "null"
    case .list(let elements): "[" + elements.map(self.literal).joined(separator: ", ") + "]"
    case .object(let members):
      "{"
        + members.map { "\($0.name.text): \(self.literal($0.value))" }.joined(separator: ", ")
        + "}"
    }
  }
}
