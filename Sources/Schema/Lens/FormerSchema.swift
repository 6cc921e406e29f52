/// An older schema of an app as it stands to the one that is served: where each of its collections and
/// fields is now.
package struct FormerSchema: Sendable {
  package let model: SchemaModel
  /// Its version, and that which is served.
  package let version: APIVersion
  package let current: APIVersion
  /// In the order of the older schema.
  package let collections: [FormerCollection]
  private let byName: [String: Int]
  private let byType: [String: Int]

  init(_ model: SchemaModel, version: APIVersion, current: APIVersion, _ steps: [LensStep]) {
    self.model = model
    self.version = version
    self.current = current
    collections = model.collections.map { FormerCollection($0, steps) }
    var byName: [String: Int] = [:]
    var byType: [String: Int] = [:]
    for (index, collection) in model.collections.enumerated() {
      byName[collection.name] = index
      byType[collection.typeName] = index
    }
    self.byName = byName
    self.byType = byType
  }

  /// The collection of that name in the older schema.
  package func collection(named name: String) -> FormerCollection? {
    byName[name].map { collections[$0] }
  }

  /// The place of a collection in the older schema, by its type's name there.
  package func index(ofType name: String) -> Int? { byType[name] }

  /// The collection of that type's name in the older schema.
  package func collection(ofType name: String) -> FormerCollection? {
    byType[name].map { collections[$0] }
  }

  /// The collection whose records `field` refers to, where it refers to one record.
  package func target(of field: Field) -> FormerCollection? {
    guard case .reference(let name) = field.type, !field.isList else { return nil }
    return collection(ofType: name)
  }

  /// What an inverse relation of the older schema is called now; nil where it is gone.
  ///
  /// A relation is known by the reference that makes it.
  package func currentName(of inverse: InverseField, in collection: FormerCollection) -> String? {
    guard let target = self.collection(ofType: inverse.typeName), let targetNow = target.now,
      let field = target.fields.first(where: { $0.old.name == inverse.field })?.now
    else { return nil }
    return collection.now?.inverses.first {
      $0.typeName == targetNow.typeName && $0.field == field.name
    }?.name
  }
}

/// A collection of an older schema, and what became of it.
package struct FormerCollection: Sendable {
  package let old: Collection
  /// What it is now; nil where it is gone.
  package let now: Collection?
  /// The version that it is gone since.
  package let goneSince: APIVersion?
  /// In the order of the older schema.
  package let fields: [FormerField]
  /// The places of fields by their names of now, and of before.
  private let byNow: [String: Int]
  private let byOld: [String: Int]

  init(_ old: Collection, _ steps: [LensStep]) {
    self.old = old
    var now: Collection? = old
    var goneSince: APIVersion?
    var types: [String] = [old.typeName]
    for step in steps {
      guard let name = step.type(types[types.count - 1]),
        let next = step.model.collection(ofType: name)
      else {
        now = nil
        goneSince = step.version
        break
      }
      now = next
      types.append(name)
    }
    self.now = now
    self.goneSince = goneSince
    fields = old.fields.map { FormerField($0, in: types, steps) }
    var byNow: [String: Int] = [:]
    var byOld: [String: Int] = [:]
    for (index, field) in fields.enumerated() {
      byOld[field.old.name] = index
      if let now = field.now { byNow[now.name] = index }
    }
    self.byNow = byNow
    self.byOld = byOld
  }

  /// The field of that name in the older schema.
  package func field(named name: String) -> FormerField? { byOld[name].map { fields[$0] } }

  /// The place of the field that has that name now.
  package func index(ofNow name: String) -> Int? { byNow[name] }

  /// The field that has that name now.
  package func field(now name: String) -> FormerField? { byNow[name].map { fields[$0] } }
}
