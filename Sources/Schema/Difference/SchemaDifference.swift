/// The difference of two schemas of an app: everything that a migration, a version and a guide are
/// made of.
///
/// A pure function of two models. What is in both is told by its name, or else by `@was`. The places
/// of things in the file, and the order of types, fields and rules, make no difference.
package struct SchemaDifference: Sendable {
  /// What became of an enum that is in both schemas.
  package struct EnumDifference: Sendable {
    package let name: String
    package let added: [String]
    package let removed: [String]
    /// The values that are in both stand in another order, which `MAX` and `MIN` follow.
    package let isReordered: Bool
  }

  /// What became of the roles.
  package struct RoleDifference: Sendable {
    package let added: [String]
    package let removed: [String]
    /// Pairs of a role and one that it inherits now, and did not.
    package let addedInheritance: [(role: String, inherits: String)]
    package let removedInheritance: [(role: String, inherits: String)]
  }

  package let old: SchemaModel
  package let new: SchemaModel
  package let added: [Collection]
  package let removed: [Collection]
  /// The collections that are in both and differ, in the order of the new schema.
  package let collections: [CollectionDifference]
  /// `@was` on types that the old schema had not: a rename that was made before, or a slip.
  package let unmatchedFormerNames: [String]
  /// The enums that are in both, are used by fields, and differ.
  package let enums: [EnumDifference]
  package let roles: RoleDifference?
  package let addedActions: [ActionDeclaration]
  package let removedActions: [ActionDeclaration]
  /// The actions that are in both and differ.
  package let actions: [ActionDifference]

  package init(from old: SchemaModel, to new: SchemaModel) {
    self.old = old
    self.new = new
    let after = Set(new.collections.map(\.typeName))
    var renames: [String: String] = [:]
    var pairs: [(old: Collection, new: Collection)] = []
    var added: [Collection] = []
    var unmatched: [String] = []
    for collection in new.collections {
      if let same = old.collection(ofType: collection.typeName) {
        pairs.append((same, collection))
        if let name = collection.formerName, old.collection(ofType: name) == nil {
          unmatched.append(name)
        }
      } else if let name = collection.formerName, let former = old.collection(ofType: name),
        !after.contains(name), renames[name] == nil
      {
        renames[name] = collection.typeName
        pairs.append((former, collection))
      } else {
        if let name = collection.formerName { unmatched.append(name) }
        added.append(collection)
      }
    }
    let gone = renames
    self.added = added
    unmatchedFormerNames = unmatched
    removed = old.collections.filter {
      !after.contains($0.typeName) && gone[$0.typeName] == nil
    }
    let names = RuleNames(old, pairs)
    collections = pairs.map { CollectionDifference($0.old, $0.new, renames: gone, names) }
      .filter { !$0.isEmpty }
    enums = SchemaDifference.enums(old, new)
    roles = RoleDifference(old.roles, new.roles)
    addedActions = new.actions.filter { old.action(named: $0.name) == nil }
    removedActions = old.actions.filter { new.action(named: $0.name) == nil }
    actions = new.actions.compactMap { action in
      old.action(named: action.name).map { ActionDifference($0, action, renames: gone) }
    }.filter { !$0.changes.isEmpty }
  }

  /// Whether nothing differs that anybody could notice.
  package var isEmpty: Bool { level == .none }

  /// The greatest level of all changes.
  package var level: ChangeLevel { changes.map(\.level).max() ?? .none }

  private static func enums(_ old: SchemaModel, _ new: SchemaModel) -> [EnumDifference] {
    let used = Set(
      (old.collections + new.collections).flatMap(\.fields).compactMap { field in
        if case .enumeration(let name, _) = field.type { name } else { nil }
      }
    ).union(old.enumsOfActions).union(new.enumsOfActions)
    return new.enums.compactMap { after in
      guard used.contains(after.name),
        let before = old.enums.first(where: { $0.name == after.name })
      else { return nil }
      let kept = before.values.filter { after.values.contains($0) }
      let difference = EnumDifference(
        name: after.name, added: after.values.filter { !before.values.contains($0) },
        removed: before.values.filter { !after.values.contains($0) },
        isReordered: kept != after.values.filter { before.values.contains($0) })
      let isSame =
        difference.added.isEmpty && difference.removed.isEmpty && !difference.isReordered
      return isSame ? nil : difference
    }
  }
}

extension SchemaDifference.RoleDifference {
  init?(_ old: RoleTree?, _ new: RoleTree?) {
    let before = old?.names ?? []
    let after = new?.names ?? []
    func inheritance(_ tree: RoleTree?, lacking other: RoleTree?) -> [(String, String)] {
      let both = (tree?.names ?? []).filter { other?.names.contains($0) ?? false }
      return both.flatMap { role in
        (tree?.closure[role] ?? []).subtracting(other?.closure[role] ?? []).sorted()
          .map { (role, $0) }
      }
    }
    added = after.filter { !before.contains($0) }
    removed = before.filter { !after.contains($0) }
    addedInheritance = inheritance(new, lacking: old).map { (role: $0.0, inherits: $0.1) }
    removedInheritance = inheritance(old, lacking: new).map { (role: $0.0, inherits: $0.1) }
    if added.isEmpty, removed.isEmpty, addedInheritance.isEmpty, removedInheritance.isEmpty {
      return nil
    }
  }
}
