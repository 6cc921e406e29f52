import RoostCore

/// The fields that a field of an older schema was split into, as they are called now.
struct FormerParts: Sendable {
  private let template: TextTemplate
  /// The names of now, by those of the schema that split it.
  private let names: [String: String]

  /// Nil where the field was not split, where no `back` says how it is put together, or where one of
  /// its parts went since, or became something else.
  init?(_ old: Field, in types: [String], _ steps: [LensStep]) {
    var name = old.name
    for (index, step) in steps.enumerated() where index + 1 < types.count {
      if let next = step.field(name, of: types[index]) {
        name = next
        continue
      }
      let parts = step.model.collection(ofType: types[index + 1])?.fields.filter {
        $0.split != nil && $0.formerName == name
      }
      guard !step.isBackward, let parts, let back = parts.compactMap({ $0.split?.back }).first
      else {
        return nil
      }
      var names: [String: String] = [:]
      for column in back.columns {
        guard let part = parts.first(where: { $0.name == column }) else { return nil }
        let field = FormerField(
          part, in: Array(types[(index + 1)...]), Array(steps[(index + 1)...]))
        guard let now = field.now, !field.isRetyped else { return nil }
        names[column] = now.name
      }
      template = back
      self.names = names
      return
    }
    return nil
  }

  /// Their names of now, in alphabetical order.
  var fields: [String] { Set(names.values).sorted() }

  /// The text for a record of now; nil where it does not show all parts, or they are empty.
  func text(of record: JSONObject) -> String? {
    guard names.values.allSatisfy({ record[$0] != nil }) else { return nil }
    return template.value { column in
      guard let value = names[column].flatMap({ record[$0] }), !value.isNull else { return nil }
      return value.string ?? value.text
    }
  }
}
