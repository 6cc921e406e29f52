package import Queries
import RoostCore
import Schema

/// Finishes large deletes: carries CASCADE and SET_NULL to the rows that were left when a delete
/// reached the bound of its own transaction, a chunk at a time.
package struct RelationKeeper: Follower {
  package let name = "relation-keeper"
  package let kinds: [Mutation.Kind] = [.delete]
  private let records: RecordStore

  package init(_ records: RecordStore) { self.records = records }

  package func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    // One budget for the transaction, however many deletes it finishes.
    var budget = Deletion.inlineRows
    for (index, entry) in entries.enumerated() where entry.kind == .delete {
      var deletion = Deletion(
        path: records.path, author: .server(because: entry.actor),
        time: records.ambient.time.now(), skipsRestricted: true, budget: budget)
      guard let collection = records.catalogue.collection(number: entry.collection),
        collection.inbound.contains(where: { $0.onDelete != .restrict })
      else { continue }
      let isDone = try await deletion.release(entry.id, of: collection, in: transaction)
      if deletion.restricted > 0 {
        records.ambient.logger.warning(
          "rows of a finished delete are held by RESTRICT and stay",
          [("collection", .string(collection.name)), ("rows", .int(Int64(deletion.restricted)))])
      }
      if !isDone { return index }
      budget = deletion.budget
    }
    return entries.count
  }
}
