import Accounts
import Queries
import Records
import RoostCore
import Synchronization

/// Commits batches and says what became of each line.
struct BatchWriter: Sendable {
  enum Outcome: Sendable {
    case imported
    /// What the line says was there already.
    case unchanged
    case refused([FieldIssue])
  }

  struct Result: Sendable {
    let outcomes: [Outcome]
    let accountsMade: Int
  }

  let target: ImportTarget
  let records: RecordStore
  let accounts: AccountStore
  /// Whether a line whose id is taken counts as unchanged whatever it says.
  let leavesTaken: Bool

  /// Commits the lines of `batch` in one transaction, in which `note` is written too; throws what
  /// speaks of more than one line, and then none of them is stored.
  func commit(_ batch: ImportBatch, noting note: ImportMark? = nil) async throws -> Result {
    let (submitted, made) =
      switch target {
      case .records, .restored: try await commit(batch.creates, batch.accounts, note)
      case .accounts: try await commit(batch.people)
      case .people: try await commit(batch.returning, note)
      }
    var rest = submitted[...]
    let outcomes = batch.lines.map { line -> Outcome in
      if case .refused(let issues) = line.work { return .refused(issues) }
      return rest.popFirst() ?? .unchanged
    }
    return Result(outcomes: outcomes, accountsMade: made)
  }

  // MARK: Records

  private func commit(
    _ creates: [(create: PreparedCreate, given: [Int])], _ missing: [UUID], _ note: ImportMark?
  ) async throws -> ([Outcome], Int) {
    let (errors, made) = try await write(creates.map(\.create), missing, note)
    // A refused record may be an imported one that a rerun meets again.
    let suspects = zip(creates, errors).filter { $0.1 != nil }
      .map { (mutation: $0.0.create.mutation, given: $0.0.given) }
    var found = try await records.existing(suspects)[...]
    let outcomes = errors.map { error -> Outcome in
      guard let error else { return .imported }
      return outcome(error, found.popFirst() ?? .none)
    }
    return (outcomes, made)
  }

  private func outcome(_ error: RoostError, _ existing: ExistingRecord) -> Outcome {
    switch existing {
    case .none: return .refused(error.asIssues)
    case .same: return .unchanged
    case .deleted, .different: break
    }
    if leavesTaken { return .unchanged }
    // What is wrong with the line itself says more than that its id is taken.
    guard error.code == .conflict else { return .refused(error.asIssues) }
    return .refused([existing == .deleted ? BatchWriter.deleted : BatchWriter.duplicate])
  }

  private static let duplicate = FieldIssue(
    pointer: "/id", code: "duplicate_id",
    message: "What has this id is there already with other values, and was left alone.")
  private static let deleted = FieldIssue(
    pointer: "/id", code: "deleted_id",
    message: "What has this id was there and has been deleted; it was left alone.")

  private func write(
    _ creates: [PreparedCreate], _ missing: [UUID], _ note: ImportMark?
  ) async throws -> ([RoostError?], Int) {
    // Set, not added to: the body of a transaction may run again.
    let made = Mutex(0)
    let accounts = accounts
    if creates.isEmpty { return ([], 0) }
    let errors = try await records.importBatch(creates) { transaction in
      try await note?.write(in: transaction)
      guard !missing.isEmpty else { return }
      let count = try await accounts.importUsers(missing, in: transaction)
      made.withLock { $0 = count }
    }
    return (errors, made.withLock { $0 })
  }

  // MARK: Accounts

  private func commit(_ people: [AccountPlan.Draft]) async throws -> ([Outcome], Int) {
    let results = try await write(people)
    var outcomes: [Outcome] = []
    outcomes.reserveCapacity(people.count)
    var made = 0
    for (person, result) in zip(people, results) {
      switch result {
      case .success(true):
        made += 1
        outcomes.append(.imported)
      case .success(false): outcomes.append(try await compare(person))
      case .failure(let error): outcomes.append(.refused(error.asIssues))
      }
    }
    return (outcomes, made)
  }

  private func commit(
    _ people: [AccountRecord], _ note: ImportMark?
  ) async throws -> ([Outcome], Int) {
    if people.isEmpty { return ([], 0) }
    let accounts = accounts
    let outcomes = try await records.database.write { transaction in
      try await note?.write(in: transaction)
      var outcomes: [Outcome] = []
      outcomes.reserveCapacity(people.count)
      for person in people {
        do {
          switch try await accounts.restore(person, in: transaction) {
          case .made: outcomes.append(.imported)
          case .same: outcomes.append(.unchanged)
          case .different: outcomes.append(.refused([BatchWriter.duplicate]))
          }
        } catch let error as RoostError where error.isOfOneLine {
          outcomes.append(.refused(error.asIssues))
        }
      }
      return outcomes
    }
    return (outcomes, outcomes.count { if case .imported = $0 { true } else { false } })
  }

  /// What becomes of a line whose id an account has already.
  private func compare(_ person: AccountPlan.Draft) async throws -> Outcome {
    if leavesTaken { return .unchanged }
    do {
      let account = try await accounts.me(Caller(uid: person.id))
      guard let text = person.email else { return .unchanged }
      return account.email == EmailAddress(text)?.text
        ? .unchanged : .refused([BatchWriter.duplicate])
    } catch let error as RoostError where error.code == .unauthenticated {
      return .refused([BatchWriter.deleted])
    }
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
