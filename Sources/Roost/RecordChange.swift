import Queries
import Records
import RoostCore
import RoostServer
import Schema

/// A change of a record, as a follower is told of it.
public struct RecordChange: Sendable {
  /// What was done to the record.
  public enum Kind: Sendable {
    case create
    case update
    /// The record is there no more; what it took along has changes of its own.
    case delete
  }

  /// The collection's route name, such as `bandMembers`.
  public let collection: String
  /// The record's id.
  public let id: RecordID
  /// What was done.
  public let kind: Kind
  /// The record's version after the change.
  public let version: Int64
  /// When it was made, in milliseconds since 1970.
  public let milliseconds: Int64
  /// Who made it; nil for the server itself.
  public let userID: RecordID?
}

/// A follower whose work is a handler of the app's own.
struct HandlerFollower: Follower {
  /// Changes of one transaction: others who write wait for it.
  private static let atOnce = 100

  let name: String
  let kinds: [Mutation.Kind] = [.create, .update, .delete]
  let collections: [Int64]?
  let isReplayable: Bool
  private let records: RecordStore
  private let handler: RoostApp.FollowerHandler

  /// `names` are the collections that it follows; nil for all.
  init(
    _ name: String, _ names: [String]?, _ isReplayable: Bool, _ records: RecordStore,
    _ handler: @escaping RoostApp.FollowerHandler
  ) throws {
    self.name = "app." + name
    self.isReplayable = isReplayable
    self.records = records
    self.handler = handler
    let known = records.catalogue.collections.map(\.name)
    collections = try names?.map { wanted in
      guard let collection = records.catalogue.collection(named: wanted) else {
        throw AppFolder.Failure(
          description:
            "the follower \(name) follows the collection \(wanted), which the schema does "
            + "not have" + didYouMean(wanted, among: known))
      }
      return collection.number
    }
  }

  func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    let portion = entries.prefix(HandlerFollower.atOnce)
    for entry in portion {
      // A collection that the schema has no more has nobody who could follow it.
      guard let collection = records.catalogue.collection(number: entry.collection) else {
        continue
      }
      let own = ActionTransaction(
        records, transaction, as: .server(because: entry.actor),
        operationID: OperationID.named(entry.identity, of: name, in: "follower"))
      let change = RecordChange(
        collection: collection.name, id: RecordID(entry.id), kind: HandlerFollower.kind(entry.kind),
        version: entry.version, milliseconds: entry.at.milliseconds,
        userID: entry.actor.map { RecordID($0) })
      let handler = handler
      try await translating { try await handler(change, ServerTransaction(own)) }
      try own.end()
    }
    return portion.count
  }

  private static func kind(_ kind: Mutation.Kind) -> RecordChange.Kind {
    switch kind {
    case .create: .create
    case .update: .update
    case .delete: .delete
    }
  }
}
