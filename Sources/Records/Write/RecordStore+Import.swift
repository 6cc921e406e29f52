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
      var run = ImportRun(creates, path, transaction.dialect)
      return try await run.carryOut(in: transaction)
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
    var draft = try path.draft(try decoder.create(body), stamp: stamp, answers: false)
    draft.awaited = FieldSet(awaited)
    draft.isRestored = stamp != nil
    return PreparedCreate(draft: draft)
  }
}
