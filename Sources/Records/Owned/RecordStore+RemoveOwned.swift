package import Queries
package import RoostCore
import Rules
import Schema

/// How far the removal of an account's records is.
package struct OwnedPlace: Sendable, Equatable {
  /// The place of the collection in the schema.
  let collection: Int
  /// The last record of it that was looked at.
  let id: UUID
}

/// What one step of it did.
package struct OwnedStep: Sendable {
  /// Records that are gone.
  package fileprivate(set) var removed = 0
  /// Records that others' records hold by a RESTRICT relation, which stay.
  package fileprivate(set) var held = 0
  /// Where the next step begins; nil where all were looked at.
  package fileprivate(set) var place: OwnedPlace?
}

extension RecordStore {
  private static let ownedAtOnce = 200

  /// Removes the next records of synced collections that `account` owns and that were made until
  /// `until`, behind `place`.
  ///
  /// Those are records that the account could have made: what only the server makes for it stays.
  /// They are deleted the way of all deletes, with the server as their author, so that relations,
  /// the log and the streams of others hear of it; then their rows go for good. Records that the
  /// account had deleted before go too.
  package func removeOwned(
    by account: UUID, until: Timestamp, after place: OwnedPlace?, in transaction: any Transaction
  ) async throws -> OwnedStep {
    var step = OwnedStep()
    var budget = Deletion.inlineRows
    for collection in catalogue.collections
    where collection.isOwnedByDevices && collection.index >= place?.collection ?? 0 {
      let last = place.flatMap { $0.collection == collection.index ? $0.id : nil }
      let ids = try await owned(collection, account, until, after: last, in: transaction)
      for id in ids {
        try await remove(id, of: collection, &step, &budget, in: transaction)
        if budget <= 0 || (ids.count == RecordStore.ownedAtOnce && id == ids.last) {
          step.place = OwnedPlace(collection: collection.index, id: id)
          return step
        }
      }
    }
    return step
  }

  private func owned(
    _ collection: CompiledCollection, _ account: UUID, _ until: Timestamp, after last: UUID?,
    in transaction: any Transaction
  ) async throws -> [UUID] {
    let table = PredicateWriter.Table(number: 0)
    let owners = collection.ownersFilledOnCreate
    guard let owned = collection.owned(by: account, in: owners, as: table) else { return [] }
    let behind: SQL = last.map { " AND \(table.name).id > \($0)" } ?? ""
    return try await transaction.all(
      """
      SELECT \(table.name).id FROM \(collection.table) AS \(table.name) WHERE \(owned) \
      AND \(table.name).\(identifier: "createdAt") <= \(until)\(behind) \
      ORDER BY \(table.name).id LIMIT \(RecordStore.ownedAtOnce)
      """
    ) { $0.uuid(0) }.compactMap { $0 }
  }

  private func remove(
    _ id: UUID, of collection: CompiledCollection, _ step: inout OwnedStep, _ budget: inout Int,
    in transaction: any Transaction
  ) async throws {
    let row = try await transaction.first(collection.selectForWrite, [.uuid(id)]) {
      collection.record($0)
    }
    guard let record = row ?? nil else { return }
    if record.deletedAt == nil {
      var deletion = Deletion(
        path: path, author: .system, time: ambient.time.now(), budget: max(budget, 1))
      do {
        _ = try await deletion.delete(record, of: collection, in: transaction)
      } catch let error as RoostError where error.code == .conflict {
        // It has written nothing yet: a RESTRICT relation is looked for before.
        step.held += 1
        budget -= 1
        return
      }
      budget = min(budget, deletion.budget) - 1
    }
    try await transaction.execute("DELETE FROM \(collection.table) WHERE id = \(id)")
    step.removed += 1
  }
}

extension CompiledCollection {
  /// Whether devices hold its rows, and accounts own them.
  fileprivate var isOwnedByDevices: Bool {
    switch model.sync.tier {
    case .localOnly, .serverOnly: false
    case .live, .hourly, .daily, .onDemand: model.view == nil && !ownersFilledOnCreate.isEmpty
    }
  }
}
