import Queries
package import RoostCore
import Rules
import SyncProtocol

/// The open conflicts of a person as rows of a stream: the collection `_conflicts`, which devices may
/// read and nobody writes to.
///
/// A row has the collection, the row and the field, what the device wanted (`mine`), the `oid` and the
/// time. The value that stands is not in it: it is in the row itself, which leaves the devices of a
/// person who may see it no more.
package enum ConflictRows {
  /// In the place of a collection's number, which begin at 1.
  static let number: Int64 = 0
  package static let name = "_conflicts"
  /// The answer to whoever would write to them.
  package static var refusal: RoostError {
    RoostError(
      .forbidden,
      "Nobody can change this by hand: what is to be decided goes as soon as it is decided.")
  }
  static let tag = CollectionTag(name)
  static let tier = "LIVE"

  /// The stream of a person.
  static func scope(of account: UUID) -> ScopeConjunction { ScopeConjunction(.user(account)) }

  /// Writes those of some entries that are open.
  static func write(
    _ places: [StreamIndexEntry.Place], _ catalogue: Catalogue, in reader: any Reader,
    to delta: inout DeltaWriter
  ) async throws {
    var rest = places[...]
    while !rest.isEmpty {
      let group = rest.prefix(PaddedList.largest)
      rest = rest.dropFirst(PaddedList.largest)
      var found: [UUID: SyncConflict] = [:]
      let ids = PaddedList.padded(group.map { Value.uuid($0.id) })
      try await reader.query(SyncTables.someConflicts[reader.dialect, ids.count], ids) { row in
        if let conflict = SyncConflict(row, catalogue) { found[conflict.id] = conflict }
        return true
      }
      for place in group {
        guard let conflict = found[place.id], !conflict.isResolved else {
          delta.remove(
            seq: place.sequence, collection: tag, id: place.id, version: place.version,
            isDeleted: false)
          continue
        }
        delta.beginPut(
          seq: place.sequence, collection: tag, id: place.id, version: place.version)
        delta.json.value(conflict.row(at: conflict.at))
        delta.endPut()
      }
    }
  }
}

extension SyncConflict {
  fileprivate func row(at time: Timestamp) -> JSON {
    .object(
      JSONObject(uniqueMembers: [
        ("createdAt", .string(time.description)), ("updatedAt", .string(time.description)),
        ("coll", .string(collection)), ("row", .string(row.description)),
        ("field", field.map { .string($0) } ?? .null), ("mine", mine),
        ("oid", .string(ChainHash(uuid: oid).description)),
      ]))
  }
}

/// A conflict that arose, or was decided: its row comes into the stream of its person, or leaves it.
final class ConflictChange: Effect {
  let account: UUID
  let id: UUID
  let isOpen: Bool

  init(of account: UUID, _ id: UUID, isOpen: Bool) {
    self.account = account
    self.id = id
    self.isOpen = isOpen
  }
}
