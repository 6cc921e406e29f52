import RoostCore
import Rules
import Schema

/// What callers may do, by walking over the rows with the rules as they are written.
///
/// It shares nothing with the compiler but the parser of expressions.
final class Oracle {
  let plan: SchemaPlan
  let world: World
  /// By the bytes of the text: a string that is spelled otherwise is another one.
  private var parsed: [[UInt8]: ExpressionSyntax] = [:]

  init(_ world: World) {
    plan = world.plan
    self.world = world
  }

  func syntax(_ text: String) -> ExpressionSyntax {
    let bytes = Array(text.utf8)
    if let known = parsed[bytes] { return known }
    guard let syntax = try? ExpressionParser.parse(text, .rule) else {
      fatalError("the oracle cannot read \(text)")
    }
    parsed[bytes] = syntax
    return syntax
  }

  /// The members of a row that rules of `operation` show to the caller; nil where no rule allows it
  /// or a denial applies.
  ///
  /// `isConsidered` leaves out rules by their number.
  func members(
    _ row: RowImage, _ caller: OracleCaller, _ operation: Schema.Operation = .read,
    only isConsidered: (Int) -> Bool = { _ in true }
  ) -> Set<String>? {
    let collection = plan.collections[row.collection]
    if isDenied(row, caller, operation) { return nil }
    var shown: Set<String>?
    for number in rulesHolding(row, caller, operation) where isConsidered(number) {
      shown = (shown ?? []).union(mask(of: collection.allows[number], in: collection))
    }
    return shown
  }

  func isDenied(
    _ row: RowImage, _ caller: OracleCaller, _ operation: Schema.Operation
  ) -> Bool {
    plan.collections[row.collection].denies.contains { denial in
      denial.operations.contains(operation)
        && caller.roles.isDisjoint(with: denial.exceptRoles)
        && truth(denial.when, row, caller) == true
    }
  }

  /// The numbers of the rules whose tests of a row that is there hold.
  func rulesHolding(
    _ row: RowImage, _ caller: OracleCaller, _ operation: Schema.Operation
  ) -> [Int] {
    rules(row, caller, operation) { rule in
      rule.when.map { self.truth($0, row, caller) == true } ?? true
    }
  }

  /// The numbers of the rules that take a row as it will be.
  func rulesAccepting(
    _ row: RowImage, _ caller: OracleCaller, _ operation: Schema.Operation
  ) -> [Int] {
    rules(row, caller, operation) { rule in
      if let check = rule.check, self.truth(check, row, caller) != true { return false }
      guard let when = rule.when else { return true }
      let parts = self.parts(self.syntax(when))
      // The part about the caller alone is asked in an update too.
      return parts.allSatisfy { part in
        (operation != .create && self.readsRow(part)) || self.truth(part, row, caller) == true
      }
    }
  }

  private func rules(
    _ row: RowImage, _ caller: OracleCaller, _ operation: Schema.Operation,
    _ holds: (AllowPlan) -> Bool
  ) -> [Int] {
    let rules = plan.collections[row.collection].allows
    // The rules of fields create nothing for a caller to whom no rule of the type speaks.
    if operation == .create,
      !rules.contains(where: { $0.field == nil && speaks($0, to: caller, operation) })
    {
      return []
    }
    return rules.indices.filter { number in
      let rule = rules[number]
      guard speaks(rule, to: caller, operation) else { return false }
      // The rule of one field deletes no records.
      if rule.field != nil, operation == .delete { return false }
      if let path = rule.owner ?? rule.member, !reaches(rule, path, row, caller) { return false }
      return holds(rule)
    }
  }

  /// Whether a rule speaks to a caller, whatever the row.
  private func speaks(
    _ rule: AllowPlan, to caller: OracleCaller, _ operation: Schema.Operation
  ) -> Bool {
    guard rule.operations.contains(operation) else { return false }
    if rule.owner ?? rule.member != nil, caller.uid == nil { return false }
    switch rule.audience {
    case .user: if caller.uid == nil { return false }
    case .anonymous: if !caller.isAnonymous { return false }
    case .everyone: break
    }
    if let roles = rule.roles, caller.roles.isDisjoint(with: roles) { return false }
    guard let when = rule.when, let row = world.rows.joined().first else { return true }
    return parts(syntax(when)).allSatisfy { readsRow($0) || truth($0, row, caller) == true }
  }

  private func mask(of rule: AllowPlan, in collection: CollectionPlan) -> Set<String> {
    if let field = rule.field { return [field] }
    var mask = Set(rule.fields ?? collection.members).subtracting(rule.except ?? [])
    for other in collection.allows { if let field = other.field { mask.remove(field) } }
    return mask
  }

  // MARK: Paths

  private func reaches(
    _ rule: AllowPlan, _ path: String, _ row: RowImage, _ caller: OracleCaller
  ) -> Bool {
    guard let uid = caller.uid else { return false }
    let names = path.split(separator: ".").map(String.init)
    var here = row.collection
    var current: Set<UUID> = [row.id]
    // What is read so far is known when the row is written.
    var isResolved = !testsFirstHop(rule, names, of: row.collection)
    let lists = lists(names, from: row.collection)
    for (position, name) in names.enumerated() {
      let collection = plan.collections[here]
      var next: Set<UUID> = []
      if let list = collection.inverses.first(where: { $0.name == name }) {
        isResolved = false
        guard let field = plan.collections[list.collection].index(list.field) else { return false }
        for related in world.rows[list.collection] where !related.isDeleted {
          guard case .uuid(let id) = related.values[field], current.contains(id) else { continue }
          if position == lists.last, let having = rule.having,
            truth(having, related, .nobody) != true
          {
            continue
          }
          next.insert(related.id)
        }
        here = list.collection
      } else {
        guard let field = collection.index(name) else { return false }
        if position > 0, !collection.fields[field].isImmutable { isResolved = false }
        for id in current {
          let source = position == 0 ? row : world.row(here, id)
          guard let source, position == 0 || isResolved || !source.isDeleted else { continue }
          if case .uuid(let value) = source.values[field] { next.insert(value) }
        }
        if position == names.count - 1 { return next.contains(uid) }
        here = collection.fields[field].target ?? here
      }
      current = next
    }
    return false
  }

  /// The positions of the lists on a path.
  private func lists(_ names: [String], from start: Int) -> [Int] {
    var here = start
    var result: [Int] = []
    for (position, name) in names.enumerated() {
      let collection = plan.collections[here]
      if let list = collection.inverses.first(where: { $0.name == name }) {
        result.append(position)
        here = list.collection
      } else if let target = collection.fields.first(where: { $0.name == name })?.target {
        here = target
      }
    }
    return result
  }

  /// Whether `when` tests the row that the path leads to first, and no other: then the path is
  /// followed live.
  private func testsFirstHop(_ rule: AllowPlan, _ names: [String], of index: Int) -> Bool {
    guard let when = rule.when, names.count > 1,
      plan.collections[index].fields.contains(where: { $0.name == names[0] })
    else { return false }
    let tests = parts(syntax(when)).filter { part in
      Oracle.paths(part).contains { $0.count > 1 && $0[0] != "ctx" }
    }
    guard !tests.isEmpty else { return false }
    for path in tests.flatMap(Oracle.paths) {
      let isName = path.count == 1 && SchemaPlan.kinds.contains(path[0])
      if !isName, path.count != 2 || path[0] != names[0] { return false }
    }
    if lists(names, from: index).first != 1 { return true }
    // The path does not read that row, so the test must fail without it.
    let absent = RowImage(
      collection: index, id: .zero, createdAt: Timestamp(milliseconds: 0),
      updatedAt: Timestamp(milliseconds: 0),
      values: plan.collections[index].fields.map { _ in .null })
    return tests.contains { truth($0, absent, .nobody) != true }
  }

  /// Every dotted name.
  static func paths(_ syntax: ExpressionSyntax) -> [[String]] {
    switch syntax {
    case .or(let parts), .and(let parts), .list(let parts, _): parts.flatMap(paths)
    case .not(let inner, _): paths(inner)
    case .compare(_, let left, let right, _), .isIn(let left, let right, _):
      paths(left) + paths(right)
    case .literal: []
    case .path(let names, _): [names]
    }
  }

  func parts(_ syntax: ExpressionSyntax) -> [ExpressionSyntax] {
    if case .and(let parts) = syntax { parts.flatMap(self.parts) } else { [syntax] }
  }

  private func readsRow(_ syntax: ExpressionSyntax) -> Bool {
    Oracle.paths(syntax).contains { $0[0] != "ctx" && !SchemaPlan.kinds.contains($0[0]) }
  }
}

/// A caller with all roles.
struct OracleCaller {
  let uid: UUID?
  let isAnonymous: Bool
  let roles: Set<String>
  let claims: Set<String>

  static let nobody = OracleCaller(uid: nil, isAnonymous: false, roles: [], claims: [])
}

extension OracleCaller {
  init(_ caller: Caller, _ plan: SchemaPlan) {
    uid = caller.uid
    isAnonymous = caller.uid != nil && caller.isAnonymous
    roles = plan.closure(caller.roles)
    claims = caller.claims
  }
}
