package import Queries
package import RoostCore
import Rules
package import Schema

/// The collections of an app: every read and every write of records goes through here.
package final class RecordStore: Sendable {
  package let catalogue: Catalogue
  package let database: any Database
  let ambient: Ambient
  let path: WritePath
  /// How much work a list may be; nil for any.
  let listWork: WorkLimit?
  /// Bytes that the receipts of one principal may take; nil for any.
  let receiptBytes: Int64?
  let receiptUse = ReceiptUse()
  /// What came of the changes that devices brought.
  let pushCounts = PushCounts()
  let poisoned = PoisonedMutations()
  /// How far the search tables are.
  let search = FollowerProgress()
  /// All that is derived, and how far its keeper is.
  let derived: DerivedSources
  let derivedProgress = FollowerProgress()
  /// Whether this process is the one to take entries of the log.
  let standing: SchemaStanding

  private init(
    catalogue: Catalogue, database: any Database, ambient: Ambient, people: any UserDirectory,
    listWork: WorkLimit?, receiptBytes: Int64?, isNewest: @escaping SchemaStanding.Look
  ) {
    standing = SchemaStanding(generation: catalogue.generation, isNewest: isNewest)
    self.listWork = listWork
    self.receiptBytes = receiptBytes
    self.catalogue = catalogue
    derived = DerivedSources(catalogue)
    self.database = database
    self.ambient = ambient
    path = WritePath(
      catalogue: catalogue, people: people, clock: HybridClock(time: ambient.time))
  }

  /// Makes or extends the tables of `model` and opens its collections.
  ///
  /// `database` has Records' migrations applied and a `ChangeRecorder` as its step before the commit.
  /// `keys` seal the fields under `@encrypted`; a schema without them needs none.
  /// `numbers` are those that new tables get, by the name of the collection, where they are given.
  /// `reconcilesDerived` has what is derived follow the schema: for a process that will serve it.
  /// `compiled` is for processes that open many databases of the same schemas.
  /// `before` reads the schema that was served last, where it is another one.
  /// `serving` notes the schema in the same transaction, and gives what says later that no other one
  /// was served since.
  /// Throws `SchemaError` for rules that do not compile, `SchemaChangeError` where the schema asks for
  /// more than an addition.
  package static func open(
    _ model: SchemaModel, on database: any Database, ambient: Ambient, people: any UserDirectory,
    listWork: WorkLimit? = RecordStore.defaultListWork,
    receiptBytes: Int64? = RecordStore.defaultReceiptBytes, numbers: [String: Int64] = [:],
    reconcilesDerived: Bool = true, keys: DataKeys? = nil, compiled: CompiledSchemas? = nil,
    before: @escaping @Sendable (any Reader) async throws -> SchemaModel? = { _ in nil },
    serving: @escaping @Sendable (any Transaction) async throws -> SchemaStanding.Look = { _ in
      { _ in true }
    }
  ) async throws -> RecordStore {
    let now = ambient.time.now()
    if keys == nil, let field = FieldSealing.first(in: model) {
      throw RoostError(.invalid, DataKeys.missing(for: field))
    }
    let keeper = TableKeeper(
      book: try compiled?.book(model) ?? RuleBook(model), now: now, assigned: numbers, keys: keys,
      compiled: compiled, before: before)
    let (catalogue, isNewest) = try await TableLocks.patiently {
      try await database.write { transaction in
        let catalogue = try await keeper.run(in: transaction)
        if reconcilesDerived {
          try await DerivedSources(catalogue).reconcile(at: now, in: transaction)
        }
        return (catalogue, try await serving(transaction))
      }
    }
    return RecordStore(
      catalogue: catalogue, database: database, ambient: ambient, people: people,
      listWork: listWork, receiptBytes: receiptBytes, isNewest: isNewest)
  }

  /// How much work a list may be where nothing else is said.
  package static let defaultListWork = WorkLimit(milliseconds: 75)
  /// Bytes that the receipts of one principal may take where nothing else is said.
  package static let defaultReceiptBytes: Int64 = 256 << 20

  // MARK: Writing

  /// Throws where `author` could never be allowed an operation, whatever the record: before a body is
  /// even read.
  package func authorize(
    _ operation: Schema.Operation, _ collection: CompiledCollection, by author: Mutation.Author
  ) throws {
    _ = try Authority(author, collection).access(operation)
  }

  /// Creates a record from a JSON object.
  package func create(
    _ collection: CompiledCollection, _ body: JSON, by author: Mutation.Author
  ) async throws -> RenderedRecord {
    try authorize(.create, collection, by: author)
    var decoder = MutationDecoder(collection, author: author, ambient: ambient)
    return try await write(try decoder.create(body))
  }

  /// Changes the fields of a record that a JSON object names.
  package func update(
    _ collection: CompiledCollection, _ id: UUID, _ body: JSON, expecting expectation: Expectation,
    by author: Mutation.Author
  ) async throws -> RenderedRecord {
    try authorize(.update, collection, by: author)
    var decoder = MutationDecoder(collection, author: author, ambient: ambient)
    return try await write(try decoder.update(id, body, expecting: expectation))
  }

  /// Deletes a record and what its relations take along.
  package func delete(
    _ collection: CompiledCollection, _ id: UUID, expecting expectation: Expectation,
    by author: Mutation.Author
  ) async throws {
    try authorize(.delete, collection, by: author)
    let decoder = MutationDecoder(collection, author: author, ambient: ambient)
    _ = try await write(decoder.delete(id, expecting: expectation))
  }

  private func write(_ mutation: Mutation) async throws -> RenderedRecord {
    let path = path
    let outcome: WriteOutcome
    if mutation.kind == .create {
      // A create loads nothing, so most of it is done before it takes the writer's time.
      let draft = try path.draft(mutation)
      outcome = try await database.write { try await path.create(draft, in: $0) }
    } else {
      outcome = try await database.write { try await path.apply(mutation, in: $0) }
    }
    return render(outcome, of: mutation.collection, for: mutation.author)
  }

  /// The record as `author` may see it: one that they may not read shows its id and version only.
  func render(
    _ outcome: WriteOutcome, of collection: CompiledCollection, for author: Mutation.Author
  ) -> RenderedRecord {
    let record = outcome.record
    var json = JSONWriter(capacity: 512)
    guard let members = outcome.members else {
      json.beginObject()
      json.key("id")
      json.uuid(record.id)
      json.key("version")
      json.int(record.version)
      json.endObject()
      return RenderedRecord(
        id: record.id, version: record.version, json: json.bytes, members: FieldSet())
    }
    if members == collection.allMembers {
      if let whole = outcome.json {
        return RenderedRecord(id: record.id, version: record.version, json: whole)
      }
      collection.write(record, to: &json)
      return RenderedRecord(id: record.id, version: record.version, json: json.bytes)
    }
    collection.write(record.image(collection), nil, to: &json) { members.contains($0) }
    return RenderedRecord(
      id: record.id, version: record.version, json: json.bytes, members: members)
  }
}
