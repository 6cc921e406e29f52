import Queries
import RoostCore
import Schema

/// What stands in a collection under the id of a create.
package enum ExistingRecord: Sendable {
  case none
  case deleted
  /// A live record that has all the values that the create was given.
  case same
  /// A live record with another value in at least one of them.
  case different
}

extension RecordStore {
  private static let lookedUpAtOnce = 256

  /// What stands under the ids of `creates`, in their order; `given` are the fields, by index, that
  /// were said and not filled with defaults.
  ///
  /// For imports, which pass over what is there already.
  package func existing(
    _ creates: [(mutation: Mutation, given: [Int])]
  ) async throws -> [ExistingRecord] {
    var found: [ExistingRecord] = []
    found.reserveCapacity(creates.count)
    var rest = creates[...]
    // In portions that stay below the bounds of a read, with however cold a disk.
    while !rest.isEmpty {
      let portion = Array(rest.prefix(RecordStore.lookedUpAtOnce))
      rest = rest.dropFirst(portion.count)
      found += try await database.read(.statement) { reader in
        var found: [ExistingRecord] = []
        for (mutation, given) in portion {
          let collection = mutation.collection
          let state = try await reader.first(collection.selectRow, [.uuid(mutation.id)]) {
            collection.compare($0, with: mutation, given: given)
          }
          found.append(state ?? .none)
        }
        return found
      }
    }
    return found
  }
}

extension CompiledCollection {
  /// Compares a row of `selectRow` with a create.
  fileprivate func compare(
    _ row: any Row, with mutation: Mutation, given: [Int]
  ) -> ExistingRecord {
    guard row.isNull(RecordColumns.deletedAt) else { return .deleted }
    for change in mutation.changes where given.contains(change.field) {
      guard case .set(let value) = change.operation else { continue }
      // The same text is the same value, even where it reads back as another kind of number.
      if case .json(let json) = value,
        row.text(RecordColumns.firstField + change.field) == json.text
      {
        continue
      }
      guard self.value(change.field, in: row) == value else { return .different }
    }
    return .same
  }
}
