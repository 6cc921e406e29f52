package import Schema

/// The names that collections and fields had before.
///
/// Going forward they are those of `@was`; going back to a schema that knows nothing of the newer
/// names, they are the newer names.
package struct FormerNames: Sendable {
  /// Types of before, by those of after.
  private(set) var types: [String: String] = [:]
  /// Fields of before, by the type and the field of after.
  private(set) var fields: [String: [String: String]] = [:]
  /// Whether a former name that matches nothing is a slip to be told.
  let areWritten: Bool

  /// Those that `model` gives by `@was`.
  package init(of model: SchemaModel) {
    areWritten = true
    for collection in model.collections {
      types[collection.typeName] = collection.formerName
      for field in collection.fields {
        fields[collection.typeName, default: [:]][field.name] = field.formerName
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
    }
  }

  func type(of name: String) -> String? { types[name] }
  func field(_ type: String, _ name: String) -> String? { fields[type]?[name] }
}
