/// What one caller may do by one operation on one collection.
package struct Access: Sendable {
  package let plan: AccessPlan
  package let facts: CallerFacts

  init(plan: AccessPlan, facts: CallerFacts) {
    self.plan = plan
    self.facts = facts
  }

  /// No row could ever be allowed.
  package var isNever: Bool { plan.isNever }

  /// Every row is allowed.
  package var isUnconditional: Bool { plan.isUnconditional }
}
