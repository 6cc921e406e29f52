import Queries
import Schema

/// Finds the steps from what is stored to a schema: a pure function, which sees no rows.
struct MigrationPlanner {
  let stored: StoredSchema
  let model: SchemaModel
  let former: FormerNames
  /// The schema that was served last, for what the catalogue does not say (constraints).
  let before: SchemaModel?
  /// Going back: what was retired by the way here comes back.
  let isRollback: Bool

  var steps: [MigrationStep] = []
  var faults: [MigrationFault] = []
  /// Stored collections that a collection of the schema goes on with.
  private var taken: Set<Int64> = []

  init(
    stored: StoredSchema, model: SchemaModel, former: FormerNames, before: SchemaModel? = nil,
    isRollback: Bool = false
  ) {
    self.stored = stored
    self.model = model
    self.former = former
    self.before = before
    self.isRollback = isRollback
  }

  mutating func run() {
    var pairs: [(Collection, StoredSchema.Collection?)] = []
    for collection in model.collections { pairs.append((collection, match(collection))) }
    for (collection, old) in pairs {
      guard let old else {
        createOrRestore(collection)
        continue
      }
      if old.name != collection.name || old.typeName != collection.typeName {
        steps.append(
          MigrationStep(
            .renameCollection(number: old.number, from: old.name, to: collection.name), .explicit,
            collection.typeName, table: old.name, item: collection.typeName,
            "rename \(old.typeName) (\(old.name)) to \(collection.typeName) (\(collection.name))",
            wayBack: "the table gets its old name", at: collection.location))
      }
      planFields(of: collection, old)
    }
    for old in stored.collections where !taken.contains(old.number) {
      steps.append(
        MigrationStep(
          .retireCollection(number: old.number, from: old.name), .destructive, old.typeName,
          table: old.name, item: old.typeName, "retire \(old.typeName) with all its rows",
          wayBack: "the rows are kept until roost migrate forget"))
    }
  }

  // MARK: Collections

  /// A collection that nothing stored goes on as: what was kept of it comes back on the way on which
  /// it went, and in no other case, so that rows of two collections are never mixed.
  private mutating func createOrRestore(_ collection: Collection) {
    let name = collection.typeName
    if let (kept, table) = stored.kept(ofType: name, ofRollback: !isRollback) {
      steps.append(
        MigrationStep(
          .restoreCollection(kept, to: collection.name), .explicit, name, table: table.name,
          item: name, "bring \(name) back with the rows that were kept as \(kept.kept)",
          wayBack: "the table is retired", at: collection.location))
      planFields(of: collection, table)
      return
    }
    var text = "make the table of \(name)"
    if let (kept, _) = stored.kept(ofType: name, ofRollback: isRollback) {
      text += ", empty: the rows that were kept as \(kept.kept) stay there"
    }
    steps.append(
      MigrationStep(
        .createCollection, .additive, name, table: nil, item: name, text,
        wayBack: "the table is retired", at: collection.location))
  }

  private mutating func match(_ collection: Collection) -> StoredSchema.Collection? {
    if let same = stored.collection(ofType: collection.typeName) {
      taken.insert(same.number)
      return same
    }
    guard let name = former.type(of: collection.typeName) else { return nil }
    guard let old = stored.collection(ofType: name) else {
      if former.areWritten, !stored.collections.isEmpty {
        unmatched("\(collection.typeName)", name, "type", collection.location)
      }
      return nil
    }
    if model.collection(ofType: name) != nil {
      faults.append(
        MigrationFault(
          "rename_ambiguous",
          "\(collection.typeName) was \(name), but \(name) is still in the schema: "
            + "only one of them can go on with its rows",
          at: collection.location))
      return nil
    }
    guard taken.insert(old.number).inserted else {
      faults.append(
        MigrationFault(
          "rename_ambiguous",
          "\(collection.typeName) was \(name), and another type says so too: "
            + "only one of them can go on with its rows",
          at: collection.location))
      return nil
    }
    return old
  }

  mutating func unmatched(
    _ item: String, _ name: String, _ what: String, _ location: SourceLocation
  ) {
    faults.append(
      MigrationFault(
        "rename_unmatched",
        "\(item) is new and says @was(name: \"\(name)\"), but the database has no such \(what): "
          + "mend the name, or leave @was out where nothing was renamed",
        at: location))
  }

  // MARK: Fields

  private mutating func planFields(of collection: Collection, _ old: StoredSchema.Collection) {
    var kept: Set<Int64> = []
    for field in collection.fields {
      let item = "\(collection.typeName).\(field.name)"
      if let same = old.field(field.name) {
        kept.insert(same.number)
        compare(field, same, collection, old, item)
        continue
      }
      if let origin = former.origin(collection.typeName, field.name) {
        compute(field, origin, collection, old, item)
        continue
      }
      guard let name = former.field(collection.typeName, field.name) else {
        add(field, collection, old, item)
        continue
      }
      guard let source = old.field(name) else {
        if former.areWritten {
          unmatched(item, name, "field", field.location)
        } else {
          add(field, collection, old, item)
        }
        continue
      }
      if collection.field(named: name) != nil || !kept.insert(source.number).inserted {
        faults.append(
          MigrationFault(
            "rename_ambiguous",
            "\(item) was \(name), and \(name) is claimed by another field too: "
              + "only one of them can go on with its values",
            at: field.location))
        continue
      }
      rename(field, source, collection, old, item)
    }
    for gone in old.fields where !kept.contains(gone.number) {
      retire(gone, collection, old)
    }
  }

  private mutating func rename(
    _ field: Field, _ source: StoredSchema.Field, _ collection: Collection,
    _ old: StoredSchema.Collection, _ item: String
  ) {
    if TypeSignature.isAdditive(from: translated(source.type), to: TypeSignature.of(field)) {
      steps.append(
        MigrationStep(
          .renameField(from: source.name, to: field.name), .explicit, collection.typeName,
          table: old.name, item: item,
          "rename \(collection.typeName).\(source.name) to "
            + field.name, wayBack: "the field gets its old name", at: field.location))
    }
    compare(field, source, collection, old, item)
  }

  mutating func add(
    _ field: Field, _ collection: Collection, _ old: StoredSchema.Collection, _ item: String
  ) {
    let type = TypeSignature.of(field)
    if let retired = stored.retired.last(where: {
      $0.collection == old.number && $0.field == field.name && $0.type == type && !$0.isReplaced
    }), retired.isOfRollback != isRollback {
      steps.append(
        MigrationStep(
          .restoreField(retired, field), .explicit, collection.typeName, table: old.name,
          item: item, "bring \(item) back with the values that were kept as \(retired.kept)",
          wayBack: "the field is retired", at: field.location))
      return
    }
    let isFilled = field.defaultValue != nil && field.derivation == nil
    steps.append(
      MigrationStep(
        isFilled ? .fillField(field) : .addField(field), .additive, collection.typeName,
        table: old.name, item: item,
        isFilled
          ? "add \(item) with the default \(field.defaultText ?? "")"
          : "add \(item)" + (field.derivation == nil ? "" : ", derived by a job"),
        wayBack: "the field is retired with its values", at: field.location))
  }

  private mutating func retire(
    _ gone: StoredSchema.Field, _ collection: Collection, _ old: StoredSchema.Collection
  ) {
    let item = "\(collection.typeName).\(gone.name)"
    let isSplit = former.isTaken(collection.typeName, gone.name)
    steps.append(
      MigrationStep(
        .retireField(name: gone.name, number: gone.number, type: gone.type),
        isRollback || isSplit ? .explicit : .destructive, collection.typeName, table: old.name,
        item: item, "retire \(item)" + (isSplit ? ", whose values are in other fields now" : ""),
        wayBack: isSplit && !isRollback
          ? joinWords(gone, collection) : "its values are kept until roost migrate forget"))
  }

  private mutating func compare(
    _ field: Field, _ source: StoredSchema.Field, _ collection: Collection,
    _ old: StoredSchema.Collection, _ item: String
  ) {
    let isRetyped = compareTypes(field, source, collection, old, item)
    // What comes back is looked at as it will be.
    var isReverted = false
    if case .revertField? = steps.last?.action { isReverted = steps.last?.item == item }
    if field.isRequired, !source.isRequired, !isReverted {
      steps.append(
        MigrationStep(
          .requireField(field, column: source.name), .additive, collection.typeName,
          table: old.name, item: item,
          "require \(item)", wayBack: "the field is optional again", at: field.location))
    }
    let known = before?.collection(ofType: old.typeName)?.field(named: source.name)
    // Nobody knows the bounds that rows were held to which come back.
    guard known != nil || RetiredName.isOne(old.name) else { return }
    let difference = ConstraintDifference(known?.constraint, field.constraint)
    if difference?.widening.isNarrowed ?? false, !isRetyped, !isRollback {
      steps.append(
        MigrationStep(
          .narrowField(field, column: source.name), .additive, collection.typeName, table: old.name,
          item: item,
          "hold \(item) to narrower bounds", wayBack: "the bounds are wider again",
          at: field.location))
    }
  }

  private mutating func compareTypes(
    _ field: Field, _ source: StoredSchema.Field, _ collection: Collection,
    _ old: StoredSchema.Collection, _ item: String
  ) -> Bool {
    let type = TypeSignature.of(field)
    let before = translated(source.type)
    let kept = isRollback ? replaced(field, source, type, old) : nil
    // Values that were left behind come back, though the type takes all that is there.
    guard kept != nil || !TypeSignature.isAdditive(from: before, to: type) else { return false }
    let words = "\(TypeSignature.shown(before)) to \(TypeSignature.shown(type))"
    guard let shape = TypeSignature.field(source.name, before) else { return false }
    func step(_ action: MigrationStep.Action, _ text: String, _ wayBack: String) {
      steps.append(
        MigrationStep(
          action, .explicit, collection.typeName, table: old.name, item: item, text,
          wayBack: wayBack, at: field.location))
    }
    if let kept {
      step(
        .revertField(kept, from: source.name, field, number: source.number, old: shape),
        "bring the values of \(item) from before \(words) back", "the newer values are kept")
      return true
    }
    let conversion = ValueConversion(from: shape, to: field)
    if TypeSignature.isSealed(before) || TypeSignature.isSealed(type) {
      faults.append(
        MigrationFault(
          "no_conversion",
          "\(item) is stored as \(TypeSignature.shown(before)) and cannot become "
            + "\(TypeSignature.shown(type)): keep it, add a field of another name, and write its "
            + "values there",
          at: field.location))
      return true
    }
    switch conversion.work {
    case nil where isRollback, .rewrite:
      step(
        .convertField(from: source.name, field, number: source.number, old: shape),
        "convert \(item) from \(words)", "the values from before are kept and come back")
    case nil:
      faults.append(
        MigrationFault(
          "no_conversion",
          "\(item) is stored as \(TypeSignature.shown(before)) and cannot become "
            + "\(TypeSignature.shown(type)): keep the type, and add a field of another name",
          at: field.location))
      return true
    case let work?:
      step(
        .retypeField(
          from: source.name, field, number: source.number, old: shape, isChecked: work == .check),
        "change \(item) from \(words)", "the type is the old one again")
    }
    return true
  }

  /// The column of a field that another type took the place of; nil where the type is that of now.
  private func replaced(
    _ field: Field, _ source: StoredSchema.Field, _ type: String, _ old: StoredSchema.Collection
  ) -> StoredSchema.Retired? {
    guard translated(source.type) != type else { return nil }
    return stored.retired.last {
      $0.collection == old.number && $0.isReplaced && $0.type == type
        && ($0.field == field.name || $0.field == source.name)
    }
  }

  /// A stored signature in the names of the new schema.
  private func translated(_ signature: String) -> String {
    for collection in model.collections {
      guard let name = former.type(of: collection.typeName),
        model.collection(ofType: name) == nil
      else { continue }
      if signature == "ref \(name)" { return "ref \(collection.typeName)" }
      for end in ["]", "!]"] where signature == "[ref \(name)\(end)" {
        return "[ref \(collection.typeName)\(end)"
      }
    }
    return signature
  }
}
