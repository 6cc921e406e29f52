import Records
import RoostCore

/// The transaction of a handler, and the only thing that it may await.
///
/// A handler that awaits anything else is undone and answered 500. It may run again where a
/// transaction was lost, and has no other effects. What fails in it undoes it all: nothing of a
/// handler that throws remains, nor of one that goes on after a write that failed. Collections are
/// named as in routes: `bandMembers`.
public final class ServerTransaction {
  private let core: ActionTransaction

  init(_ core: ActionTransaction) { self.core = core }

  /// The same transaction on behalf of the server itself, which is held to everything but the
  /// rules.
  public var asServer: ServerTransaction { ServerTransaction(core.asServer) }

  /// The record as the caller may see it; nil where there is none that they may read.
  ///
  /// It stays as it is until the transaction ends.
  public func get(_ collection: String, _ id: RecordID) async throws -> JSONValue? {
    try await core.get(collection, id.uuid).map { JSONValue($0) }
  }

  /// The records that the caller may see with all the values of `matching`, 1,000 at most.
  ///
  /// `filter` is a text in the language of filters, into which no text of others belongs: that is
  /// what `matching` is for. `sort` is a field, with `-` before it from the greatest on.
  public func list(
    _ collection: String, matching: [String: JSONValue] = [:], filter: String? = nil,
    sort: String? = nil, limit: Int = 200
  ) async throws -> [JSONValue] {
    try await core.list(
      collection, matching: matching.json, filter: filter, sort: sort, limit: limit
    ).map { JSONValue($0) }
  }

  /// Creates a record and gives it as the caller may see it.
  ///
  /// Without an `id` among the values it gets one that follows from the operation's.
  @discardableResult
  public func create(
    _ collection: String, _ values: [String: JSONValue]
  ) async throws -> JSONValue {
    JSONValue(try await core.create(collection, .object(values.json)))
  }

  /// Changes the fields that `values` names, and gives the record.
  ///
  /// Takes intents too, such as `["plays": ["$increment": 1]]`. `version` is the one that the
  /// record must have, else 412.
  @discardableResult
  public func update(
    _ collection: String, _ id: RecordID, _ values: [String: JSONValue], version: Int64? = nil
  ) async throws -> JSONValue {
    JSONValue(
      try await core.update(collection, id.uuid, .object(values.json), version: version))
  }

  /// Deletes a record and what its relations take along.
  public func delete(
    _ collection: String, _ id: RecordID, version: Int64? = nil
  ) async throws { try await core.delete(collection, id.uuid, version: version) }
}
