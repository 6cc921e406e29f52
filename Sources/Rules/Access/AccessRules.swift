package import RoostCore
package import Schema
import Synchronization

/// The compiled rules of one collection.
///
/// From them come the predicates of queries, the test of a row in memory and the scopes of sync and
/// realtime, so that no door has a rule of its own.
package final class AccessRules: Sendable {
  /// Rules and denials of one collection; sets of them are the bits of a word.
  package static let maximumRules = 60
  /// Sets of rules that show the same fields; which of them apply to a row are the bits of a word.
  package static let maximumMasks = 60

  package let model: SchemaModel
  /// The index of the collection in the model.
  package let collection: Int
  package let rules: [Rule]
  package let denials: [Denial]
  package let checks: [Check]
  package let retentions: [Retention]
  /// The conditions of what is derived here.
  package let derived: [DerivedCondition]
  /// `validWhen` of the fields that are LATEST_VALID; each speaks of the merged row.
  package let validities: [DerivedCondition]
  /// The fields that a create fills with the caller when they are left out: those that a rule
  /// of the type for CREATE names as its owner, if the rule speaks to the caller.
  package let ownersFilledOnCreate: Set<Int>

  /// The rules that speak of each operation.
  private let rulesByOperation: [Operation: [Rule]]
  private let denialsByOperation: [Operation: [Denial]]
  private let plans = Mutex<[PlanKey: AccessPlan]>([:])
  /// The plans of callers without roles, by operation and within it by kind of caller; empty where
  /// a rule or a denial tests the caller further.
  ///
  /// Proof for nonisolated(unsafe): set at the end of `init` and never again.
  nonisolated(unsafe) private var plainPlans: [AccessPlan] = []

  private struct PlanKey: Hashable {
    let rules: UInt64
    let denials: UInt64
  }

  init(
    model: SchemaModel, collection: Int, rules: [Rule], denials: [Denial], checks: [Check],
    retentions: [Retention] = [], derived: [DerivedCondition] = [],
    validities: [DerivedCondition] = []
  ) {
    self.retentions = retentions
    self.derived = derived
    self.validities = validities
    self.model = model
    self.collection = collection
    self.rules = rules
    self.denials = denials
    self.checks = checks
    var byOperation: [Operation: [Rule]] = [:]
    var deniedByOperation: [Operation: [Denial]] = [:]
    for operation in Operation.allCases {
      byOperation[operation] = rules.filter { $0.operations.contains(operation) }
      deniedByOperation[operation] = denials.filter { $0.operations.contains(operation) }
    }
    rulesByOperation = byOperation
    denialsByOperation = deniedByOperation
    ownersFilledOnCreate = Set(
      rules.filter { $0.operations.contains(.create) }.compactMap(\.ownerFilledOnCreate))
    guard !rules.contains(where: { $0.callerTest != nil }),
      !denials.contains(where: { $0.callerTest != nil })
    else { return }
    plainPlans = Operation.allCases.flatMap { operation in
      CallerFacts.Kind.examples.map { plan(operation, $0) }
    }
  }

  /// Whether a create by this caller fills the field, when it is left out, with their account.
  package func fillsOwner(_ field: Int, for caller: Caller) -> Bool {
    guard ownersFilledOnCreate.contains(field) else { return false }
    return access(.create, caller).plan.rules.contains { $0.ownerFilledOnCreate == field }
  }

  /// The declaration of the collection.
  package var declaration: Collection { model.collections[collection] }

  /// What `caller` may do by `operation`, as far as it can be said without a row.
  package func access(_ operation: Operation, _ caller: Caller) -> Access {
    if caller.roles.isEmpty {
      let facts = CallerFacts(caller, nil)
      if !plainPlans.isEmpty {
        let place = operation.place * CallerFacts.Kind.examples.count + facts.kind.rawValue
        return Access(plan: plainPlans[place], facts: facts)
      }
      return Access(plan: plan(operation, facts), facts: facts)
    }
    let facts = CallerFacts(caller, model.roles)
    return Access(plan: plan(operation, facts), facts: facts)
  }

  /// The plan of the rules and denials that speak to a caller.
  private func plan(_ operation: Operation, _ facts: CallerFacts) -> AccessPlan {
    var rules: UInt64 = 0
    for rule in rulesByOperation[operation] ?? [] where applies(rule, to: facts) {
      rules |= 1 << UInt64(rule.number)
    }
    // The rules of fields only add to what may be set of a record that a rule of the type creates.
    if operation == .create,
      !self.rules.contains(where: { rule in
        rule.field == nil && rules & 1 << UInt64(rule.number) != 0
      })
    {
      rules = 0
    }
    var denials: UInt64 = 0
    if rules != 0 {
      for denial in denialsByOperation[operation] ?? [] where applies(denial, to: facts) {
        denials |= 1 << UInt64(denial.number)
      }
    }
    return plan(rules, denials)
  }

  /// The server itself: seeds, imports and the work of followers.
  package var systemAccess: Access {
    Access(plan: everything, facts: CallerFacts(.everyone, nil))
  }

  /// Made once: an import asks for it with every row.
  private var everything: AccessPlan {
    let key = PlanKey(rules: .max, denials: .max)
    return plans.withLock { plans in
      if let plan = plans[key] { return plan }
      let plan = AccessPlan.everything(self)
      plans[key] = plan
      return plan
    }
  }

  private func plan(_ rules: UInt64, _ denials: UInt64) -> AccessPlan {
    let key = PlanKey(rules: rules, denials: denials)
    return plans.withLock { plans in
      if let plan = plans[key] { return plan }
      let plan = AccessPlan(
        self, rules: self.rules.filter { rules & 1 << UInt64($0.number) != 0 },
        denials: self.denials.filter { denials & 1 << UInt64($0.number) != 0 },
        shape: AccessPlan.Shape(rules: rules, denials: denials))
      // As many as the kinds of callers; bounded all the same.
      if plans.count > 4096 { plans.removeAll() }
      plans[key] = plan
      return plan
    }
  }

  /// Whether `rule` speaks to this caller at all.
  package func applies(_ rule: Rule, to caller: CallerFacts) -> Bool {
    obstacle(rule, caller) == nil
  }

  /// Why a rule or a denial does not speak to a caller, whatever the row.
  package enum Obstacle: Sendable, Equatable {
    /// The caller has no account.
    case account
    /// The caller's account is not an anonymous one.
    case anonymousAccount
    /// The caller has none of the roles.
    case roles
    /// The caller has one of the roles that a denial excepts.
    case exceptedRole
    /// What the rule tests of the caller is not TRUE.
    case callerTest
  }

  /// What keeps `rule` from speaking to this caller; nil where it does.
  ///
  /// A rule about an account needs a caller who has one, whatever its audience.
  package func obstacle(_ rule: Rule, _ caller: CallerFacts) -> Obstacle? {
    if rule.path != nil, caller.uid == nil { return .account }
    switch rule.audience {
    case .everyone: break
    case .user: if caller.uid == nil { return .account }
    case .anonymous: if !caller.isAnonymous { return .anonymousAccount }
    }
    if let roles = rule.roles, !roles.contains(where: { caller.roles.contains($0) }) {
      return .roles
    }
    if let test = rule.callerTest, test.truth(of: caller) != true { return .callerTest }
    return nil
  }

  /// Whether `denial` can concern this caller at all.
  package func applies(_ denial: Denial, to caller: CallerFacts) -> Bool {
    obstacle(denial, caller) == nil
  }

  /// What keeps `denial` from concerning this caller; nil where it does.
  package func obstacle(_ denial: Denial, _ caller: CallerFacts) -> Obstacle? {
    if denial.exceptRoles.contains(where: { caller.roles.contains($0) }) { return .exceptedRole }
    if let test = denial.callerTest, test.truth(of: caller) != true { return .callerTest }
    return nil
  }
}

/// What rules read of a caller.
package struct CallerFacts: Sendable {
  package let uid: UUID?
  package let isAnonymous: Bool
  /// The caller's roles and all that these inherit.
  package let roles: Set<String>
  package let claims: Set<String>

  /// A caller without an account: for tests that speak of rows alone.
  static let nobody = CallerFacts(.everyone, nil)

  package init(_ caller: Caller, _ tree: RoleTree?) {
    uid = caller.uid
    isAnonymous = caller.uid != nil && caller.isAnonymous
    claims = caller.claims
    if caller.roles.isEmpty {
      roles = []
    } else {
      roles = caller.roles.reduce(into: Set<String>()) {
        $0.formUnion(tree?.closure[$1] ?? [$1])
      }
    }
  }

  /// What rules without tests of the caller tell callers without roles apart by.
  enum Kind: Int {
    case nobody
    case account
    case anonymous

    /// A caller of each kind, in the order of the kinds.
    static let examples = [
      Caller.everyone, Caller(uid: .zero), Caller(uid: .zero, isAnonymous: true),
    ].map { CallerFacts($0, nil) }
  }

  var kind: Kind { uid == nil ? .nobody : isAnonymous ? .anonymous : .account }
}

extension Operation {
  /// The operation's place among all.
  fileprivate var place: Int {
    switch self {
    case .read: 0
    case .create: 1
    case .update: 2
    case .delete: 3
    case .admin: 4
    }
  }
}
