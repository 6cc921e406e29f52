import Schema

/// Fields whose values come from others: what was one and is several now, and the way back.
extension MigrationPlanner {
  mutating func compute(
    _ field: Field, _ origin: FormerNames.Origin, _ collection: Collection,
    _ old: StoredSchema.Collection, _ item: String
  ) {
    var sources: [ComputedColumn.Source] = []
    for name in origin.sources {
      guard let source = old.field(name) else {
        // Where some of the parts are gone, the others may still say what the field was.
        if isRollback { continue }
        if former.areWritten {
          unmatched(item, name, "field", field.location)
        } else {
          add(field, collection, old, item)
        }
        return
      }
      guard let shape = TypeSignature.field(name, source.type), shape.canBeText else {
        faults.append(
          MigrationFault(
            "no_conversion",
            "\(item) is cut out of \(name), which is stored as \(TypeSignature.shown(source.type)) "
              + "and is no text: keep it, and add a field that your app writes",
            at: field.location))
        return
      }
      sources.append(ComputedColumn.Source(column: name, field: shape))
    }
    let kept = retired(field.name, TypeSignature.of(field), old)
    if kept == nil, origin.template == nil || sources.isEmpty {
      add(field, collection, old, item)
      return
    }
    let shadow = kept?.kept ?? RetiredName.shadow(of: field, collection)
    let work = ComputedColumn(
      item: item, shadow: shadow, field: field, template: origin.template, sources: sources,
      kept: kept.map { self.kept($0, field, origin, collection, old) })
    let names = sources.map(\.field.name).joined(separator: ", ")
    let how = origin.template.map { " by \"\($0.source)\"" } ?? ""
    var text = isRollback ? "put \(item) together of \(names)" : "split \(names) into \(item)"
    text += how
    if let kept {
      text =
        "bring \(item) back with the values that were kept as \(kept.kept), those of rows "
        + "written since " + (origin.template == nil ? "without one" : "made of \(names)" + how)
    }
    steps.append(
      MigrationStep(
        .computeField(
          ComputedField(field: field, work: work, kept: kept, isJoined: isRollback)), .explicit,
        collection.typeName, table: old.name, item: item, text,
        wayBack: "the field is retired with its values", at: field.location))
  }

  /// The last column that was retired of a field on the other way than this one.
  private func retired(
    _ name: String, _ type: String, _ old: StoredSchema.Collection
  ) -> StoredSchema.Retired? {
    let last = stored.retired.last {
      $0.collection == old.number && $0.field == name && $0.type == type && !$0.isReplaced
    }
    return last.flatMap { $0.isOfRollback != isRollback ? $0 : nil }
  }

  private func kept(
    _ own: StoredSchema.Retired, _ field: Field, _ origin: FormerNames.Origin,
    _ collection: Collection, _ old: StoredSchema.Collection
  ) -> ComputedColumn.Kept {
    var columns = [ComputedColumn.Source(column: own.kept, field: field)]
    for name in Set(origin.returns.flatMap(\.template.columns)).sorted() where name != field.name {
      guard let other = collection.field(named: name),
        let kept = retired(name, TypeSignature.of(other), old)
      else { continue }
      columns.append(ComputedColumn.Source(column: kept.kept, field: other))
    }
    return ComputedColumn.Kept(at: own.at, columns: columns, returns: origin.returns)
  }

  /// What a rollback finds for a field that is split.
  func joinWords(_ gone: StoredSchema.Field, _ collection: Collection) -> String {
    let parts = collection.fields.filter { $0.split != nil && $0.formerName == gone.name }
    if let back = parts.compactMap({ $0.split?.back }).first {
      return "its values come back; rows written since get \"\(back.source)\""
    }
    return "its values come back; rows written since "
      + (gone.isRequired
        ? "stand in the way, until back: says how it is put together"
        : "have none, as no back: says how")
  }
}

extension Field {
  /// Whether a template can read it.
  fileprivate var canBeText: Bool {
    guard !isList, !isSealed else { return false }
    switch type {
    case .json, .geoPoint, .file, .reference, .user: return false
    default: return true
    }
  }
}
