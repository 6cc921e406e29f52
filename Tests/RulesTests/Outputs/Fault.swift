import RoostCore
import Rules
import Schema

/// Faults that are planted into one output, to see that the comparison finds them.
enum Fault: String, CaseIterable, CustomStringConvertible {
  case memoryIgnoresHaving
  case memoryTakesNullForTrue
  case memoryForgetsInheritedRoles
  case memoryShowsTheMaskOfOneRule
  case memoryKeepsDeletedMembers
  case memoryTestsResolvedHops
  case sqlIgnoresHaving
  case sqlDeniesByPlainNot
  case sqlKeepsDeletedMembers
  case sqlForgetsTheAlias
  case sqlShowsMaskedColumns
  case sqlTestsResolvedHops
  case sqlForgetsInheritedRoles
  case filtersReadHiddenColumns
  case scopesIgnoreHaving
  case scopesKeepTheMaskOfOneRule
  case scopesTestResolvedHops
  case scopesForgetInheritedRoles
  case scopesForgetExceptRoles
  case scopesForgetDenials
  case scopesKeepDeletedGrants
  case scopesIgnoreFirstHopTests

  var description: String { rawValue }

  /// The schema as the memory output takes it.
  func memory(_ plan: SchemaPlan) -> SchemaPlan {
    switch self {
    case .memoryIgnoresHaving: plan.changingRules { $0.having = nil }
    case .memoryForgetsInheritedRoles: plan.withoutInheritance
    case .memoryTestsResolvedHops: plan.withoutImmutability
    default: plan
    }
  }

  func sql(_ plan: SchemaPlan) -> SchemaPlan {
    switch self {
    case .sqlIgnoresHaving: plan.changingRules { $0.having = nil }
    case .sqlForgetsInheritedRoles: plan.withoutInheritance
    case .sqlTestsResolvedHops: plan.withoutImmutability
    default: plan
    }
  }

  func scopes(_ plan: SchemaPlan) -> SchemaPlan {
    switch self {
    case .scopesIgnoreHaving: return plan.changingRules { $0.having = nil }
    case .scopesIgnoreFirstHopTests:
      return plan.changingRules { rule in
        let first = (rule.owner ?? rule.member)?.split(separator: ".").first
        if let first, rule.when?.contains("\(first).") == true { rule.when = nil }
      }
    case .scopesForgetExceptRoles:
      return plan.changingDenials { $0.exceptRoles = [] }
    case .scopesForgetDenials: return plan.changingDenials { $0.when = "false" }
    default: return plan
    }
  }

  /// The text of a statement as it runs.
  func text(_ text: String) -> String {
    switch self {
    case .sqlDeniesByPlainNot: text.replacing(" IS NOT TRUE", with: " IS FALSE")
    case .sqlKeepsDeletedMembers: Fault.keepingDeleted(text)
    case .sqlForgetsTheAlias: text.replacing("\"t0\".", with: "")
    case .sqlShowsMaskedColumns: text.replacing("CASE WHEN ", with: "CASE WHEN (1 = 1) OR ")
    default: text
    }
  }

  private static func keepingDeleted(_ text: String) -> String {
    text.replacing(/"t[1-9]"\."deletedAt" IS NULL/, with: "TRUE")
  }

  /// A row as the memory output sees it.
  func row(_ row: RowImage) -> RowImage {
    guard self == .memoryTakesNullForTrue else { return row }
    return row.with(values: row.values.map { $0 == .null ? .bool(true) : $0 })
  }
}

extension RowImage {
  func with(values: [FieldValue]? = nil, isDeleted: Bool? = nil) -> RowImage {
    RowImage(
      collection: collection, id: id, version: version, createdAt: createdAt, updatedAt: updatedAt,
      isDeleted: isDeleted ?? self.isDeleted, values: values ?? self.values)
  }
}

extension SchemaPlan {
  func changingRules(_ change: (inout AllowPlan) -> Void) -> SchemaPlan {
    var plan = self
    for index in plan.collections.indices {
      for number in plan.collections[index].allows.indices {
        change(&plan.collections[index].allows[number])
      }
    }
    return plan
  }

  func changingDenials(_ change: (inout DenyPlan) -> Void) -> SchemaPlan {
    var plan = self
    for index in plan.collections.indices {
      for number in plan.collections[index].denies.indices {
        change(&plan.collections[index].denies[number])
      }
    }
    return plan
  }

  var withoutInheritance: SchemaPlan {
    var plan = self
    plan.inherits = [:]
    return plan
  }

  var withoutImmutability: SchemaPlan {
    var plan = self
    for index in plan.collections.indices {
      for field in plan.collections[index].fields.indices {
        plan.collections[index].fields[field].isImmutable = false
      }
    }
    return plan
  }
}
