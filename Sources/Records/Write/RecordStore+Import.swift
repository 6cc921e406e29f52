package import Queries
package import RoostCore
import Rules
import Schema

extension RecordStore {
  /// Many creates in one transaction, in which the author of each is the server: the way of seeds
  /// and imports.
  ///
  /// One that is refused for what it says leaves the others; its error stands at its place. Any other
  /// error (a full disk) is thrown, and then nothing of the batch is stored.
  ///
  /// `prepare` runs first in the same transaction, for what belongs with them (accounts).
  package func importBatch(
    _ creates: [PreparedCreate],
    prepare: @escaping @Sendable (any Transaction) async throws -> Void = { _ in }
  ) async throws -> [RoostError?] {
    let path = path
    if let first = creates.first?.draft, database.dialect.statementsAreJourneys,
      let bulk = BulkCreate(first, path), creates.allSatisfy({ bulk.takes($0.draft) })
    {
      do {
        try await database.write { transaction in
          try await prepare(transaction)
          _ = try await bulk.create(creates.map(\.draft), in: transaction)
        }
        return creates.map { _ in nil }
      } catch is BulkCreate.Refused {
        // One by one, which says what is wrong with which.
      }
    }
    return try await database.write { transaction in
      try await prepare(transaction)
      var seen = SeenReferences()
      var results: [RoostError?] = []
      results.reserveCapacity(creates.count)
      for create in creates {
        do {
          // A create fails before its first statement or at its only insert, so that nothing of it
          // needs to be undone and no savepoint is spent on it.
          try await path.importOne(create.draft, &seen, in: transaction)
          results.append(nil)
        } catch let error as RoostError where RecordStore.isOfOneCreate(error) {
          results.append(error)
        }
      }
      return results
    }
  }

  /// Whether `error` speaks of what one create says, so that the others may fare better.
  private static func isOfOneCreate(_ error: RoostError) -> Bool {
    switch error.code {
    case .invalid, .conflict, .notFound, .forbidden, .preconditionFailed, .preconditionRequired:
      true
    default: false
    }
  }

  /// Decodes and validates a create by the server itself, for `importBatch`: all of it that needs no
  /// database, on the caller's thread.
  ///
  /// `stamp` makes it a record that comes back: with its version and times, and of whomever it was.
  /// The references of `awaited`, by the index of the field, are not looked at: who leaves them out
  /// asks `dangling` when everything is there.
  package func systemCreate(
    _ collection: CompiledCollection, _ body: JSON, stamp: RecordStamp? = nil,
    awaiting awaited: [Int] = []
  ) throws -> PreparedCreate {
    var decoder = MutationDecoder(collection, author: .system, ambient: ambient)
    var draft = try path.draft(try decoder.create(body), stamp: stamp)
    draft.awaited = FieldSet(awaited)
    draft.isRestored = stamp != nil
    return PreparedCreate(draft: draft)
  }
}

/// Rows that one batch has found: of many that refer to one, the first looks.
///
/// Within a transaction that only creates, and holds what it has found, they stay.
struct SeenReferences {
  private struct Key: Hashable {
    /// Of the target; -1 for accounts.
    let collection: Int
    let id: UUID
  }

  private var keys: Set<Key> = []

  func holds(_ id: UUID, of collection: Int) -> Bool {
    keys.contains(Key(collection: collection, id: id))
  }

  mutating func note(_ id: UUID, of collection: Int) {
    keys.insert(Key(collection: collection, id: id))
  }
}

extension WritePath {
  /// Carries out a create by the server itself, leaving the transaction well where it is refused.
  func importOne(
    _ draft: Draft, _ seen: inout SeenReferences, in transaction: any Transaction
  ) async throws {
    let collection = draft.mutation.collection
    try await checkReferences(draft, &seen, in: transaction)
    guard try await transaction.execute(collection.insertIfFree, draft.row) > 0 else {
      throw Conflict.taken(collection)
    }
    guard catalogue.scopes.resolvesReferences(of: collection.index) else {
      transaction.attach(draft.change)
      return
    }
    var change = draft.change
    var resolved = ResolvedRows()
    change.moves = try await moves(
      collection, before: nil, after: draft.record, changed: [], &resolved, in: transaction)
    transaction.attach(change)
  }

  private func checkReferences(
    _ draft: Draft, _ seen: inout SeenReferences, in transaction: any Transaction
  ) async throws {
    let collection = draft.mutation.collection
    var issues: [FieldIssue] = []
    for index in collection.references where !draft.awaited.contains(index) {
      guard case .uuid(let id) = draft.record.values[index] else { continue }
      let field = collection.fields[index]
      let exists: Bool
      let place: Int
      switch field.type {
      case .user:
        place = -1
        if seen.holds(id, of: place) { continue }
        exists =
          draft.isRestored
          ? try await people.userIsKnown(id, in: transaction)
          : try await people.userExists(id, in: transaction)
      case .reference(let typeName):
        guard let target = catalogue.collection(ofType: typeName) else { continue }
        place = target.index
        if seen.holds(id, of: place) { continue }
        exists = try await isVisible(id, target, field, draft.mutation, transaction)
      default: continue
      }
      if exists { seen.note(id, of: place) } else { issues.append(WritePath.missing(field)) }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }
}
