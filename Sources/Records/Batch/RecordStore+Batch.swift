import Queries
package import RoostCore
import Rules
import Schema

extension RecordStore {
  // MARK: Preparing

  /// A create from a JSON object; see `create`.
  package func prepareCreate(
    _ collection: CompiledCollection, _ body: JSON, by author: Mutation.Author,
    madeAt: OperationTime? = nil
  ) throws -> PreparedOperation {
    try authorize(.create, collection, by: author)
    var decoder = MutationDecoder(
      collection, author: author, ambient: ambient, madeAt: madeAt)
    return PreparedOperation(work: .create(try path.draft(try decoder.create(body))))
  }

  /// A change of the fields that a JSON object names; see `update`.
  package func prepareUpdate(
    _ collection: CompiledCollection, _ id: UUID, _ body: JSON, expecting expectation: Expectation,
    by author: Mutation.Author, madeAt: OperationTime? = nil
  ) throws -> PreparedOperation {
    try authorize(.update, collection, by: author)
    var decoder = MutationDecoder(
      collection, author: author, ambient: ambient, madeAt: madeAt)
    return PreparedOperation(
      work: .change(try decoder.update(id, body, expecting: expectation)))
  }

  /// A delete; see `delete`.
  package func prepareDelete(
    _ collection: CompiledCollection, _ id: UUID, expecting expectation: Expectation,
    by author: Mutation.Author
  ) throws -> PreparedOperation {
    try authorize(.delete, collection, by: author)
    let decoder = MutationDecoder(collection, author: author, ambient: ambient)
    return PreparedOperation(work: .change(decoder.delete(id, expecting: expectation)))
  }

  /// A read of one record; see `read`.
  package func prepareRead(
    _ collection: CompiledCollection, _ id: UUID, _ shown: ShownMembers, by caller: Caller
  ) throws -> PreparedOperation {
    PreparedOperation(
      work: .read(
        collection, try pointRead(collection, id, shown, by: caller),
        isBrief: shown.expansions.isEmpty))
  }

  /// A read of a page; see `list`.
  package func prepareList(
    _ collection: CompiledCollection, _ query: ListQuery, by caller: Caller
  ) throws -> PreparedOperation {
    let (_, read) = try pageRead(collection, query, by: caller)
    return PreparedOperation(
      work: .list(read, isBrief: query.isBrief),
      searched: query.search == nil ? nil : collection)
  }

  /// A read of a page of an inverse relation; see `list(_:of:...)`.
  package func prepareRelation(
    _ inverse: InverseRelation, of collection: CompiledCollection, _ id: UUID, _ query: ListQuery,
    by caller: Caller
  ) throws -> PreparedOperation {
    let (_, read) = try relationRead(inverse, of: collection, id, query, by: caller)
    // Where some rows hide the reference, no index finds the rows by it.
    let isShown = reader(caller).access(inverse.target).plan.always.contains(inverse.field)
    return PreparedOperation(
      work: .list(read, isBrief: query.isBrief && isShown),
      searched: query.search == nil ? nil : inverse.target)
  }

  // MARK: Carrying out

  /// Carries out all operations in their order in one transaction, or nothing.
  ///
  /// Each sees what those before it did. Throws `BatchFailure` for the first operation that is
  /// refused, or whose answer passes `answerBytes` together with those before it; other errors where
  /// the transaction as a whole was lost. Where no operation writes, all read one moment.
  package func batch(
    _ operations: [PreparedOperation], answerBytes: Int
  ) async throws -> [OperationOutcome] {
    guard operations.contains(where: \.isWrite) else {
      for operation in operations {
        if let searched = operation.searched { try await awaitSearch(searched) }
      }
      return try await database.read(.snapshot) { reader in
        try await RecordStore.inOrder(operations, answerBytes) { operation in
          try await self.perform(operation, in: reader)
        }
      }
    }
    return try await drawnTogether { drawsTogether in
      try await self.database.write { transaction in
        try await self.perform(operations, answerBytes, drawsTogether, in: transaction)
      }
    }
  }

  /// Carries out all operations in one transaction, in which the receipt is stored too.
  ///
  /// Throws as `batch(_:answerBytes:)` does, `.conflict` where somebody else was faster with the same
  /// claim, and `.rateLimited` where the claimant has no room for another receipt; then nothing is
  /// done.
  package func batch(
    _ operations: [PreparedOperation], answerBytes: Int, leaving plan: ReceiptPlan
  ) async throws -> Receipt {
    try await checkRoom(for: plan.claim)
    let receipt = try await drawnTogether { drawsTogether in
      try await self.database.write { transaction in
        try await self.begin(plan.claim, in: transaction)
        let outcomes = try await self.perform(
          operations, answerBytes, drawsTogether, in: transaction)
        let receipt = plan.answer(outcomes)
        try await self.leave(receipt, for: plan.claim, in: transaction)
        return receipt
      }
    }
    receiptUse.add(receipt.byteCount, to: plan.claim.principal)
    return receipt
  }

  /// Runs `work`, which may draw creates together, and where one of them is refused runs it again,
  /// one by one.
  private func drawnTogether<Result: Sendable>(
    _ work: (_ drawsTogether: Bool) async throws -> Result
  ) async throws -> Result {
    do {
      return try await work(database.dialect.statementsAreJourneys)
    } catch is BulkCreate.Refused {
      return try await work(false)
    }
  }

  private func perform(
    _ operations: [PreparedOperation], _ answerBytes: Int, _ drawsTogether: Bool,
    in transaction: any Transaction
  ) async throws -> [OperationOutcome] {
    if drawsTogether, let drafts = drafts(operations),
      let bulk = drafts.first.flatMap({ BulkCreate($0, path) }), drafts.allSatisfy(bulk.takes)
    {
      let outcomes = try await bulk.create(drafts, in: transaction).map { outcome in
        OperationOutcome.record(
          render(outcome, of: drafts[0].mutation.collection, for: drafts[0].mutation.author))
      }
      guard outcomes.reduce(0, { $0 + $1.byteCount }) <= answerBytes else {
        throw BulkCreate.Refused()
      }
      return outcomes
    }
    var budget = Deletion.inlineRows
    return try await RecordStore.inOrder(operations, answerBytes) { operation in
      try await self.perform(operation, deleting: &budget, in: transaction)
    }
  }

  /// The creates of a batch that does nothing else; nil for others.
  private func drafts(_ operations: [PreparedOperation]) -> [WritePath.Draft]? {
    guard operations.count > 1 else { return nil }
    var drafts: [WritePath.Draft] = []
    drafts.reserveCapacity(operations.count)
    for operation in operations {
      guard case .create(let draft) = operation.work else { return nil }
      drafts.append(draft)
    }
    return drafts
  }

  private static func inOrder(
    _ operations: [PreparedOperation], _ answerBytes: Int,
    _ perform: (PreparedOperation) async throws -> OperationOutcome
  ) async throws -> [OperationOutcome] {
    var outcomes: [OperationOutcome] = []
    outcomes.reserveCapacity(operations.count)
    var bytes = 0
    for (index, operation) in operations.enumerated() {
      do {
        let outcome = try await perform(operation)
        bytes += outcome.byteCount
        if bytes > answerBytes { throw RecordStore.answerTooLarge(answerBytes) }
        outcomes.append(outcome)
      } catch let error as RoostError {
        throw BatchFailure(index: index, error: error)
      }
    }
    return outcomes
  }

  private func perform(
    _ operation: PreparedOperation, deleting budget: inout Int, in transaction: any Transaction
  ) async throws -> OperationOutcome {
    switch operation.work {
    case .create(let draft):
      let outcome = try await path.create(draft, in: transaction)
      let mutation = draft.mutation
      return .record(render(outcome, of: mutation.collection, for: mutation.author))
    case .change(let mutation):
      let outcome = try await path.apply(mutation, deleting: &budget, in: transaction)
      if mutation.kind == .delete { return .deleted }
      return .record(render(outcome, of: mutation.collection, for: mutation.author))
    case .read, .list: return try await perform(operation, in: transaction as any Reader)
    }
  }

  private func perform(
    _ operation: PreparedOperation, in reader: any Reader
  ) async throws -> OperationOutcome {
    switch operation.work {
    case .read(let collection, let read, _):
      guard let record = try await read(reader) else { throw Missing.record(collection) }
      return .record(record)
    case .list(let read, _): return .page(try await read(reader))
    case .create, .change: throw RoostError(.internalError, "A write was sent to a reader.")
    }
  }

  /// The error for an operation whose answer has no room in that of its batch.
  package static func answerTooLarge(_ bytes: Int) -> RoostError {
    RoostError(
      .payloadTooLarge,
      "The answers of a batch have \(bytes / 1_048_576) MB together, and this operation's does not "
        + "fit: it was not carried out. Send it in another batch.")
  }
}

extension ListQuery {
  /// Whether the page comes in the order of ids with nothing that has to be looked for.
  var isBrief: Bool {
    sort.map(\.column) == [.id] && count == .none && filter == nil && search == nil
      && shown.expansions.isEmpty
  }
}
