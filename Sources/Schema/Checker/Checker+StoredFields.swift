import RoostCore

/// What a field's type reference says.
struct FieldShape {
  let type: FieldType
  let isRequired: Bool
  let isList: Bool
  let elementsAreRequired: Bool

  /// The shape as it is written in a schema.
  var text: String {
    guard isList else { return type.schemaName + (isRequired ? "!" : "") }
    return "[\(type.schemaName)\(elementsAreRequired ? "!" : "")]\(isRequired ? "!" : "")"
  }
}

extension Checker {
  func storedField(
    _ field: DeclaredField, _ shape: FieldShape, of type: DeclaredType
  ) -> Field {
    let uses = field.directives
    let merge = mergeStrategy(uses.first("merge"), on: shape, field.name)
    let elements = uses.first("elements").flatMap {
      elementOptions($0, shape, field.name, merge ?? collectionMerge(type))
    }
    checkUnique(uses.first("unique"), shape)
    checkSearch(uses.first("search"), shape)
    let constraint = uses.first("constraint").flatMap { self.constraint($0, shape) }
    let relation = relation(uses.first("relation"), shape, uses)
    let derivation = uses.first("derived").flatMap { self.derivation($0, of: type) }
    let grouping = uses.first("group").flatMap(grouping)
    let encryption = encryption(uses, shape, merge ?? collectionMerge(type), type)
    let pii = uses.first("pii")
    if let pii, pii.string("kind")?.isEmpty == true {
      report.fault(pii.location(of: "kind"), "kind of @pii may not be empty")
    }
    let expression = uses.first("default")?.string("expr")
    func made(_ defaultValue: FieldValue?) -> Field {
      Field(
        name: field.name.text, type: shape.type, isRequired: shape.isRequired,
        isList: shape.isList, elementsAreRequired: shape.elementsAreRequired, merge: merge,
        constraint: constraint,
        // The rows of a view go with what they are about.
        relation: grouping != nil && relation != nil ? Relation(onDelete: .cascade) : relation,
        defaultValue: defaultValue,
        defaultExpression: expression, isImmutable: uses.first("immutable") != nil,
        isServerOnly: uses.first("serverOnly") != nil || derivation != nil,
        isUnique: uses.first("unique") != nil,
        isSearchable: uses.first("search") != nil,
        personalData: pii.flatMap { use in
          guard let kind = use.string("kind"),
            let onErase = use.string("onErase").flatMap(PersonalData.OnErase.init)
          else { return nil }
          return PersonalData(kind: kind, onErase: onErase)
        },
        formerName: uses.first("was")?.string("name"),
        deprecation: uses.first("deprecated").flatMap(deprecation), description: field.description,
        location: field.name.location,
        mergeOptions: mergeOptions(uses.first("merge"), elements: elements),
        encryption: encryption,
        search: uses.first("search").map {
          SearchPolicy(weight: $0.integer("weight") ?? 1, language: $0.string("language"))
        },
        sync: uses.first("sync").map(syncPolicy),
        allows: uses.all("allow").compactMap(allowRule), derivation: derivation,
        grouping: grouping, split: uses.first("was").flatMap { split($0, of: field, shape) })
    }
    if derivation?.measure.isZeroOfNothing == true { return made(.int(0)) }
    let bare = made(nil)
    guard let use = uses.first("default") else {
      checkServerOnly(bare, uses, of: type)
      return bare
    }
    return made(defaultValue(use, of: bare))
  }

  private func checkServerOnly(
    _ field: Field, _ uses: [CheckedDirective], of type: DeclaredType
  ) {
    guard field.isServerOnly, field.isRequired, let use = uses.first("serverOnly") else { return }
    // A rule that includes CREATE fills its owner in.
    let isFilled = type.directives.all("allow").contains { rule in
      rule.string("owner") == field.name
        && rule.strings("ops")?.contains { ["CREATE", "WRITE", "ALL"].contains($0) } == true
    }
    if isFilled, field.type == .user { return }
    report.fault(
      use.location,
      "\(field.name) is required, but clients may not set it and it has no default, so no row "
        + "could be created: add @default, or leave the '!' out")
  }

  private func defaultValue(_ use: CheckedDirective, of field: Field) -> FieldValue? {
    guard !report.isFull else { return nil }
    guard let text = use.string("value") else {
      if !use.gives("expr"), !use.isPartial { report.fault(use.location, "@default needs a value") }
      return nil
    }
    let location = use.location(of: "value")
    if use.gives("expr") {
      report.fault(location, "@default has a value or an expr, not both")
      return nil
    }
    var json = JSON.string(text)
    if field.isList || field.type.defaultIsJSON {
      do throws(JSONError) {
        json = try JSON.parse(text: text)
      } catch {
        report.fault(
          location, "the default of \(field.name) must be JSON: \(error.reason)")
        return nil
      }
    }
    guard json != .null else {
      report.fault(location, "null is no default: leave @default out")
      return nil
    }
    switch field.decode(json, pointer: "") {
    case .failure(let issue):
      report.fault(location, "the default is not valid: \(issue.message)")
      return nil
    case .success(let value):
      // Whether a time lies in the past depends on the operation, so it is tested then.
      guard field.constraint?.temporal == nil else { return value }
      let time = Timestamp(milliseconds: 0)
      for issue in field.validate(value, pointer: "", now: time) {
        report.fault(location, "the default breaks the field's @constraint: \(issue.message)")
      }
      return value
    }
  }

  private func checkUnique(_ use: CheckedDirective?, _ shape: FieldShape) {
    guard let use, shape.isList || !shape.type.isIndexable else { return }
    report.fault(use.location, "@unique cannot compare values of \(shape.text)")
  }

  private func checkSearch(_ use: CheckedDirective?, _ shape: FieldShape) {
    guard let use else { return }
    if !shape.type.isText {
      report.fault(use.location, "@search reads text, not \(shape.text)")
    }
    if let weight = use.integer("weight"), !(1...100).contains(weight) {
      report.fault(use.location(of: "weight"), "weight of @search lies between 1 and 100")
    }
  }

  private func relation(
    _ use: CheckedDirective?, _ shape: FieldShape, _ uses: [CheckedDirective]
  ) -> Relation? {
    guard shape.type.isReference else {
      if let use {
        report.fault(
          use.location, "@relation belongs on a reference to a collection, not on \(shape.text)")
      }
      return nil
    }
    guard let use else { return Relation() }
    if shape.type == .user, use.gives("inverse") {
      report.fault(
        use.location(of: "inverse"), "User has no fields, so it has no inverse of a relation")
    }
    let onDelete = use.string("onDelete").flatMap(Relation.OnDelete.init) ?? .restrict
    if onDelete == .setNull, shape.isRequired {
      report.fault(
        use.location(of: "onDelete"),
        "SET_NULL cannot empty a required field: leave the '!' out, or choose CASCADE or RESTRICT")
    } else if onDelete == .setNull, uses.first("immutable") != nil {
      report.fault(
        use.location(of: "onDelete"),
        "SET_NULL cannot change an @immutable field: choose CASCADE or RESTRICT")
    }
    return Relation(
      inverse: use.string("inverse"), onDelete: onDelete,
      referenceCheck: use.string("refCheck").flatMap(Relation.ReferenceCheck.init)
        ?? .visibleOnChange)
  }

  private func encryption(
    _ uses: [CheckedDirective], _ shape: FieldShape, _ merge: MergeStrategy, _ type: DeclaredType
  ) -> Encryption? {
    guard let use = uses.first("encrypted"),
      let mode = use.string("mode").flatMap(Encryption.Mode.init)
    else { return nil }
    // A default would stand in the table's definition, beside rows whose values are sealed.
    var refused = ["unique", "search", "default", "derived", "group"]
    if mode == .client { refused.append("constraint") }
    for other in uses where refused.contains(other.name) {
      report.fault(
        other.location,
        "@\(other.name) cannot read a field under @encrypted(mode: \(mode.rawValue))")
    }
    let possible: [MergeStrategy] = [
      .lastWriteWins, .clientWins, .serverWins, .userChoice, .reject,
    ]
    if mode == .client, !possible.contains(merge) {
      report.fault(
        uses.first("merge")?.location ?? use.location,
        "\(merge.rawValue) cannot merge what only devices can read: give the field "
          + "@merge(strategy: LAST_WRITE_WINS)")
    }
    if mode == .server, [.mergeDeep, .setUnion, .append, .latestValid].contains(merge) {
      report.fault(
        uses.first("merge")?.location ?? use.location,
        "\(merge.rawValue) would keep parts of the value beside the row, where nothing is "
          + "encrypted: give the field @merge(strategy: LAST_WRITE_WINS)")
    }
    if shape.type.isReference {
      report.fault(use.location, "@encrypted cannot hide a relation")
    }
    let scope = use.string("keyScope") ?? "owner"
    if Encryption.KeyScope(rawValue: scope) == nil {
      report.fault(
        use.location(of: "keyScope"),
        "keyScope is \"owner\", a key for each person, or \"collection\", one for all rows, not "
          + scope.excerpt)
    }
    return Encryption(mode: mode, keyScope: scope)
  }

  func deprecation(_ use: CheckedDirective) -> Deprecation? {
    guard let reason = use.string("reason") else { return nil }
    let since = use.string("since").flatMap(CalendarDate.init)
    let sunset = use.string("sunset").flatMap(CalendarDate.init)
    if let since, let sunset, sunset < since {
      report.fault(use.location(of: "sunset"), "sunset of @deprecated lies before since")
    }
    return Deprecation(
      reason: reason, since: since, sunset: sunset, successor: use.string("successor"))
  }

  func syncPolicy(_ use: CheckedDirective) -> SyncPolicy {
    let window = use.duration("window")
    if let window, window.milliseconds <= 0 {
      report.fault(use.location(of: "window"), "window of @sync must be longer than nothing")
    }
    return SyncPolicy(
      tier: use.string("tier").flatMap(SyncPolicy.Tier.init) ?? .live, window: window,
      priority: use.integer("priority"))
  }
}

extension FieldType {
  /// Whether `@default(value:)` holds JSON for this type, and not plain text.
  fileprivate var defaultIsJSON: Bool {
    switch self {
    case .boolean, .int, .int64, .float, .money, .json, .geoPoint, .file: true
    default: false
    }
  }
}
