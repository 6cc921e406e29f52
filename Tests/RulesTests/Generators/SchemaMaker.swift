import Schema

/// Makes random schemas with rules of every form.
struct SchemaMaker {
  var random: Randomness
  private var plan = SchemaPlan()

  init(random: Randomness) { self.random = random }

  mutating func make() -> SchemaPlan {
    plan = SchemaPlan()
    plan.inherits = [
      "rb": ["ra"], "rc": random.chance(60) ? ["rb"] : [],
      "rd": random.chance(60) ? random.some(["ra", "rb", "rc"], 2) : [],
    ]
    let count = 2 + random.below(3)
    plan.collections = (0..<count).map { CollectionPlan(type: "C\($0)", name: "c\($0)s") }
    for index in 0..<count { addFields(index) }
    for index in 0..<count { addInverses(index) }
    for index in 0..<count { addRules(index) }
    return plan
  }

  private mutating func addFields(_ index: Int) {
    var fields = [
      FieldPlan(name: "b0", kind: .boolean), FieldPlan(name: "b1", kind: .boolean),
      FieldPlan(name: "e0", kind: .kind), FieldPlan(name: "n0", kind: .int),
      FieldPlan(name: "x0", kind: .float), FieldPlan(name: "t0", kind: .text),
      FieldPlan(name: "w0", kind: .time), FieldPlan(name: "l0", kind: .texts),
      FieldPlan(name: "k0", kind: .kinds), FieldPlan(name: "u0", kind: .user),
    ]
    if random.chance(60) { fields.append(FieldPlan(name: "u1", kind: .user)) }
    for number in 0..<(1 + random.below(2)) {
      fields.append(
        FieldPlan(name: "r\(number)", kind: .reference(random.below(plan.collections.count))))
    }
    for position in fields.indices {
      fields[position].isImmutable = random.chance(position < 9 ? 10 : 40)
      fields[position].isRequired = random.chance(position < 9 ? 15 : 30)
    }
    plan.collections[index].fields = fields
  }

  private mutating func addInverses(_ index: Int) {
    for field in plan.collections[index].references where random.chance(75) {
      guard let target = field.target else { continue }
      plan.collections[target].inverses.append(
        InversePlan(name: "i\(index)\(field.name)", collection: index, field: field.name))
    }
  }

  // MARK: Rules

  private mutating func addRules(_ index: Int) {
    for _ in 0..<(1 + random.below(4)) {
      let rule = allow(index)
      plan.collections[index].allows.append(rule)
    }
    for position in plan.collections[index].fields.indices where random.chance(4) {
      var rule = allow(index)
      rule.fields = nil
      rule.except = nil
      rule.field = plan.collections[index].fields[position].name
      plan.collections[index].allows.append(rule)
    }
    for _ in 0..<random.pick([0, 0, 0, 1, 1, 2]) {
      let when =
        random.chance(80)
        ? condition(index, caller: false, paths: false)
        : condition(index, caller: true, paths: true)
      plan.collections[index].denies.append(
        DenyPlan(
          operations: operations(), when: when,
          exceptRoles: random.chance(60) ? random.some(SchemaPlan.roles, 2) : []))
    }
  }

  private mutating func operations() -> Set<Schema.Operation> {
    var result: Set<Schema.Operation> = random.chance(85) ? [.read] : [.update]
    for operation in [Schema.Operation.create, .update, .delete] where random.chance(30) {
      result.insert(operation)
    }
    return result
  }

  private mutating func allow(_ index: Int) -> AllowPlan {
    let members = plan.collections[index].members
    var rule = AllowPlan(operations: operations())
    if random.chance(25) { rule.audience = random.pick([.everyone, .everyone, .anonymous]) }
    if random.chance(15) { rule.roles = random.some(SchemaPlan.roles, 2) }
    let form = random.below(100)
    if form < 12 {
      rule.owner = path(index, steps: 0, toMany: false)
    } else if form < 37 {
      rule.owner = path(index, steps: 1 + random.below(2), toMany: false)
    } else if form < 82 {
      rule.member = path(index, steps: 1 + random.below(2), toMany: true)
    }
    if let member = rule.member, random.chance(50), let last = lastToMany(member, index) {
      rule.having = condition(last, caller: false, paths: false)
    }
    // A rule for every row would hide what the others do.
    if random.chance(rule.owner ?? rule.member == nil ? 92 : 35) {
      rule.when =
        random.chance(30)
        ? condition(index, caller: false, paths: false)
        : random.chance(60)
          ? condition(index, caller: true, paths: false)
          : condition(index, caller: true, paths: true)
    }
    let first = (rule.owner ?? rule.member)?.split(separator: ".").first.map(String.init)
    if let first,
      let target = plan.collections[index].fields.first(where: { $0.name == first })?
        .target, random.chance(35)
    {
      let test = condition(target, caller: false, paths: false, prefix: "\(first).", depth: 1)
      rule.when = random.chance(60) ? test : "(\(test)) && (\(condition(index, depth: 1)))"
    }
    if random.chance(20), !rule.operations.isDisjoint(with: [.create, .update]) {
      rule.check = condition(index, caller: true, paths: true)
    }
    let mask = random.below(100)
    if mask < 25 {
      rule.fields = random.some(members, 4)
    } else if mask < 50 {
      rule.except = random.some(members, 3)
    }
    return rule
  }

  /// A path with that many steps before its account, or nil where there is none.
  private mutating func path(_ start: Int, steps: Int, toMany: Bool) -> String? {
    for _ in 0..<12 {
      var names: [String] = []
      var current = start
      var passesList = false
      for _ in 0..<steps {
        let here = plan.collections[current]
        var choices = here.references.map { ($0.name, $0.target ?? 0, false) }
        if toMany { choices += here.inverses.map { ($0.name, $0.collection, true) } }
        guard !choices.isEmpty else { break }
        let choice = random.pick(choices)
        names.append(choice.0)
        current = choice.1
        passesList = passesList || choice.2
      }
      guard names.count == steps, passesList == toMany else { continue }
      let users = plan.collections[current].fields(of: .user)
      return (names + [random.pick(users).name]).joined(separator: ".")
    }
    return nil
  }

  private func lastToMany(_ path: String, _ start: Int) -> Int? {
    var current = start
    var last: Int?
    for name in path.split(separator: ".") {
      let here = plan.collections[current]
      if let inverse = here.inverses.first(where: { $0.name == name }) {
        current = inverse.collection
        last = current
      } else if let target = here.fields.first(where: { $0.name == name })?.target {
        current = target
      }
    }
    return last
  }

  // MARK: Conditions

  private mutating func condition(
    _ index: Int, caller: Bool = false, paths: Bool = false, prefix: String = "", depth: Int = 2
  ) -> String {
    var maker = ConditionMaker(
      plan: plan, random: random, allowsCaller: caller, allowsPaths: paths)
    defer { random = maker.random }
    return maker.condition(index, prefix, depth)
  }
}
