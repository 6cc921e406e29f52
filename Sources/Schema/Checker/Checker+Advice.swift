extension Checker {
  /// What can be served, but is likely not what was meant.
  func advise(on collections: [Collection]) {
    if collections.isEmpty {
      report.notice(
        SourceLocation(line: 1, column: 1), "no_collections",
        "the schema has no collection: mark a type with @collection")
    }
    for collection in collections {
      let allowed = collection.allows.reduce(into: Set<Operation>()) {
        $0.formUnion($1.operations)
      }
      if collection.allows.isEmpty {
        report.notice(
          collection.location, "no_allow",
          "\(collection.typeName) has no @allow, so nobody can reach its rows")
      } else if !allowed.contains(.read),
        !allowed.isDisjoint(with: [.create, .update, .delete])
      {
        report.notice(
          collection.location, "write_without_read",
          "\(collection.typeName) may be written but not read; add an @allow with READ")
      }
      if allowed.contains(.update), !allowed.contains(.create) {
        report.notice(
          collection.location, "update_without_create",
          "\(collection.typeName) may be updated, but no rule allows to create it")
      }
      adviseOnSplits(of: collection)
      for field in collection.fields where field.isRequired {
        if field.personalData?.onErase == .nullify {
          report.notice(
            field.location, "erase_required",
            "\(field.name) is required, so erasing a person cannot set it to null; choose another "
              + "onErase")
        }
        if field.type == .reference(typeName: collection.typeName) {
          report.notice(
            field.location, "reference_to_itself",
            "\(field.name) refers to \(collection.typeName) itself and is required, so a first row "
              + "can only refer to itself")
        }
      }
    }
    for name in typeNames {
      guard let type = types[name], ["Query", "Subscription"].contains(name) else { continue }
      for field in type.fields where field.name.text != "_x" {
        report.notice(
          field.name.location, "not_acted_on",
          "\(name).\(field.name.text) is not acted on; queries are derived from the collections")
      }
    }
  }

  private func adviseOnSplits(of collection: Collection) {
    var told: Set<String> = []
    for field in collection.fields where field.split != nil {
      guard let name = field.formerName, told.insert(name).inserted else { continue }
      let parts = collection.fields.filter { $0.split != nil && $0.formerName == name }
      guard parts.allSatisfy({ $0.split?.back == nil }) else { continue }
      report.notice(
        field.location, "no_way_back",
        "\(name) is split, and nothing says how it is put together again: after a rollback, records "
          + "that were written since have none; add back: to one of its @was")
    }
  }
}
