import RoostCore

extension Checker {
  /// Directives that may stand beside `@derived` and `@group`.
  private static let beside: Set<String> = [
    "derived", "group", "allow", "sync", "pii", "deprecated", "was",
  ]
  private static let maximumGroups = 8

  // MARK: Reading

  /// What `@derived` says, as far as it can be told by itself.
  func derivation(_ use: CheckedDirective, of type: DeclaredType) -> Derivation? {
    guard !use.isPartial, let measure = measure(use) else { return nil }
    checkCondition(use)
    let maxAge = maxAge(use)
    if let view = type.directives.first("view") {
      for argument in ["from", "where"] where use.gives(argument) {
        report.fault(
          use.location(of: argument),
          "\(argument) belongs on the @view of \(type.name.text): all of its fields speak of the "
            + "same rows")
      }
      guard let source = view.string("of") else { return nil }
      return Derivation(
        typeName: source, reference: nil, measure: measure, location: use.location,
        maxAge: maxAge)
    }
    guard let from = use.names("from")?.first else {
      report.fault(
        use.location,
        "@derived needs from: a list of \(type.name.text), or Type.field for the field of another "
          + "collection that refers to \(type.name.text)")
      return nil
    }
    guard let (source, reference) = origin(from, of: type) else { return nil }
    return Derivation(
      typeName: source, reference: reference, measure: measure, condition: use.string("where"),
      location: use.location, place: use.location(of: "where"), maxAge: maxAge)
  }

  func grouping(_ use: CheckedDirective) -> Grouping? {
    guard let field = use.string("by") else { return nil }
    return Grouping(field: field, part: use.string("part").flatMap(Grouping.Part.init))
  }

  func view(_ use: CheckedDirective) -> ViewDeclaration? {
    guard let source = use.string("of") else { return nil }
    checkCondition(use)
    return ViewDeclaration(
      typeName: source, condition: use.string("where"), location: use.location,
      place: use.location(of: "where"), maxAge: maxAge(use))
  }

  private func maxAge(_ use: CheckedDirective) -> CalendarDuration? {
    let age = use.duration("maxAge")
    if let age, age.milliseconds <= 0 {
      report.fault(use.location(of: "maxAge"), "maxAge must be longer than nothing")
    }
    return age
  }

  private func checkCondition(_ use: CheckedDirective) {
    guard use.gives("where"), let text = use.string("where") else { return }
    if !text.contains(where: { !$0.isWhitespace }) {
      report.fault(use.location(of: "where"), "where of @\(use.name) may not be empty")
    }
  }

  private func measure(_ use: CheckedDirective) -> Derivation.Measure? {
    var measures: [Derivation.Measure] = []
    if use.boolean("count") == true { measures.append(.count) }
    if let field = use.string("sum") { measures.append(.sum(field)) }
    if let field = use.string("min") { measures.append(.min(field)) }
    if let field = use.string("max") { measures.append(.max(field)) }
    if let field = use.string("latest") {
      measures.append(.latest(field, order: use.string("order") ?? "createdAt"))
    } else if use.gives("order") {
      report.fault(use.location(of: "order"), "order of @derived belongs to latest")
    }
    guard measures.count == 1 else {
      report.fault(
        use.location,
        "@derived makes one thing of the rows: count: true, sum, min, max or latest")
      return nil
    }
    return measures[0]
  }

  /// The type and the reference that `from` names.
  private func origin(_ from: Name, of type: DeclaredType) -> (String, String)? {
    let parts = from.text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 {
      guard let other = types[parts[0]], other.isCollection else {
        let known = typeNames.filter { types[$0]?.isCollection == true }
        report.fault(
          from.location,
          "there is no collection \(parts[0].excerpt)" + didYouMean(parts[0], among: known))
        return nil
      }
      let references = other.fields.filter {
        if case .list = $0.type.unwrapped { return false }
        return $0.type.name.text == type.name.text
      }.map(\.name.text)
      guard references.contains(parts[1]) else {
        report.fault(
          from.location,
          "\(parts[0]) has no field \(parts[1].excerpt) that refers to \(type.name.text)"
            + didYouMean(parts[1], among: references))
        return nil
      }
      return (parts[0], parts[1])
    }
    let lists = type.fields.filter {
      if case .list = $0.type.unwrapped {
        types[$0.type.name.text]?.isCollection == true
      } else {
        false
      }
    }
    guard parts.count == 1, let list = lists.first(where: { $0.name.text == from.text }) else {
      report.fault(
        from.location,
        "\(type.name.text) has no list \(from.text.excerpt)"
          + didYouMean(from.text, among: lists.map(\.name.text)))
      return nil
    }
    // A list without its relation has a fault of its own.
    return list.directives.first("relation")?.string("inverse").map {
      (list.type.name.text, $0)
    }
  }

  // MARK: Checking

  /// Checks derived fields and views against the collections that they are made of.
  func checkDerived(
    _ own: CollectionFields, of type: DeclaredType, _ all: [String: CollectionFields]
  ) {
    let view = type.directives.first("view")
    for field in own.stored {
      let uses = own.directives[field.name] ?? []
      if let target = view == nil ? viewReferred(to: field) : nil {
        report.fault(
          field.location,
          "\(field.name) refers to the view \(target), whose rows come and go with others; refer to "
            + "what it is made of")
      }
      for name in ["derived", "group"] {
        guard let use = uses.first(name) else { continue }
        for other in uses where !Checker.beside.contains(other.name) {
          report.fault(
            other.location,
            "@\(other.name) has no meaning beside @\(name): the server keeps the value")
        }
        if name == "group", view == nil {
          report.fault(use.location, "@group belongs on a field of a type with @view")
        }
      }
      if uses.first("derived") != nil, uses.first("group") != nil {
        report.fault(field.location, "\(field.name) is a group or a measure, not both")
      }
      if let derivation = field.derivation, let source = all[derivation.typeName] {
        checkMeasure(field, derivation, uses.first("derived"), source)
      }
    }
    if let view { checkView(view, own, of: type, all) }
  }

  private func viewReferred(to field: Field) -> String? {
    guard case .reference(let name) = field.type, types[name]?.isView == true else { return nil }
    return name
  }

  private func checkView(
    _ view: CheckedDirective, _ own: CollectionFields, of type: DeclaredType,
    _ all: [String: CollectionFields]
  ) {
    let name = type.name.text
    for use in type.directives {
      let isRefused: Bool =
        switch use.name {
        case "merge", "check", "retention", "activity", "analytics": true
        case "allow", "deny": !operations(use, "ops").isSubset(of: [.read])
        case "index": use.boolean("unique") == true
        default: false
        }
      if isRefused {
        report.fault(
          use.location,
          ["allow", "deny"].contains(use.name)
            ? "nobody writes the rows of a view: \(name) may have rules for READ alone"
            : "@\(use.name) has no meaning on the view \(name): the server keeps its rows")
      }
    }
    for list in own.inverses {
      report.fault(
        list.location, "nothing can refer to the view \(name), so it has no list \(list.name)")
    }
    guard let target = view.names("of")?.first else { return }
    guard let source = all[target.text] else {
      report.fault(
        target.location,
        "there is no collection \(target.text.excerpt)"
          + didYouMean(target.text, among: all.keys.filter { $0 != name }.sorted()))
      return
    }
    var groups: Set<Grouping> = []
    for field in own.stored {
      guard let grouping = field.grouping else {
        if field.derivation == nil, own.directives[field.name]?.first("derived") == nil {
          report.fault(
            field.location,
            "\(field.name) of the view \(name) needs @group or @derived: say what it is made of")
        }
        continue
      }
      let use = own.directives[field.name]?.first("group")
      if !groups.insert(grouping).inserted {
        report.fault(field.location, "the view \(name) has the group \(grouping.text) already")
      }
      checkGroup(field, grouping, use, source)
    }
    if groups.isEmpty {
      report.fault(type.name.location, "the view \(name) has no field with @group")
    } else if groups.count > Checker.maximumGroups {
      report.fault(
        type.name.location, "a view has at most \(Checker.maximumGroups) groups")
    }
  }

  private func checkGroup(
    _ field: Field, _ grouping: Grouping, _ use: CheckedDirective?, _ source: CollectionFields
  ) {
    guard let use, let name = use.names("by")?.first else { return }
    if !field.isRequired {
      report.fault(
        field.location,
        "\(field.name) tells the rows of the view apart, so it is never null: add the '!'")
    }
    guard let (type, isList) = column(name, source, orTimes: true) else { return }
    if isList || !type.isIndexable || type == .float {
      report.fault(name.location, "\(name.text) is \(type.schemaName), which makes no groups")
      return
    }
    if grouping.part != nil {
      if type != .date, type != .dateTime {
        report.fault(use.location(of: "part"), "part takes a Date or DateTime, not \(name.text)")
      } else if field.type != .date {
        report.fault(field.location, "a part of the calendar is a Date, its first day")
      }
    } else if field.type != type || field.isList {
      report.fault(
        field.location, "\(field.name) is \(field.typeText), and \(name.text) is \(type.schemaName)"
      )
    }
  }

  private func checkMeasure(
    _ field: Field, _ derivation: Derivation, _ use: CheckedDirective?, _ source: CollectionFields
  ) {
    guard let use else { return }
    if field.isRequired, !derivation.measure.isZeroOfNothing {
      report.fault(
        field.location, "\(field.name) is null where there are no rows: leave the '!' out")
    }
    func mustBe(_ fits: Bool, _ words: String) {
      guard !fits || field.isList else { return }
      report.fault(field.location, "\(field.name) is \(field.typeText), and \(words)")
    }
    switch derivation.measure {
    case .count: mustBe(field.type == .int || field.type == .int64, "a count is Int or Int64")
    case .sum:
      guard let name = use.names("sum")?.first, let found = column(name, source) else { return }
      guard !found.isList, [.int, .int64, .money, .duration].contains(found.type) else {
        report.fault(
          name.location,
          found.type == .float && !found.isList
            ? "the sum of Floats would depend on the order of the rows: make \(name.text) Int64 or "
              + "Money"
            : "\(name.text) is \(found.type.schemaName), and sums are of Int, Int64, Money and "
              + "Duration")
        return
      }
      mustBe(field.type.holds(found.type), "the sum of \(name.text) is \(found.type.schemaName)")
    case .min, .max:
      let argument = derivation.measure.text.hasPrefix("min") ? "min" : "max"
      guard let name = use.names(argument)?.first,
        let found = column(name, source, orTimes: true)
      else { return }
      guard !found.isList, found.type.isMeasurable else {
        report.fault(
          name.location, "\(name.text) is \(found.type.schemaName), which has no \(argument)")
        return
      }
      mustBe(
        field.type.holds(found.type),
        "the \(argument) of \(name.text) is \(found.type.schemaName)")
    case .latest:
      checkLatest(field, use, source)
    }
  }

  private func checkLatest(_ field: Field, _ use: CheckedDirective, _ source: CollectionFields) {
    if let order = use.names("order")?.first, let found = column(order, source, orTimes: true),
      found.isList || !found.type.isMeasurable
    {
      report.fault(order.location, "\(order.text) is \(found.type.schemaName), which has no order")
    }
    guard let name = use.names("latest")?.first, let found = column(name, source, orTimes: true)
    else { return }
    if found.type.isReference {
      report.fault(
        name.location,
        "\(name.text) is a reference, which must be checked where it is written; derive a value")
    } else if field.type != found.type || field.isList != found.isList {
      report.fault(
        field.location,
        "\(field.name) is \(field.typeText), and \(name.text) is "
          + (found.isList ? "[\(found.type.schemaName)]" : found.type.schemaName))
    }
  }

  /// The type of a field of the source; reports a name that it has not.
  private func column(
    _ name: Name, _ source: CollectionFields, orTimes: Bool = false
  ) -> (type: FieldType, isList: Bool)? {
    if orTimes, ["createdAt", "updatedAt"].contains(name.text) { return (.dateTime, false) }
    guard let field = known(name, source, orSystem: false) else { return nil }
    if field.encryption != nil {
      report.fault(name.location, "\(name.text) is encrypted, so nothing can be derived from it")
      return nil
    }
    return (field.type, field.isList)
  }
}

extension FieldType {
  /// Types whose values have an order as numbers.
  var isMeasurable: Bool {
    switch self {
    case .int, .int64, .float, .money, .duration, .date, .dateTime: true
    default: false
    }
  }

  /// Whether every value of `other` is one of these.
  fileprivate func holds(_ other: FieldType) -> Bool {
    self == other || self == .int64 && other == .int
  }
}
