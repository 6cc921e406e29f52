package import RoostCore
package import Schema

/// The `@allow` rules of one collection, compiled: the only place that decides who may do what.
///
/// From them come the predicate of a query (`Access.predicate`), the test of a row in memory
/// (`Access.allows`) and the scopes of sync and realtime (`scopes(of:)`), so that no door has a rule
/// of its own.
package struct AccessRules: Sendable {
  /// One rule in the form that all outputs are made from.
  struct Rule: Sendable {
    let operations: Set<Operation>
    let audience: AllowRule.Audience
    /// The index of the field that must hold the caller's id; nil where the row does not matter.
    let owner: Int?
  }

  let rules: [Rule]
  /// The fields that some rule names as owner, in order; `Access` has a bit for each.
  private let owners: [Int]

  package init(_ collection: Collection) {
    // The schema's checker has refused owners that are not fields of type User.
    rules = collection.allows.map { rule in
      Rule(
        operations: rule.operations, audience: rule.audience,
        owner: rule.owner.flatMap { name in
          collection.fields.firstIndex { $0.name == name }
        })
    }
    owners = Set(rules.compactMap(\.owner)).sorted()
    // The schema's checker allows fewer.
    precondition(owners.count < 64, "\(collection.typeName) has more owners than Access has bits")
  }

  /// What `caller` may do by `operation`, as far as it can be said without a row.
  package func access(_ operation: Operation, _ caller: Caller) -> Access {
    var bits: UInt64 = 0
    var isUnconditional = false
    for rule in rules where rule.operations.contains(operation) && applies(rule, to: caller) {
      if let owner = rule.owner {
        if let bit = owners.firstIndex(of: owner) { bits |= 1 << UInt64(bit) }
      } else {
        isUnconditional = true
      }
    }
    return Access(
      isUnconditional: isUnconditional, owners: owners, bits: isUnconditional ? 0 : bits,
      uid: caller.uid)
  }

  /// The fields that a create fills with the caller when they are left out: those that a rule for
  /// CREATE names as its owner.
  package var ownersFilledOnCreate: Set<Int> {
    Set(rules.filter { $0.operations.contains(.create) }.compactMap(\.owner))
  }

  /// The indexes of all fields that some rule names as owner; they deserve an index.
  package var ownerFields: Set<Int> { Set(owners) }

  /// Whether `rule` speaks to this caller at all.
  ///
  /// A rule about an owner needs a caller who has an account, whatever its audience.
  private func applies(_ rule: Rule, to caller: Caller) -> Bool {
    if rule.owner != nil, caller.uid == nil { return false }
    switch rule.audience {
    case .everyone: return true
    case .user: return caller.uid != nil
    case .anonymous: return caller.uid != nil && caller.isAnonymous
    }
  }
}
