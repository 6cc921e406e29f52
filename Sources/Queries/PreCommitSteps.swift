/// Several steps before a commit, one after the other; each takes the effects that it knows.
package struct PreCommitSteps: PreCommit {
  private let steps: [any PreCommit]

  package init(_ steps: [any PreCommit]) { self.steps = steps }

  package func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {
    for step in steps { try await step.apply(effects, in: transaction) }
  }

  package func committed(_ effects: [any Effect]) {
    for step in steps { step.committed(effects) }
  }
}
