/// Makes random expressions of the rule language.
struct ConditionMaker {
  static let texts = ["x", "y", "ra", "rb", "cx", "cy", "e\u{301}", "\u{e9}", "a&b"]
  static let times = [
    "2026-01-01T00:00:00.000Z": Int64(1_767_225_600_000),
    "2026-06-01T12:00:00.000Z": Int64(1_780_315_200_000),
  ]

  let plan: SchemaPlan
  var random: Randomness
  let allowsCaller: Bool
  let allowsPaths: Bool

  mutating func condition(_ index: Int, _ prefix: String = "", _ depth: Int = 2) -> String {
    guard depth > 0, random.chance(45) else { return test(index, prefix) }
    switch random.below(10) {
    case 0...3: return join("&&", index, prefix, depth)
    case 4...7: return join("||", index, prefix, depth)
    default: return "!(\(condition(index, prefix, depth - 1)))"
    }
  }

  private mutating func join(
    _ sign: String, _ index: Int, _ prefix: String, _ depth: Int
  ) -> String {
    let left = condition(index, prefix, depth - 1)
    return "(\(left)) \(sign) (\(condition(index, prefix, depth - 1)))"
  }

  private mutating func test(_ index: Int, _ prefix: String) -> String {
    if allowsCaller, random.chance(40) { return callerTest(index, prefix) }
    if allowsPaths, prefix.split(separator: ".").count < 2, random.chance(35) {
      let references = plan.collections[index].references
      let reference = random.pick(references)
      return test(reference.target ?? 0, "\(prefix)\(reference.name).")
    }
    return ownTest(index, prefix)
  }

  private mutating func callerTest(_ index: Int, _ prefix: String) -> String {
    let user = prefix + random.pick(plan.collections[index].fields(of: .user)).name
    switch random.below(15) {
    case 0, 1: return "\(user) == ctx.uid"
    case 2: return "ctx.uid == \(user)"
    case 3: return "\(user) != ctx.uid"
    case 4, 5: return "\(prefix)t0 in ctx.claims"
    case 6: return "\(prefix)t0 in ctx.roles"
    case 7: return "\"\(random.pick(SchemaPlan.roles + ["admin"]))\" in ctx.roles"
    case 8: return "ctx.anonymous"
    case 9: return "!ctx.anonymous"
    case 10: return "ctx.uid \(random.pick(["==", "!="])) null"
    case 11, 12: return "\(prefix)e0 in ctx.claims"
    case 13: return "ctx.anonymous \(random.pick(["==", "!="])) \(prefix)b0"
    default: return "!(\(prefix)t0 in ctx.claims)"
    }
  }

  private mutating func ownTest(_ index: Int, _ prefix: String) -> String {
    let fields = plan.collections[index].fields
    let sign = random.pick(["==", "!=", "<", "<=", ">", ">="])
    let kind = random.pick(SchemaPlan.kinds)
    switch random.below(20) {
    case 0...2: return prefix + random.pick(["b0", "b1"])
    case 3: return "!\(prefix)b0"
    case 4: return "\(prefix)e0 == \(kind)"
    case 5: return "\(prefix)e0 != \(kind)"
    case 6:
      let list = random.some(SchemaPlan.kinds, 2).joined(separator: ", ")
      return "\(prefix)e0 in [\(list)]"
    case 7: return "\(prefix)n0 \(sign) \(random.below(4))"
    case 8: return "\(random.below(4)) \(sign) \(prefix)n0"
    case 9: return "\(prefix)x0 \(sign) \(random.pick(["0.5", "1", "1.5"]))"
    case 10: return "\(prefix)t0 \(sign) \"\(random.pick(ConditionMaker.texts))\""
    case 11:
      let time = random.pick(ConditionMaker.times.keys.sorted())
      return "\(prefix)w0 \(sign) \"\(time)\""
    case 12: return "\"\(random.pick(ConditionMaker.texts))\" in \(prefix)l0"
    case 13: return "\(kind) in \(prefix)k0"
    case 14, 15:
      let field = random.pick(fields).name
      return "\(prefix)\(field) \(random.pick(["==", "!="])) null"
    case 16:
      let users = plan.collections[index].fields(of: .user)
      return "\(prefix)u0 \(random.pick(["==", "!="])) \(prefix)\(random.pick(users).name)"
    case 17: return "\(prefix)version \(sign) \(1 + random.below(3))"
    case 18: return "\(prefix)createdAt \(sign) \(prefix)w0"
    default: return random.pick(["true", "false"])
    }
  }
}
