import Schema

/// What callers may do to whom the same rules of a collection apply: shared by all of them.
package final class AccessPlan: Sendable {
  /// What tells plans of one collection apart; equal shapes give equal statements.
  package struct Shape: Hashable, Sendable {
    let rules: UInt64
    let denials: UInt64
  }

  /// Fields that are shown by some of the rules and not by others, all of them by the same ones.
  package struct MaskGroup: Sendable {
    package let fields: FieldSet
    /// The rules that show them.
    package let rules: [Rule]
  }

  package let owner: AccessRules
  /// The rules that allow; several are alternatives.
  package let rules: [Rule]
  /// The denials that apply where their test of the row is TRUE.
  package let denials: [Denial]
  package let shape: Shape
  /// No row could ever be allowed.
  package let isNever: Bool
  /// A rule allows it whatever the row, and no denial can apply.
  package let isUnconditional: Bool
  /// The members that every visible row shows.
  package let always: FieldSet
  /// The members that some visible rows show; together with `always` all that can be seen.
  package let groups: [MaskGroup]
  /// Every row that is allowed shows every member.
  package let showsEverything: Bool
  /// The flags, bit n for group n, with which a row shows every member; nil where none does.
  package let wholeFlags: UInt64?
  /// How each member is shown.
  private let visibilities: [Visibility]
  /// The alternatives where no group is apart: nearly every list asks for them.
  let plainAlternatives: [Rule]
  /// Whether the test of a row needs other rows.
  package let readsRelations: Bool

  init(_ owner: AccessRules, rules: [Rule], denials: [Denial], shape: Shape) {
    self.owner = owner
    self.rules = rules
    self.denials = denials
    self.shape = shape
    isNever = rules.isEmpty || denials.contains { $0.when == nil }
    isUnconditional =
      rules.contains { !$0.isAboutRow } && !denials.contains { $0.when != nil } && !isNever
    let unconditional = rules.filter { !$0.isAboutRow }.map(\.mask)
    let common = rules.dropFirst().reduce(rules.first?.mask ?? FieldSet()) {
      $0.intersection($1.mask)
    }
    let always = unconditional.reduce(common) { $0.union($1) }
    var groups: [(fields: FieldSet, rules: [Int])] = []
    let sometimes = rules.reduce(FieldSet()) { $0.union($1.mask) }.subtracting(always)
    for member in sometimes.members {
      let showing = rules.indices.filter { rules[$0].mask.contains(member) }
      if let index = groups.firstIndex(where: { $0.rules == showing }) {
        groups[index].fields.insert(member)
      } else {
        groups.append((FieldSet([member]), showing))
      }
    }
    self.always = always
    self.groups = groups.map { group in
      MaskGroup(fields: group.fields, rules: group.rules.map { rules[$0] })
    }
    plainAlternatives = AccessPlan.alternatives(rules) { _, _ in true }
    let count = owner.declaration.fields.count + owner.declaration.inverses.count
    let all = FieldSet(count: count)
    showsEverything = groups.isEmpty && always.isSuperset(of: all)
    wholeFlags =
      groups.count < UInt64.bitWidth && always.union(sometimes).isSuperset(of: all)
      ? (1 << UInt64(groups.count)) - 1 : nil
    visibilities = (0..<count).map { member in
      if always.contains(member) { return .always }
      if let group = groups.firstIndex(where: { $0.fields.contains(member) }) {
        return .sometimes(group)
      }
      return .never
    }
    readsRelations =
      rules.contains(where: \.readsRelations)
      || denials.contains { $0.when?.readsRelations == true }
  }

  /// The plan of the server itself.
  static func everything(_ owner: AccessRules) -> AccessPlan {
    let declaration = owner.declaration
    let rule = Rule(
      number: 0, operations: Set(Operation.allCases), audience: .everyone, roles: nil, path: nil,
      having: nil, callerTest: nil, when: nil, check: nil,
      mask: FieldSet(count: declaration.fields.count + declaration.inverses.count), field: nil,
      location: declaration.location, text: "the server itself")
    return AccessPlan(
      owner, rules: [rule], denials: [], shape: Shape(rules: .max, denials: .max))
  }

  /// How a member is shown.
  package enum Visibility: Sendable, Equatable {
    case always
    /// By the group of that index.
    case sometimes(Int)
    case never
  }

  /// How the member (a field's index, or behind the fields that of an inverse) is shown.
  package func visibility(_ member: Int) -> Visibility {
    visibilities.indices.contains(member) ? visibilities[member] : .never
  }
}
