package import Schema

/// The names that collections and fields had before.
///
/// Going forward they are those of `@was`; going back to a schema that knows nothing of the newer
/// names, they are the newer names.
package struct FormerNames: Sendable {
  /// A field that was several, or a part of one: where its values come from.
  struct Origin: Sendable {
    /// The value as a text of `sources`; nil where nobody says it.
    let template: TextTemplate?
    /// The fields of before that it is made of.
    let sources: [String]
    /// The way from it to the sources, for values that are kept of an earlier time: they still hold
    /// where each text of `fields` of the new schema is what the source holds.
    let returns: [Return]
  }

  struct Return: Sendable {
    let template: TextTemplate
    let source: String
  }

  /// Types of before, by those of after.
  private(set) var types: [String: String] = [:]
  /// Fields of before, by the type and the field of after.
  private(set) var fields: [String: [String: String]] = [:]
  /// What splits a field, or puts one together again, by the type and the field of after.
  private(set) var origins: [String: [String: Origin]] = [:]
  /// Whether a former name that matches nothing is a slip to be told.
  let areWritten: Bool

  /// Those that `model` gives by `@was`.
  package init(of model: SchemaModel) {
    areWritten = true
    for collection in model.collections {
      types[collection.typeName] = collection.formerName
      for field in collection.fields {
        guard let split = field.split, let name = field.formerName else {
          fields[collection.typeName, default: [:]][field.name] = field.formerName
          continue
        }
        let back = collection.fields.filter { $0.formerName == name }
          .compactMap { $0.split?.back }.first
        origins[collection.typeName, default: [:]][field.name] = Origin(
          template: split.expression, sources: [name],
          returns: back.map { [Return(template: $0, source: name)] } ?? [])
      }
    }
  }

  /// The way back from `newer` to `older`: what came from one name goes there again.
  package init(from newer: SchemaModel, backTo older: SchemaModel) {
    areWritten = false
    for difference in SchemaDifference(from: older, to: newer).collections {
      let type = difference.old.typeName
      if difference.isRenamed { types[type] = difference.new.typeName }
      for field in difference.fields where field.isRenamed {
        fields[type, default: [:]][field.old.name] = field.new.name
      }
      for split in difference.splits {
        origins[type, default: [:]][split.old.name] = Origin(
          template: split.back, sources: split.parts.map(\.name),
          returns: split.parts.compactMap { part in
            part.split.map { Return(template: $0.expression, source: part.name) }
          })
      }
    }
  }

  func type(of name: String) -> String? { types[name] }
  func field(_ type: String, _ name: String) -> String? { fields[type]?[name] }
  func origin(_ type: String, _ name: String) -> Origin? { origins[type]?[name] }

  /// Whether what a field of before holds goes on in other fields.
  func isTaken(_ type: String, _ source: String) -> Bool {
    origins[type]?.values.contains { $0.sources.contains(source) } ?? false
  }
}
