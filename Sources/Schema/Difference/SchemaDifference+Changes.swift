extension SchemaDifference {
  /// All changes in words: what breaks first, then in the order of the new schema.
  package var changes: [SchemaChange] {
    let found =
      removedCollections + addedCollections + collections.flatMap(\.changes)
      + actionChanges + enumChanges + roleChanges
    // The sort keeps the order of changes of one level: it is stable.
    return found.filter { $0.level != .none }.sorted { $0.level > $1.level }
  }

  private var removedCollections: [SchemaChange] {
    removed.map { collection in
      SchemaChange(
        .major, "collection_removed", collection: collection.name,
        "The collection `\(collection.name)` is gone.",
        guidance: collection.deprecation?.guidance ?? "Nothing takes its place.")
    }
  }

  private var addedCollections: [SchemaChange] {
    added.map { collection in
      SchemaChange(
        .minor, "collection_added", collection: collection.name,
        "The collection `\(collection.name)` is new.")
    }
  }

  private var enumChanges: [SchemaChange] {
    enums.flatMap { difference in
      let name = "`\(difference.name)`"
      var changes: [SchemaChange] = []
      if !difference.removed.isEmpty {
        changes.append(
          SchemaChange(
            .major, "enum_value_removed",
            "\(name) has lost \(SchemaDifference.list(difference.removed)).",
            guidance: "Send none of these values."))
      }
      if !difference.added.isEmpty {
        changes.append(
          SchemaChange(
            .minor, "enum_value_added",
            "\(name) has \(SchemaDifference.list(difference.added)) too.",
            guidance: "Be ready to read values that you do not know."))
      }
      if difference.isReordered {
        changes.append(
          SchemaChange(.minor, "enum_reordered", "The values of \(name) have another order."))
      }
      return changes
    }
  }

  private var roleChanges: [SchemaChange] {
    guard let roles else { return [] }
    var changes: [SchemaChange] = []
    if !roles.removed.isEmpty {
      changes.append(
        SchemaChange(
          .major, "role_removed", "Roles are gone: \(SchemaDifference.list(roles.removed)).",
          guidance: "Be ready for 403 where such a role decided."))
    }
    for pair in roles.removedInheritance {
      changes.append(
        SchemaChange(
          .major, "role_narrowed", "`\(pair.role)` does not inherit `\(pair.inherits)` any more.",
          guidance: "Be ready for 403 where the inherited role decided."))
    }
    if !roles.added.isEmpty {
      changes.append(
        SchemaChange(
          .minor, "role_added", "Roles are new: \(SchemaDifference.list(roles.added))."))
    }
    for pair in roles.addedInheritance {
      changes.append(
        SchemaChange(.minor, "role_widened", "`\(pair.role)` inherits `\(pair.inherits)`."))
    }
    return changes
  }

  private static func list(_ names: [String]) -> String {
    names.map { "`\($0)`" }.joined(separator: ", ")
  }
}
