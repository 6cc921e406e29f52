package import Queries
package import RoostCore
import Rules
import Schema

/// The transaction of an action, a follower or a scheduled function: all that it may await.
///
/// Reads and writes go the way of every other door: a write is decoded, authorised, merged,
/// validated and logged as if it had come by REST. Not Sendable, so that nothing else can have it
/// meanwhile.
package final class ActionTransaction {
  /// What all views of one transaction share.
  private final class State {
    let transaction: any Transaction
    let operationID: UUID
    let madeAt: OperationTime?
    /// Records that deletes may still take along here; followers do the rest.
    var budget = Deletion.inlineRows
    /// Records that were created without an id of their own.
    var made = 0
    /// The first write that failed: what it left half done must not stay.
    var failure: (any Error)?
    var isOpen = true

    init(_ transaction: any Transaction, _ operationID: UUID, _ madeAt: OperationTime?) {
      self.transaction = transaction
      self.operationID = operationID
      self.madeAt = madeAt
    }
  }

  /// Records of a list where nothing else is said, and at most.
  package static let listed = 200
  package static let listLimit = 1000

  private let records: RecordStore
  private let author: Mutation.Author
  private let state: State

  /// `author` is on whose behalf; ids of records follow from `operationID`.
  package init(
    _ records: RecordStore, _ transaction: any Transaction, as author: Mutation.Author,
    operationID: UUID, madeAt: OperationTime? = nil
  ) {
    self.records = records
    self.author = author
    state = State(transaction, operationID, madeAt)
  }

  private init(_ other: ActionTransaction, as author: Mutation.Author) {
    records = other.records
    state = other.state
    self.author = author
  }

  /// The same transaction on behalf of the server itself: held to everything but the rules.
  package var asServer: ActionTransaction {
    ActionTransaction(self, as: author.isSystem ? author : .system)
  }

  /// The same transaction on behalf of `caller`.
  func acting(as caller: Caller) -> ActionTransaction {
    ActionTransaction(self, as: .caller(caller))
  }

  /// Ends it: whoever kept it can do nothing any more.
  ///
  /// Throws the error of the first failed write.
  package func end() throws {
    state.isOpen = false
    if let failure = state.failure { throw failure }
  }

  // MARK: Reading

  /// The record, as its reader may see it; nil where there is none, or none that they may read.
  ///
  /// It stays as it is until the transaction ends. Throws 401 or 403 where no rule could allow it.
  package func get(_ name: String, _ id: UUID) async throws -> JSON? {
    let collection = try open(name)
    let transaction = state.transaction
    let read = try records.pointRead(collection, id, ShownMembers(), by: viewer)
    if transaction.dialect.hasOtherWriters {
      // Only what the reader may read is locked, or the lock would tell that it is there.
      guard try await read(transaction) != nil else { return nil }
      try await transaction.query(collection.selectForWrite, [.uuid(id)]) { _ in false }
    }
    return try await read(transaction).map { try ActionTransaction.parsed($0.json) }
  }

  /// Records that their reader may see: those that have the values of `matching`, and that `filter`
  /// takes, a text in the language of filters.
  ///
  /// `sort` is as in a request, such as `-date`. Others may change them before the transaction
  /// ends: `get` holds a record. Throws 422 for a filter or an order that no request could ask for.
  package func list(
    _ name: String, matching: JSONObject = JSONObject(), filter: String? = nil,
    sort: String? = nil, limit: Int = listed
  ) async throws -> [JSON] {
    let collection = try open(name)
    var query = ListQuery(limit: min(max(limit, 1), ActionTransaction.listLimit))
    let conditions =
      matching.map { "\($0.key) == \(ActionTransaction.literal($0.value))" }
      + (filter.map { ["(\($0))"] } ?? [])
    if !conditions.isEmpty {
      query.filter = try viewer.filter(conditions.joined(separator: " && "), of: collection)
    }
    if let sort {
      let isDescending = sort.hasPrefix("-")
      let column = try viewer.sortColumn(
        String(isDescending ? sort.dropFirst() : sort[...]), of: collection)
      query.sort = [SortKey(column: column, descending: isDescending)]
    }
    let (_, read) = try records.pageRead(collection, query, by: viewer)
    let page = try await read(state.transaction)
    let items = try ActionTransaction.parsed(page.items).array ?? []
    guard page.next == nil || items.count == query.limit else {
      throw RoostError(
        .internalError,
        "A handler listed more of \(name) than fits into memory at once: narrow the list.")
    }
    return items
  }

  // MARK: Writing

  /// Creates a record; without an `id` among the values it gets one that follows from the
  /// operation's.
  ///
  /// Gives the record as its author may see it.
  @discardableResult
  package func create(_ name: String, _ values: JSON) async throws -> JSON {
    try await writing {
      let collection = try open(name)
      var values = values
      if var members = values.object, members["id"] == nil {
        state.made += 1
        members["id"] = .string(
          OperationID.derived(state.operationID, "made \(state.made)").description)
        values = .object(members)
      }
      try records.authorize(.create, collection, by: author)
      var decoder = decoder(collection)
      return try await apply(try decoder.create(values))
    }
  }

  /// Changes the fields that `values` names, with intents such as `{"$increment": 1}` as in a
  /// PATCH; `version` is the one that the record must have.
  ///
  /// Gives the record.
  @discardableResult
  package func update(
    _ name: String, _ id: UUID, _ values: JSON, version: Int64? = nil
  ) async throws -> JSON {
    try await writing {
      let collection = try open(name)
      try records.authorize(.update, collection, by: author)
      var decoder = decoder(collection)
      return try await apply(
        try decoder.update(id, values, expecting: ActionTransaction.expectation(version)))
    }
  }

  /// Deletes a record and what its relations take along.
  package func delete(_ name: String, _ id: UUID, version: Int64? = nil) async throws {
    _ = try await writing {
      let collection = try open(name)
      try records.authorize(.delete, collection, by: author)
      return try await apply(
        decoder(collection).delete(id, expecting: ActionTransaction.expectation(version)))
    }
  }

  /// Carries out a mutation that a function asked for; gives the id of its record.
  @discardableResult
  package func apply(_ mutation: ActionMutation) async throws -> UUID {
    switch mutation.kind {
    case .create:
      var values = mutation.values
      if let id = mutation.id { values["id"] = .string(id.description) }
      let record = try await create(mutation.collection, .object(values))
      return record["id"]?.string.flatMap { UUID($0) } ?? .zero
    case .update, .delete:
      guard let id = mutation.id else {
        throw RoostError.invalid("/id", "required", "A change and a delete need the id.")
      }
      if mutation.kind == .delete {
        try await delete(mutation.collection, id, version: mutation.version)
      } else {
        try await update(
          mutation.collection, id, .object(mutation.values), version: mutation.version)
      }
      return id
    }
  }

  // MARK: Steps

  /// The record as an answer holds it: as `get`, but a record that is hidden shows its id and
  /// version; nil where there is none.
  func shown(ofType typeName: String, _ id: UUID) async throws -> [UInt8]? {
    let collection = try open(
      records.catalogue.collection(ofType: typeName)?.name ?? typeName)
    let transaction = state.transaction
    let whole = try records.pointRead(
      collection, id, ShownMembers(), by: RecordReader.system(records.catalogue))
    guard let record = try await whole(transaction) else { return nil }
    if !viewer.access(collection).isNever {
      let read = try records.pointRead(collection, id, ShownMembers(), by: viewer)
      if let record = try await read(transaction) { return record.json }
    }
    var json = JSONWriter()
    json.beginObject()
    json.key("id")
    json.uuid(id)
    json.key("version")
    json.int(record.version)
    json.endObject()
    return json.bytes
  }

  private var viewer: RecordReader {
    switch author {
    case .caller(let caller): records.reader(caller)
    case .system, .consequence: RecordReader.system(records.catalogue)
    }
  }

  private func open(_ name: String) throws -> CompiledCollection {
    guard state.isOpen else {
      throw RoostError(.internalError, "A transaction was used after its handler had returned.")
    }
    if let failure = state.failure { throw failure }
    guard let collection = records.catalogue.collection(named: name) else {
      let names = records.catalogue.collections.map(\.name)
      throw RoostError(
        .internalError,
        "A handler asked for the collection \"\(name.prefix(60))\", which the schema does not have"
          + didYouMean(name, among: names) + ".")
    }
    return collection
  }

  private func decoder(_ collection: CompiledCollection) -> MutationDecoder {
    MutationDecoder(
      collection, author: author, ambient: records.ambient, madeAt: state.madeAt)
  }

  private func apply(_ mutation: Mutation) async throws -> JSON {
    let outcome = try await records.path.apply(
      mutation, deleting: &state.budget, in: state.transaction)
    if mutation.kind == .delete { return .null }
    let rendered = records.render(outcome, of: mutation.collection, for: author)
    return try ActionTransaction.parsed(rendered.json)
  }

  /// Runs a write; what it leaves half done where it fails is undone with the whole, whatever the
  /// handler makes of the error.
  private func writing(_ work: () async throws -> JSON) async throws -> JSON {
    do {
      return try await work()
    } catch {
      if state.failure == nil { state.failure = error }
      throw error
    }
  }

  private static func expectation(_ version: Int64?) -> Expectation {
    version.map { .oneOf([$0]) } ?? .any
  }

  private static func parsed(_ bytes: [UInt8]) throws -> JSON {
    do throws(JSONError) {
      return try JSON.parse(bytes)
    } catch {
      throw RoostError(.internalError, "A record could not be read.", cause: error)
    }
  }

  /// A value as the language of filters writes it.
  private static func literal(_ value: JSON) -> String {
    guard let text = value.string else { return value.text }
    var literal = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": literal += "\\\\"
      case "\"": literal += "\\\""
      case "\n": literal += "\\n"
      case "\t": literal += "\\t"
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "\""
  }
}
