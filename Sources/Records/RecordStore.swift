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
  /// How far the search tables are.
  let search = SearchProgress()

  private init(
    catalogue: Catalogue, database: any Database, ambient: Ambient, people: any UserDirectory
  ) {
    self.catalogue = catalogue
    self.database = database
    self.ambient = ambient
    path = WritePath(
      catalogue: catalogue, people: people, clock: HybridClock(time: ambient.time))
  }

  /// Makes or extends the tables of `model` and opens its collections.
  ///
  /// `database` has Records' migrations applied and a `ChangeRecorder` as its step before the commit.
  /// Throws `SchemaChangeError` where the schema asks for more than an addition.
  package static func open(
    _ model: SchemaModel, on database: any Database, ambient: Ambient, people: any UserDirectory
  ) async throws -> RecordStore {
    let keeper = TableKeeper(model: model, now: ambient.time.now())
    let catalogue = try await database.write { try await keeper.run(in: $0) }
    return RecordStore(
      catalogue: catalogue, database: database, ambient: ambient, people: people)
  }

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
    return try await database.write { transaction in
      try await prepare(transaction)
      var results: [RoostError?] = []
      results.reserveCapacity(creates.count)
      for create in creates {
        do {
          // A create fails before its first statement or at its only insert, so that nothing of it
          // needs to be undone and no savepoint is spent on it.
          _ = try await path.create(create.draft, in: transaction)
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
  package func systemCreate(
    _ collection: CompiledCollection, _ body: JSON
  ) throws -> PreparedCreate {
    var decoder = MutationDecoder(collection, author: .system, ambient: ambient)
    return PreparedCreate(draft: try path.draft(try decoder.create(body)))
  }

  /// The record as `author` may see it: one that they may not read shows its system fields only.
  private func render(
    _ outcome: WriteOutcome, of collection: CompiledCollection, for author: Mutation.Author
  ) -> RenderedRecord {
    let record = outcome.record
    var json = JSONWriter(capacity: 512)
    if Authority(author, collection).canRead({ record.values[$0] }) {
      if let whole = outcome.json {
        return RenderedRecord(id: record.id, version: record.version, json: whole)
      }
      collection.write(record, to: &json)
    } else {
      json.beginObject()
      json.key("id")
      json.uuid(record.id)
      json.key("version")
      json.int(record.version)
      json.endObject()
    }
    return RenderedRecord(id: record.id, version: record.version, json: json.bytes)
  }

  // MARK: Reading

  /// Bytes of a page beyond which it ends, whatever its limit says.
  private static let pageBytes = 4_194_304

  /// One record; 404 where there is none that the caller may read.
  package func read(
    _ collection: CompiledCollection, _ id: UUID, by caller: Caller
  ) async throws -> RenderedRecord {
    let access = try Authority(.caller(caller), collection).access(.read)
    let statement = collection.point(access)
    let values = [.uuid(id)] + access.bindings
    let found = try await database.read(.statement) { reader in
      try await reader.first(statement, values) { row in
        var json = JSONWriter(capacity: 512)
        collection.write(row, to: &json)
        return RenderedRecord(id: id, version: row.int64(1), json: json.bytes)
      }
    }
    guard let found else { throw Missing.record(collection) }
    return found
  }

  /// A page of the records that the caller may read.
  package func list(
    _ collection: CompiledCollection, _ query: ListQuery, by caller: Caller
  ) async throws -> Page {
    let access = try Authority(.caller(caller), collection).access(.read)
    guard let sort = collection.sortNumber(query.sort) else {
      throw RecordStore.unknownSort(query.sort.name, collection)
    }
    let column = collection.sortColumn(sort)
    let counting = query.count == .none ? nil : counter(collection, access, query.count)
    let consistency: ReadConsistency = counting == nil ? .statement : .snapshot
    return try await database.read(consistency) { reader in
      var json = JSONWriter(capacity: 4096)
      var last: PagePosition?
      var hasMore = false
      var rows = 0
      let (statement, place) = collection.page(
        access, sort: sort, descending: query.sort.descending,
        after: try await collection.resolved(query.after, sort: sort, in: reader))
      let values = access.bindings + place + [.int(Int64(query.limit) + 1)]
      json.beginArray()
      try await reader.query(statement, values) { row in
        if rows == query.limit {
          hasMore = true
          return false
        }
        if json.count > RecordStore.pageBytes {
          hasMore = true
          return false
        }
        rows += 1
        collection.write(row, to: &json)
        if rows == query.limit || json.count > RecordStore.pageBytes {
          last = PagePosition(value: row.value(column), id: row.uuid(0) ?? .zero)
        }
        return true
      }
      json.endArray()
      let count = try await counting?(reader)
      return Page(items: json.bytes, next: hasMore ? last : nil, count: count)
    }
  }

  /// How to count: exactly under the caller's rules; or, where every live record may be read, by the
  /// counter that a follower keeps. (A counter over rows that a caller may not see would tell how
  /// many there are.)
  private func counter(
    _ collection: CompiledCollection, _ access: Access, _ count: ListQuery.Count
  ) -> @Sendable (any Reader) async throws -> Int64 {
    if count == .estimated, access.isUnconditional {
      let number = collection.number
      return { reader in
        try await reader.first(CollectionCounter.read, [.int(number)]) { $0.int64(0) } ?? 0
      }
    }
    let statement = collection.counting(access)
    let values = access.bindings
    return { reader in try await reader.first(statement, values) { $0.int64(0) } ?? 0 }
  }

  package static func unknownSort(
    _ name: String, _ collection: CompiledCollection
  ) -> RoostError {
    let fields = collection.fields.map(\.name) + ["id", "createdAt", "updatedAt", "version"]
    let shown = String(name.prefix(60))
    let hint = Schema.nearest(name, among: fields).map { " Did you mean \($0)?" } ?? ""
    return .invalid(
      "?sort", "unknown_field",
      "\(collection.name) cannot be sorted by \"\(shown)\".\(hint)")
  }
}
