/// A field's type as text, kept in the database to tell a changed schema from the one before.
package enum TypeSignature {
  package static func of(_ field: Field) -> String {
    let name = name(field.type)
    let plain = field.isList ? "[\(name)\(field.elementsAreRequired ? "!" : "")]" : name
    return field.isSealed ? sealed + plain : plain
  }

  /// What stands before the type of a field whose values are stored sealed.
  private static let sealed = "sealed "

  /// Whether a signature is of a field whose values are stored sealed.
  package static func isSealed(_ signature: String) -> Bool { signature.hasPrefix(sealed) }

  private static func name(_ type: FieldType) -> String {
    switch type {
    case .enumeration(let name, let values): "enum \(name) \(values.joined(separator: " "))"
    case .reference(let typeName): "ref \(typeName)"
    default: type.schemaName
    }
  }

  /// Whether every stored value of the type `old` is a valid value of `new`: equal types, or an enum
  /// that gained values.
  package static func isAdditive(from old: String, to new: String) -> Bool {
    if old == new { return true }
    if isSealed(old), isSealed(new) {
      return isAdditive(
        from: String(old.dropFirst(sealed.count)), to: String(new.dropFirst(sealed.count)))
    }
    let before = enumeration(old)
    let after = enumeration(new)
    guard let before, let after, before.name == after.name, before.suffix == after.suffix else {
      return false
    }
    return Set(before.values).isSubset(of: after.values)
  }

  private static func enumeration(
    _ signature: String
  ) -> (name: String, values: [String], suffix: String)? {
    var text = Substring(signature)
    var suffix = ""
    if text.hasPrefix("[") {
      suffix = text.hasSuffix("!]") ? "[!]" : "[]"
      text = text.dropFirst().prefix { $0 != "!" && $0 != "]" }
    }
    guard text.hasPrefix("enum ") else { return nil }
    let words = text.split(separator: " ").dropFirst().map(String.init)
    guard let name = words.first else { return nil }
    return (name, Array(words.dropFirst()), suffix)
  }

  /// A signature as a person would write it in a message.
  package static func shown(_ signature: String) -> String {
    if isSealed(signature) {
      return shown(String(signature.dropFirst(sealed.count))) + " under @encrypted(mode: SERVER)"
    }
    if signature.hasPrefix("ref ") { return String(signature.dropFirst(4)) }
    if let (name, values, _) = enumeration(signature) {
      return "\(name) (\(values.joined(separator: ", ")))"
    }
    return signature
  }

  /// A field of that name with the type of a signature; nil for a text that is none.
  package static func field(_ name: String, _ signature: String) -> Field? {
    var text = Substring(signature)
    let isSealed = isSealed(signature)
    if isSealed { text = text.dropFirst(sealed.count) }
    let isList = text.hasPrefix("[")
    var elementsAreRequired = false
    if isList {
      guard text.hasSuffix("]") else { return nil }
      text = text.dropFirst().dropLast()
      elementsAreRequired = text.hasSuffix("!")
      if elementsAreRequired { text = text.dropLast() }
    }
    guard let type = type(String(text)) else { return nil }
    return Field(
      name: name, type: type, isRequired: false, isList: isList,
      elementsAreRequired: elementsAreRequired,
      encryption: isSealed ? Encryption(mode: .server, keyScope: "owner") : nil)
  }

  private static func type(_ text: String) -> FieldType? {
    let words = text.split(separator: " ").map(String.init)
    switch (words.first, words.count) {
    case ("enum", 2...): return .enumeration(name: words[1], values: Array(words.dropFirst(2)))
    case ("ref", 2): return .reference(typeName: words[1])
    default: return plain.first { name($0) == text }
    }
  }

  private static let plain: [FieldType] = [
    .boolean, .int, .int64, .float, .string, .id, .date, .dateTime, .duration, .money, .email,
    .url, .json, .geoPoint, .file, .user,
  ]
}
