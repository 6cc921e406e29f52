package import RoostCore

/// A field of an older schema, and what became of it.
package struct FormerField: Sendable {
  package let old: Field
  /// What it is now; nil where it is gone.
  package let now: Field?
  /// The version that it is gone since, or since which it has another type.
  package let changedSince: APIVersion?
  /// The types that its values went through, from the older to that of now; one where none changed.
  private let stages: [Field]
  /// What it is a text of now; nil where it was not split, or nothing says how it is put together.
  private let parts: FormerParts?

  /// `types` are the names of its collection's type: of before, and behind each step as far as it is
  /// there.
  init(_ old: Field, in types: [String], _ steps: [LensStep]) {
    self.old = old
    var now: Field? = old
    var since: APIVersion?
    var stages = [old]
    for (index, step) in steps.enumerated() {
      guard let before = now else { break }
      guard index + 1 < types.count, let name = step.field(before.name, of: types[index]),
        let next = step.model.collection(ofType: types[index + 1])?.fields
          .first(where: { $0.name == name })
      else {
        now = nil
        since = step.version
        break
      }
      if !FormerField.hasSameValues(before, next) {
        stages.append(next)
        since = step.version
      }
      now = next
    }
    self.now = now
    parts = now == nil ? FormerParts(old, in: types, steps) : nil
    changedSince = since
    self.stages = now == nil ? [old] : stages
  }

  /// References stay what they are, whatever their target is called; so do enums under another name.
  private static func hasSameValues(_ old: Field, _ new: Field) -> Bool {
    guard old.isList == new.isList, old.elementsAreRequired == new.elementsAreRequired else {
      return false
    }
    switch (old.type, new.type) {
    case (.reference, .reference): return true
    case (.enumeration(_, let before), .enumeration(_, let after)): return before == after
    default: return old.type == new.type
    }
  }

  /// The names of the fields of now that its value is made of; none where it is gone.
  package var sources: [String] { now.map { [$0.name] } ?? parts?.fields ?? [] }

  /// The value of a field that was split, put together of a record of now; nil where the record does
  /// not show all of its parts, or makes no value of them.
  func joined(_ record: JSONObject) -> JSON? {
    guard let text = parts?.text(of: record) else { return nil }
    let plain = Field(name: old.name, type: .string, isRequired: false)
    return try? FormerField.convert(.string(text), [plain, old], named: old.name, pointer: "").get()
  }

  /// Whether its values are of another type now.
  package var isRetyped: Bool { stages.count > 1 }

  /// Whether values are in the same order as before: as texts, or as numbers.
  package var keepsOrder: Bool {
    zip(stages, stages.dropFirst()).allSatisfy { old, new in
      !old.isList && !new.isList
        && (old.type.isStoredAsText && new.type.isStoredAsText
          || old.type.isNumber && new.type.isNumber)
    }
  }

  /// A value of the older type in that of now.
  ///
  /// Where the value is none of the older type, the issue says so in its terms; where the type of now
  /// cannot hold it, the issue says since when. Pointers begin with `pointer`.
  package func forward(_ value: JSON, pointer: String) -> Result<JSON, FieldIssue> {
    guard isRetyped, !value.isNull else { return .success(value) }
    let known: JSON
    switch FormerField.canonical(value, FormerField.optional(old, old.name), pointer: pointer) {
    case .success(let json): known = json
    case .failure(let issue): return .failure(issue)
    }
    switch FormerField.convert(known, stages, named: old.name, pointer: pointer) {
    case .success(let json): return .success(json)
    case .failure(let issue):
      let since = changedSince.map { ", as it is since version \($0) of this API" } ?? ""
      return .failure(
        FieldIssue(
          pointer: issue.pointer, code: issue.code,
          message: "\(FormerField.unstopped(issue.message))\(since)."))
    }
  }

  /// An element of a list in the type of now, or the value itself where it is none.
  package func forward(element: JSON) -> JSON? {
    guard isRetyped else { return element }
    let singles = stages.map { Field(name: $0.name, type: $0.type, isRequired: true) }
    guard let known = try? FormerField.canonical(element, singles[0], pointer: "").get() else {
      return nil
    }
    return try? FormerField.convert(known, singles, named: old.name, pointer: "").get()
  }

  /// A value of now as the older schema has it: null where its type cannot hold it, and where there is
  /// none; what must not be null there is then the emptiest of its type.
  package func backward(_ value: JSON) -> (value: JSON, isLost: Bool) {
    if value.isNull { return (old.isRequired ? old.emptyValue : .null, false) }
    guard isRetyped else { return (value, false) }
    switch FormerField.convert(value, stages.reversed(), named: old.name, pointer: "") {
    case .success(let json): return (json, false)
    case .failure: return (.null, true)
    }
  }

  private static func convert(
    _ value: JSON, _ stages: [Field], named name: String, pointer: String
  ) -> Result<JSON, FieldIssue> {
    var json = value
    for (old, new) in zip(stages, stages.dropFirst()) {
      let converted = ValueConversion(from: old, to: new).convert(json)
      switch canonical(converted, optional(new, name), pointer: pointer) {
      case .failure(let issue): return .failure(issue)
      case .success(let written): json = written
      }
    }
    return .success(json)
  }

  /// A value as the server writes it, in which texts are compared and converted.
  private static func canonical(
    _ value: JSON, _ field: Field, pointer: String
  ) -> Result<JSON, FieldIssue> {
    field.decode(value, pointer: pointer).flatMap { decoded in
      var writer = JSONWriter(capacity: 64)
      field.encode(decoded, into: &writer)
      guard let written = try? JSON.parse(writer.bytes) else {
        return .failure(
          FieldIssue(pointer: pointer, code: "type", message: "\(field.name) cannot be read."))
      }
      return .success(written)
    }
  }

  /// The field's type alone, under a name for messages.
  private static func optional(_ field: Field, _ name: String) -> Field {
    Field(
      name: name, type: field.type, isRequired: false, isList: field.isList,
      elementsAreRequired: field.elementsAreRequired)
  }

  private static func unstopped(_ message: String) -> String {
    message.hasSuffix(".") ? String(message.dropLast()) : message
  }
}
