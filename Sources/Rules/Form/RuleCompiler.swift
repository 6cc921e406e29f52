import Schema

/// Makes the intermediate form of the rules of a schema.
struct RuleCompiler {
  let model: SchemaModel
  private(set) var faults: [SchemaFault] = []

  init(model: SchemaModel) { self.model = model }

  /// The rules of the collection at `index`.
  mutating func rules(of index: Int) -> AccessRules {
    let collection = model.collections[index]
    var rules: [Rule] = []
    // A field with rules of its own is taken out of those of the type.
    let guarded = FieldSet(
      collection.fields.indices.filter { !collection.fields[$0].allows.isEmpty })
    for rule in collection.allows {
      let mask = mask(rule, collection).subtracting(guarded)
      rules.append(compile(rule, rules.count, index, mask: mask, field: nil))
    }
    for (number, field) in collection.fields.enumerated() {
      for rule in field.allows {
        rules.append(
          compile(rule, rules.count, index, mask: FieldSet([number]), field: number))
      }
    }
    if rules.count > AccessRules.maximumRules {
      fault(
        collection.location,
        "\(collection.typeName) has more than \(AccessRules.maximumRules) @allow")
    }
    let reads = rules.filter { $0.operations.contains(.read) }
    let ways = Set(
      collection.fields.indices.map { member in
        reads.indices.filter { reads[$0].mask.contains(member) }
      })
    if ways.count > AccessRules.maximumMasks {
      fault(
        collection.location,
        "the rules of \(collection.typeName) show its fields in more than "
          + "\(AccessRules.maximumMasks) different ways; let some of them share fields and except")
    }
    let denials = collection.denies.enumerated().map { number, rule in
      compile(rule, number, index)
    }
    if denials.count > AccessRules.maximumRules {
      fault(
        collection.location,
        "\(collection.typeName) has more than \(AccessRules.maximumRules) @deny")
    }
    return AccessRules(
      model: model, collection: index, rules: Array(rules.prefix(AccessRules.maximumRules)),
      denials: Array(denials.prefix(AccessRules.maximumRules)),
      checks: collection.checks.compactMap { compile($0, index) },
      retentions: collection.retentions.map { rule in
        Retention(
          declaration: rule,
          unless: rule.unless.flatMap { expression($0, index, .retention, rule.place) })
      }, derived: derived(collection), validities: validities(collection, index))
  }

  /// The rules by which values of LATEST_VALID fields are accepted.
  private mutating func validities(_ collection: Collection, _ index: Int) -> [DerivedCondition] {
    var conditions: [DerivedCondition] = []
    for (number, field) in collection.fields.enumerated() where field.merge == .latestValid {
      guard let text = field.mergeOptions.validWhen,
        let expression = expression(text, index, .check, field.location)
      else { continue }
      conditions.append(DerivedCondition(field: number, expression: expression))
    }
    return conditions
  }

  /// The conditions of what is derived here, each in the words of its source.
  private mutating func derived(_ collection: Collection) -> [DerivedCondition] {
    var conditions: [DerivedCondition] = []
    if let view = collection.view, let text = view.condition,
      let source = model.collections.firstIndex(where: { $0.typeName == view.typeName }),
      let expression = expression(text, source, .check, view.place)
    {
      conditions.append(DerivedCondition(field: nil, expression: expression))
    }
    for (number, field) in collection.fields.enumerated() {
      guard let derivation = field.derivation, let text = derivation.condition,
        let source = model.collections.firstIndex(where: { $0.typeName == derivation.typeName }),
        let expression = expression(text, source, .check, derivation.place)
      else { continue }
      conditions.append(DerivedCondition(field: number, expression: expression))
    }
    return conditions
  }

  private func mask(_ rule: AllowRule, _ collection: Collection) -> FieldSet {
    let names = collection.fields.map(\.name) + collection.inverses.map(\.name)
    let all = FieldSet(count: names.count)
    func set(_ listed: [String]) -> FieldSet {
      FieldSet(names.indices.filter { listed.contains(names[$0]) })
    }
    var mask = all
    if let fields = rule.fields { mask = set(fields) }
    if let except = rule.except { mask = mask.subtracting(set(except)) }
    return mask
  }

  private mutating func compile(
    _ rule: AllowRule, _ number: Int, _ index: Int, mask: FieldSet, field: Int?
  ) -> Rule {
    var path: RulePath?
    if let text = rule.owner { path = self.path(text, from: index) }
    if let text = rule.member {
      if rule.owner != nil {
        fault(
          rule.place(of: "member"),
          "owner and member stand in one @allow; make two of them, or "
            + "test the owner in when: \"\(rule.owner ?? "owner") == ctx.uid\"")
      }
      path = self.path(text, from: index)
    }
    var having: Expression?
    if let text = rule.having, let path, let last = path.lastToMany {
      having = expression(
        text, path.steps[last].destination, .having, rule.place(of: "having"))
    }
    let when = rule.when.flatMap { expression($0, index, .rule, rule.place(of: "when")) }
    if let plain = path, FirstHopTest(when, plain) != nil {
      path = RulePath(steps: plain.steps, user: plain.user, resolvesReferences: false)
    }
    let parts = when?.conjuncts ?? []
    // A record is deleted with all of its fields, which the rule of one field cannot allow.
    let operations = field == nil ? rule.operations : rule.operations.subtracting([.delete])
    return Rule(
      number: number, operations: operations, audience: rule.audience, roles: rule.roles,
      path: path, having: having, callerTest: .all(parts.filter { !$0.readsRow }),
      when: .all(parts.filter(\.readsRow)),
      check: rule.check.flatMap { expression($0, index, .rule, rule.place(of: "check")) },
      mask: mask, field: field, location: rule.location, text: RuleText.of(rule))
  }

  private mutating func compile(_ rule: DenyRule, _ number: Int, _ index: Int) -> Denial {
    let when = rule.when.flatMap { expression($0, index, .rule, rule.place(of: "when")) }
    let parts = when?.conjuncts ?? []
    return Denial(
      number: number, operations: rule.operations, exceptRoles: rule.exceptRoles,
      callerTest: .all(parts.filter { !$0.readsRow }), when: .all(parts.filter(\.readsRow)),
      reason: rule.reason, location: rule.location, text: RuleText.of(rule))
  }

  private mutating func compile(_ check: CheckRule, _ index: Int) -> Check? {
    guard let expression = expression(check.expression, index, .check, check.place) else {
      return nil
    }
    let fields = expression.operands.compactMap { operand -> Int? in
      if case .column(.field(let field)) = operand { field } else { nil }
    }
    return Check(
      name: check.name, expression: expression,
      message: check.message ?? "The check \(check.name) does not hold: \(check.expression).",
      fields: fields)
  }

  private mutating func expression(
    _ text: String, _ index: Int, _ scope: ExpressionChecker.Scope, _ place: SourceLocation
  ) -> Expression? {
    do throws(ExpressionFault) {
      return try ExpressionChecker(model: model, collection: index, scope: scope)
        .expression(text, .rule)
    } catch {
      fault(place.advanced(in: text, by: error.offset), error.message)
      return nil
    }
  }

  /// The schema's checker has refused every path that leads nowhere.
  private func path(_ text: String, from index: Int) -> RulePath? {
    var current = index
    var steps: [RulePath.Step] = []
    for name in text.split(separator: ".").map(String.init) {
      let here = model.collections[current]
      if let inverse = here.inverses.first(where: { $0.name == name }),
        let other = model.collections.firstIndex(where: { $0.typeName == inverse.typeName }),
        let field = model.collections[other].fields.firstIndex(where: { $0.name == inverse.field })
      {
        steps.append(.toMany(collection: other, field: field))
        current = other
      } else if let field = here.fields.firstIndex(where: { $0.name == name }) {
        guard case .reference(let type) = here.fields[field].type,
          let target = model.collections.firstIndex(where: { $0.typeName == type })
        else { return RulePath(steps: steps, user: field) }
        steps.append(.toOne(field: field, target: target))
        current = target
      } else {
        return nil
      }
    }
    return nil
  }

  private mutating func fault(_ location: SourceLocation, _ message: String) {
    faults.append(SchemaFault(location: location, message: message))
  }
}

extension SourceLocation {
  /// The place `offset` bytes into a text whose literal begins here.
  fileprivate func advanced(in text: String, by offset: Int) -> SourceLocation {
    let prefix = String(decoding: text.utf8.prefix(offset), as: UTF8.self)
    guard !prefix.contains("\n") else { return self }
    return SourceLocation(line: line, column: column + 1 + prefix.unicodeScalars.count)
  }
}
