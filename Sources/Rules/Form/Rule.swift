package import Schema

/// One `@allow`, compiled.
package struct Rule: Sendable {
  /// The rule's place among those of its collection.
  package let number: Int
  package let operations: Set<Operation>
  package let audience: AllowRule.Audience
  /// Any of these, directly or by inheritance; nil where roles do not matter.
  package let roles: [String]?
  /// The way to an account that must be the caller's.
  package let path: RulePath?
  /// The test of the last row to many on the path.
  package let having: Expression?
  /// What must be TRUE of the caller alone.
  package let callerTest: Expression?
  /// What must be TRUE of the row that is there (of the new one in a create).
  package let when: Expression?
  /// What must be TRUE of the row as it will be.
  package let check: Expression?
  /// The fields that the rule shows and lets change.
  package let mask: FieldSet
  /// The field that carries the rule, or nil for one of the type.
  package let field: Int?
  package let location: SourceLocation
  /// The rule as it is written, for explanations.
  package let text: String

  /// The field that a create by this rule fills with the caller; a field's rule fills none.
  package var ownerFilledOnCreate: Int? {
    guard field == nil, let path, path.steps.isEmpty else { return nil }
    return path.user
  }

  /// Whether the row matters for seeing it by this rule.
  package var isAboutRow: Bool { path != nil || when != nil }

  /// Whether the test of a row needs other rows.
  package var readsRelations: Bool {
    if let path, !path.steps.isEmpty { return true }
    return when?.readsRelations == true || check?.readsRelations == true
  }
}

/// One `@deny`, compiled.
package struct Denial: Sendable {
  package let number: Int
  package let operations: Set<Operation>
  package let exceptRoles: [String]
  /// What must be TRUE of the caller alone for it to apply.
  package let callerTest: Expression?
  /// What must be TRUE of the row for it to apply.
  package let when: Expression?
  package let reason: String?
  package let location: SourceLocation
  /// The rule as it is written, for explanations.
  package let text: String
}

/// One `@retention`, compiled.
package struct Retention: Sendable {
  package let declaration: RetentionRule
  /// What keeps a row where it is TRUE of it.
  package let unless: Expression?
}

/// The condition of a `@derived` or of the `@view`, compiled, which speaks of a row of the source; or
/// that of a field's `validWhen`, which speaks of its own row.
package struct DerivedCondition: Sendable {
  /// The field, or nil for the view's own.
  package let field: Int?
  package let expression: Expression
}

/// One `@check`, compiled.
package struct Check: Sendable {
  package let name: String
  package let expression: Expression
  package let message: String
  /// The fields that it reads, in the order in which it names them; it is tested where one of them
  /// changes.
  package let fields: [Int]
}
