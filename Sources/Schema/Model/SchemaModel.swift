/// A checked schema: what the rest of Roost is derived from.
package struct SchemaModel: Sendable {
  /// The collections in the order of the file.
  package let collections: [Collection]
  package let enums: [EnumType]
  /// The fields of Mutation marked `@action`, in the order of the file.
  package let actions: [ActionDeclaration]
  /// The enum marked `@roles`, as a tree; nil when the schema has none.
  package let roles: RoleTree?
  /// The SDL as it was written.
  package let source: String
  /// What was understood but is not acted on yet, and other advice, for `roost doctor`.
  package let notices: [SchemaNotice]

  private let byName: [String: Int]
  private let byTypeName: [String: Int]

  package init(
    collections: [Collection], enums: [EnumType], actions: [ActionDeclaration] = [],
    roles: RoleTree?, source: String, notices: [SchemaNotice]
  ) {
    self.actions = actions
    self.collections = collections
    self.enums = enums
    self.roles = roles
    self.source = source
    self.notices = notices
    var byName: [String: Int] = [:]
    var byTypeName: [String: Int] = [:]
    for (index, collection) in collections.enumerated() {
      byName[collection.name] = index
      byTypeName[collection.typeName] = index
    }
    self.byName = byName
    self.byTypeName = byTypeName
  }

  /// The collection of that route name, such as `performances`.
  package func collection(named name: String) -> Collection? {
    byName[name].map { collections[$0] }
  }

  /// The collection of that type name, such as `Performance`.
  package func collection(ofType typeName: String) -> Collection? {
    byTypeName[typeName].map { collections[$0] }
  }

  /// The action of that name.
  package func action(named name: String) -> ActionDeclaration? {
    actions.first { $0.name == name }
  }
}

/// A place in a schema file, from 1.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package var description: String { "\(line):\(column)" }
}

/// Advice about a schema that does not stop it from being served.
package struct SchemaNotice: Sendable, Hashable {
  package let location: SourceLocation
  /// A stable name such as `not_acted_on` or `no_allow`.
  package let code: String
  package let message: String

  package init(location: SourceLocation, code: String, message: String) {
    self.location = location
    self.code = code
    self.message = message
  }
}

/// One fault of a schema.
package struct SchemaFault: Sendable, Hashable {
  package let location: SourceLocation
  package let message: String

  package init(location: SourceLocation, message: String) {
    self.location = location
    self.message = message
  }
}

/// A schema that cannot be served: every fault that was found, in the order of the file.
package struct SchemaError: Error, Sendable, CustomStringConvertible {
  package let faults: [SchemaFault]

  package init(faults: [SchemaFault]) { self.faults = faults }

  package var description: String {
    faults.map { "\($0.location): \($0.message)" }.joined(separator: "\n")
  }
}

/// An enum of the schema, its values in their declared order (which merges use; lists sort by the text).
package struct EnumType: Sendable {
  package let name: String
  package let values: [String]

  package init(name: String, values: [String]) {
    self.name = name
    self.values = values
  }
}

/// The roles of an app and what each inherits.
package struct RoleTree: Sendable {
  package let names: [String]
  /// For each role, itself and everything that it inherits, directly or not.
  package let closure: [String: Set<String>]

  package init(names: [String], closure: [String: Set<String>]) {
    self.names = names
    self.closure = closure
  }
}
