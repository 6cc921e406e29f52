import Accounts
import Queries
import Records
import RoostCore
import Synchronization

/// Commits batches and says what became of each line.
struct BatchWriter: Sendable {
  enum Outcome: Sendable {
    case imported
    /// The id was there already.
    case unchanged
    case refused([FieldIssue])
  }

  struct Result: Sendable {
    let outcomes: [Outcome]
    let accountsMade: Int
    /// Why the import cannot go on, though the batch was committed.
    let failure: RoostError?
  }

  let target: ImportTarget
  let records: RecordStore
  let accounts: AccountStore

  /// Commits the lines of `batch` in one transaction.
  func commit(_ batch: ImportBatch) async throws -> Result {
    var errors: [RoostError?]
    var made = 0
    var existing: Set<UUID> = []
    switch target {
    case .records(let plan):
      let mutations = batch.mutations
      (errors, made) = try await write(mutations, batch.accounts)
      // A refused record may be an imported one that a rerun meets again.
      let suspects = zip(mutations, errors).filter { $0.1 != nil }.map(\.0.id)
      if !suspects.isEmpty {
        existing = try await records.existing(suspects, in: plan.collection)
      }
    case .accounts:
      let people = batch.people
      let results = try await write(people)
      errors = results.map { if case .failure(let error) = $0 { error } else { nil } }
      for (person, result) in zip(people, results) {
        switch result {
        case .success(true): made += 1
        case .success(false): existing.insert(person.id)
        case .failure: break
        }
      }
    }
    return BatchWriter.result(batch, errors, existing, made: made)
  }

  private static func result(
    _ batch: ImportBatch, _ errors: [RoostError?], _ existing: Set<UUID>, made: Int
  ) -> Result {
    var rest = errors[...]
    var failure: RoostError?
    let outcomes = batch.lines.map { line -> Outcome in
      let id: UUID
      switch line.work {
      case .refused(let issues): return .refused(issues)
      case .record(let mutation): id = mutation.id
      case .account(let draft): id = draft.id
      }
      let error = rest.popFirst() ?? nil
      guard let error else {
        if case .account = line.work, existing.contains(id) { return .unchanged }
        return .imported
      }
      if existing.contains(id) { return .unchanged }
      if !error.isOfOneLine { failure = failure ?? error }
      return .refused(error.asIssues)
    }
    return Result(outcomes: outcomes, accountsMade: made, failure: failure)
  }

  private func write(
    _ mutations: [Mutation], _ missing: [UUID]
  ) async throws -> ([RoostError?], Int) {
    // Set, not added to: the body of a transaction may run again.
    let made = Mutex(0)
    let accounts = accounts
    if mutations.isEmpty { return ([], 0) }
    let errors = try await records.importBatch(mutations) { transaction in
      guard !missing.isEmpty else { return }
      let count = try await accounts.importUsers(missing, in: transaction)
      made.withLock { $0 = count }
    }
    return (errors, made.withLock { $0 })
  }

  private func write(
    _ people: [AccountPlan.Draft]
  ) async throws -> [Swift.Result<Bool, RoostError>] {
    if people.isEmpty { return [] }
    let accounts = accounts
    return try await records.database.write { transaction in
      var results: [Swift.Result<Bool, RoostError>] = []
      results.reserveCapacity(people.count)
      for person in people {
        do {
          results.append(
            .success(
              try await accounts.importUser(
                id: person.id, email: person.email, in: transaction)))
        } catch let error as RoostError where error.isOfOneLine {
          results.append(.failure(error))
        }
      }
      return results
    }
  }
}
