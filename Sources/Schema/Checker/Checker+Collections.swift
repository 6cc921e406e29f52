import RoostCore

extension Checker {
  /// The model of a collection whose fields were checked; checks what the type's directives say.
  func collection(
    _ type: DeclaredType, _ own: CollectionFields, _ all: [String: CollectionFields]
  ) -> Collection {
    let uses = type.directives
    for field in own.stored {
      for use in own.directives[field.name]?.all("allow") ?? [] {
        checkAllow(use, in: type, all, isOnField: true)
      }
      checkFormerName(own.directives[field.name]?.first("was"), taken: own.names, "field")
      checkSplit(of: field, own)
    }
    for use in uses.all("allow") { checkAllow(use, in: type, all, isOnField: false) }
    checkOwnerCount(uses.all("allow"), of: type)
    checkFieldTiers(own, of: type)
    checkFormerName(uses.first("was"), taken: typeNames, "type")
    checkNoSplit(uses.first("was"), of: type)
    checkSuccessors(own, of: type)
    return Collection(
      typeName: type.name.text, name: routes[type.name.text] ?? "", fields: own.stored,
      inverses: own.inverses, merge: checkedCollectionMerge(type),
      sync: uses.first("sync").map(syncPolicy) ?? SyncPolicy(),
      allows: uses.all("allow").compactMap(allowRule), denies: denies(uses), checks: checks(uses),
      indexes: uses.all("index").map { index($0, own) },
      retentions: uses.all("retention").compactMap { retention($0, own) },
      formerName: uses.first("was")?.string("name"), description: type.description,
      location: type.name.location, mergeOptions: mergeOptions(uses.first("merge")),
      analytics: uses.first("analytics").map { analytics($0, own) },
      activity: uses.first("activity").map { activity($0, own) },
      deprecation: uses.first("deprecated").flatMap(deprecation),
      view: uses.first("view").flatMap { view($0) })
  }

  /// A field that travels by itself does so behind its record, which is whole without it.
  private func checkFieldTiers(_ own: CollectionFields, of type: DeclaredType) {
    let home = type.directives.first("sync").map(syncPolicy)?.tier ?? .live
    for field in own.stored {
      guard let tier = field.sync?.tier, tier != home,
        let use = own.directives[field.name]?.first("sync"), let rank = tier.rank
      else { continue }
      let name = "\(type.name.text).\(field.name)"
      let place = use.location(of: "tier")
      guard let homeRank = home.rank else {
        report.fault(
          place,
          "\(name) has the tier \(tier.rawValue), and \(type.name.text) is \(home.rawValue): "
            + "its records do not travel, so no field of them does")
        continue
      }
      if rank < homeRank {
        report.fault(
          place,
          "\(name) has the tier \(tier.rawValue), and \(type.name.text) has \(home.rawValue): "
            + "a field cannot come before its record; give the field a slower tier, or the type a "
            + "faster one")
      } else if field.isRequired {
        report.fault(
          place,
          "\(name) is required, so it travels with its record in \(home.rawValue): leave its "
            + "@sync out, or make it optional")
      }
    }
  }

  /// What takes the place of something deprecated is there: another collection, or another field.
  private func checkSuccessors(_ own: CollectionFields, of type: DeclaredType) {
    if let use = type.directives.first("deprecated"), let name = use.string("successor") {
      let others = routes.values.filter { $0 != routes[type.name.text] }.sorted()
      if !others.contains(name) {
        report.fault(
          use.location(of: "successor"),
          "there is no other collection \(name.excerpt)" + didYouMean(name, among: others))
      }
    }
    for (field, uses) in own.directives.sorted(by: { $0.key < $1.key }) {
      guard let use = uses.first("deprecated"), let name = use.string("successor") else { continue }
      let others = (own.names + own.inverses.map(\.name)).filter { $0 != field }
      if !others.contains(name) {
        report.fault(
          use.location(of: "successor"),
          "\(type.name.text) has no other field \(name.excerpt)" + didYouMean(name, among: others))
      }
    }
  }

  private func checkFormerName(_ use: CheckedDirective?, taken: [String], _ what: String) {
    guard let use, let name = use.string("name") else { return }
    if taken.contains(name) {
      report.fault(
        use.location(of: "name"),
        "\(name.excerpt) is a \(what) of this schema, so it was not renamed"
      )
    }
  }

  // MARK: Indexes and keeping time

  private func index(_ use: CheckedDirective, _ own: CollectionFields) -> IndexDeclaration {
    let fields = use.names("fields") ?? []
    var seen: Set<String> = []
    if fields.isEmpty, use.gives("fields") {
      report.fault(use.location(of: "fields"), "@index needs at least one field")
    }
    if fields.count > 16 {
      report.fault(use.location(of: "fields"), "@index has at most 16 fields")
    }
    for name in fields {
      guard seen.insert(name.text).inserted else {
        report.fault(name.location, "\(name.text.excerpt) stands twice in @index")
        continue
      }
      guard !NameRules.systemFields.contains(name.text) else { continue }
      guard let field = known(name, own, orSystem: true) else { continue }
      if field.isList || !field.type.isIndexable {
        report.fault(name.location, "\(name.text) is \(field.typeText), which no index can hold")
      } else if field.encryption != nil {
        report.fault(name.location, "\(name.text) is encrypted, so no index can order it")
      }
    }
    return IndexDeclaration(
      fields: fields.map(\.text), isUnique: use.boolean("unique") ?? false,
      predicate: use.string("where"), location: use.location)
  }

  private func retention(_ use: CheckedDirective, _ own: CollectionFields) -> RetentionRule? {
    guard let after = use.names("after")?.first, let duration = use.duration("for"),
      let action = use.string("action").flatMap(RetentionRule.Action.init)
    else { return nil }
    if ["id", "version"].contains(after.text) {
      report.fault(after.location, "\(after.text) is no time; name a Date or DateTime")
    } else if let field = known(after, own, orSystem: true),
      field.isList || field.type != .date && field.type != .dateTime
    {
      report.fault(after.location, "\(after.text) is \(field.typeText), not a Date or DateTime")
    } else if let field = known(after, own, orSystem: true), field.encryption != nil {
      report.fault(after.location, "\(after.text) is encrypted, so no rows are found by it")
    }
    if duration.milliseconds <= 0 {
      report.fault(use.location(of: "for"), "for of @retention must be longer than nothing")
    }
    if use.string("unless")?.isEmpty == true {
      report.fault(use.location(of: "unless"), "unless of @retention may not be empty")
    }
    if action == .anonymise { checkAnonymised(use, own) }
    return RetentionRule(
      after: after.text, duration: duration, action: action, unless: use.string("unless"),
      location: use.location, place: use.location(of: "unless"))
  }

  /// Faults where ANONYMISE has nothing to do, or cannot do it.
  private func checkAnonymised(_ use: CheckedDirective, _ own: CollectionFields) {
    let personal = own.stored.filter(\.isAnonymised)
    if personal.isEmpty {
      report.fault(
        use.location(of: "action"),
        "ANONYMISE empties fields under @pii, and no field here has one that does not KEEP")
    }
    for field in personal {
      let value = field.anonymity?.value(of: .zero)
      guard let value, field.validate(value, pointer: "", now: .minimum).isEmpty else {
        report.fault(
          use.location(of: "action"),
          "ANONYMISE cannot empty \(field.name): let it be null, or say @pii(onErase: KEEP)")
        continue
      }
    }
  }

  // MARK: Measured and shown

  private func analytics(_ use: CheckedDirective, _ own: CollectionFields) -> AnalyticsPolicy {
    for name in use.names("measures") ?? [] {
      guard let field = known(name, own, orSystem: false) else { continue }
      if field.isList || !field.type.hasNumericBounds {
        report.fault(
          name.location, "\(name.text) is \(field.typeText), and only numbers are measured")
      }
    }
    for name in use.names("dimensions") ?? [] {
      guard let field = known(name, own, orSystem: false) else { continue }
      if field.isList || !field.type.isIndexable {
        report.fault(
          name.location, "\(name.text) is \(field.typeText), which makes no dimension")
      }
    }
    return AnalyticsPolicy(
      events: operations(use, "events"), measures: use.strings("measures") ?? [],
      dimensions: use.strings("dimensions") ?? [])
  }

  private func activity(_ use: CheckedDirective, _ own: CollectionFields) -> ActivityPolicy {
    for argument in ["static", "dynamic"] {
      for name in use.names(argument) ?? [] { _ = known(name, own, orSystem: true) }
    }
    return ActivityPolicy(
      type: use.string("type"), staticFields: use.strings("static") ?? [],
      dynamicFields: use.strings("dynamic") ?? [])
  }

  /// The stored field of that name; reports the name when there is none.
  func known(_ name: Name, _ own: CollectionFields, orSystem: Bool) -> Field? {
    if let field = own.stored(name.text) { return field }
    if orSystem, NameRules.systemFields.contains(name.text) { return nil }
    if own.inverses.contains(where: { $0.name == name.text }) {
      report.fault(
        name.location,
        "\(name.text) is the other side of a relation and is not stored here")
    } else {
      report.fault(
        name.location,
        "unknown field \(name.text.excerpt)"
          + didYouMean(name.text, among: own.names + (orSystem ? NameRules.systemFields : [])))
    }
    return nil
  }
}

extension Field {
  /// The field's type as it is written in a schema, without `!`.
  var typeText: String { isList ? "[\(type.schemaName)]" : type.schemaName }
}
