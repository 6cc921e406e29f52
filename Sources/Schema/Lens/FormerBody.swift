package import RoostCore

/// Writes the record that an older client sends in the names and values of now.
///
/// What the client does not know is not in it, so that a change leaves it alone and a create gives it
/// its default.
package struct FormerBody {
  private let schema: FormerSchema
  private let collection: FormerCollection
  private let isCreate: Bool

  package init(schema: FormerSchema, collection: FormerCollection, isCreate: Bool) {
    self.schema = schema
    self.collection = collection
    self.isCreate = isCreate
  }

  /// The body, with the names of fields whose values nothing can hold any more.
  ///
  /// Throws 422 for fields that the older schema does not have, and for values of another type than
  /// there, or that the type of now cannot hold.
  package func forward(_ body: JSON) throws -> (body: JSON, lost: [String]) {
    guard let object = body.object else { return (body, []) }
    var members: [(key: String, value: JSON)] = []
    var lost: [String] = []
    var issues: [FieldIssue] = []
    for (name, value) in object {
      if FormerAnswer.systemNames.contains(name) {
        members.append((name, value))
        continue
      }
      guard let field = collection.field(named: name) else {
        issues.append(unknown(name))
        continue
      }
      guard let now = field.now else {
        if !value.isNull { lost.append(name) }
        continue
      }
      // It could be left out, and null, before; now there is a default for it.
      let hasDefault = now.defaultValue != nil || now.defaultExpression != nil
      if isCreate, value.isNull, now.isRequired, !field.old.isRequired, hasDefault { continue }
      switch converted(value, field) {
      case .success(let value): members.append((now.name, value))
      case .failure(let issue): issues.append(issue)
      }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
    return (.object(JSONObject(uniqueMembers: members)), lost)
  }

  private func converted(_ value: JSON, _ field: FormerField) -> Result<JSON, FieldIssue> {
    guard field.isRetyped else { return .success(value) }
    let pointer = "/" + JSONPointer.escape(field.old.name)
    guard let intent = value.object, let verb = intent.members.first?.key, verb.hasPrefix("$"),
      field.old.type != .json
    else { return field.forward(value, pointer: pointer) }
    var members: [(key: String, value: JSON)] = []
    for (verb, operand) in intent {
      if case .array(let elements) = operand {
        let now = elements.compactMap { field.forward(element: $0) }
        guard now.count == elements.count else { return .failure(retyped(field, pointer)) }
        members.append((verb, .array(now)))
      } else {
        // A sum of numbers is one, of whatever size; of anything else there is none.
        guard field.keepsOrder, operand.double != nil else {
          return .failure(retyped(field, pointer))
        }
        members.append((verb, operand))
      }
    }
    return .success(.object(JSONObject(uniqueMembers: members)))
  }

  private func retyped(_ field: FormerField, _ pointer: String) -> FieldIssue {
    let since = field.changedSince.map { "since version \($0) of this API" } ?? "now"
    return FieldIssue(
      pointer: pointer, code: "retyped_field",
      message: "\(field.old.name) is of another type \(since), which takes a value and no intent.")
  }

  private func unknown(_ name: String) -> FieldIssue {
    FieldIssue(
      pointer: "/" + JSONPointer.escape(name.prefix(60)), code: "unknown_field",
      message: "\(collection.old.typeName) has no field \"\(name.prefix(60))\" in version "
        + "\(schema.version) of this API."
        + (nearest(name, among: collection.old.fields.map(\.name)).map { " Did you mean \($0)?" }
          ?? ""))
  }
}
