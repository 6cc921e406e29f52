/// A field of a type with its directives checked.
struct DeclaredField {
  let name: Name
  let arguments: [InputValue]
  let type: TypeReference
  let directives: [CheckedDirective]
  let description: String?
}

/// A value of an enum with its directives checked.
struct DeclaredValue {
  let name: Name
  let directives: [CheckedDirective]
}

/// A type of the schema together with its extensions.
struct DeclaredType {
  let kind: TypeSyntax.Kind
  let name: Name
  let description: String?
  let interfaces: [Name]
  let directives: [CheckedDirective]
  let fields: [DeclaredField]
  let inputFields: [InputValue]
  let values: [DeclaredValue]
  let members: [Name]

  var isCollection: Bool {
    kind == .object && (directives.first("collection") != nil || isView)
  }
  /// Its rows are groups of others; it needs no `@collection` beside that.
  var isView: Bool { directives.first("view") != nil }
}
