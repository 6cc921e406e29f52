package import Queries
package import RoostCore
import Rules
import Schema

extension RecordStore {
  /// Bytes of a page beyond which it ends, whatever its limit says.
  private static let pageBytes = 4_194_304
  /// About the bytes of a row, and of how many rows there is room for beforehand.
  private static let rowBytes = 448
  private static let maximumReserved = 36
  /// Rows up to which an estimated count of a narrowed list is counted.
  private static let estimateLimit = 10_000

  /// Who reads, for the parts of a request that ask for their rules before the read.
  package func reader(_ caller: Caller) -> RecordReader {
    RecordReader(catalogue: catalogue, caller: caller)
  }

  /// One record; 404 where there is none that the caller may read.
  package func read(
    _ collection: CompiledCollection, _ id: UUID, _ shown: ShownMembers = ShownMembers(),
    by caller: Caller, from source: ReadSource = .primary
  ) async throws -> RenderedRecord {
    let read = try pointRead(collection, id, shown, by: caller)
    let consistency: ReadConsistency = shown.expansions.isEmpty ? .statement : .snapshot
    guard let found = try await database.read(consistency, from: source, read) else {
      throw Missing.record(collection)
    }
    return found
  }

  /// What reads one record, from whatever reader; it gives nil for one that the caller may not read.
  func pointRead(
    _ collection: CompiledCollection, _ id: UUID, _ shown: ShownMembers, by caller: Caller
  ) throws -> @Sendable (any Reader) async throws -> RenderedRecord? {
    try pointRead(collection, id, shown, by: reader(caller))
  }

  /// The same on behalf of `viewer`.
  func pointRead(
    _ collection: CompiledCollection, _ id: UUID, _ shown: ShownMembers, by viewer: RecordReader
  ) throws -> @Sendable (any Reader) async throws -> RenderedRecord? {
    let access = try Authority(viewer.author, collection).access(.read)
    guard shown.expansions.isEmpty else {
      return { reader in
        try await RecordStore.expanded(collection, id, shown, viewer, in: reader)
      }
    }
    let point = collection.point(access)
    let values = point.values(access.facts, nil, [.uuid(id)])
    let shape = RowShape(collection, access, shown.selection)
    return { reader in
      // Not `first`, whose generic result costs as much as the row.
      var found: RenderedRecord?
      try await reader.query(point.statement, values) { row in
        var json = JSONWriter(capacity: 512)
        shape.write(row, to: &json)
        found = RenderedRecord(
          id: id, version: row.int64(1), json: json.bytes,
          members: shape.members(shape.flags(row)))
        return false
      }
      return found
    }
  }

  private static func expanded(
    _ collection: CompiledCollection, _ id: UUID, _ shown: ShownMembers, _ viewer: RecordReader,
    in reader: any Reader
  ) async throws -> RenderedRecord? {
    let access = viewer.access(collection)
    let shape = RowShape(collection, access, shown.selection)
    let point = collection.point(access)
    let row = try await reader.first(
      point.statement, point.values(access.facts, nil, [.uuid(id)])
    ) { Expander.Row(image: collection.image($0), flags: shape.flags($0)) }
    guard let row else { return nil }
    var expander = Expander(viewer: viewer, reader: reader)
    let json = try await expander.write([row], of: collection, shown)
    return RenderedRecord(
      id: id, version: row.image.version, json: json[0], members: shape.members(row.flags),
      expanded: expander.digest)
  }

  /// A page of the records that the caller may read.
  package func list(
    _ collection: CompiledCollection, _ query: ListQuery, by caller: Caller,
    from source: ReadSource = .primary
  ) async throws -> Page {
    let (consistency, read) = try pageRead(collection, query, by: caller)
    if query.search != nil { return try await search(collection, consistency, from: source, read) }
    return try await database.read(consistency, from: source, read)
  }

  /// A page of the records on the other side of a relation of a record; 404 where the caller may not
  /// read that one, or not this relation of it.
  package func list(
    _ inverse: InverseRelation, of collection: CompiledCollection, _ id: UUID, _ query: ListQuery,
    by caller: Caller, from source: ReadSource = .primary
  ) async throws -> Page {
    let (consistency, read) = try relationRead(inverse, of: collection, id, query, by: caller)
    if query.search != nil {
      return try await search(inverse.target, consistency, from: source, read)
    }
    return try await database.read(consistency, from: source, read)
  }

  /// What reads a page of an inverse relation, from whatever reader, and what the reader must see.
  func relationRead(
    _ inverse: InverseRelation, of collection: CompiledCollection, _ id: UUID, _ query: ListQuery,
    by caller: Caller
  ) throws -> (ReadConsistency, @Sendable (any Reader) async throws -> Page) {
    let parent = try pointRead(collection, id, ShownMembers(), by: caller)
    // Whose relation it is comes first: what is hidden is not there, whatever it would lead to.
    let page = Result { try pageRead(inverse.target, query, by: caller) }
    return (
      .snapshot,
      { reader in
        guard let record = try await parent(reader),
          record.members?.contains(inverse.member) != false
        else { throw Missing.record(collection) }
        return try await page.get().1(reader)
      }
    )
  }

  /// What reads a page, from whatever reader, and what the reader must see.
  func pageRead(
    _ collection: CompiledCollection, _ query: ListQuery, by caller: Caller
  ) throws -> (ReadConsistency, @Sendable (any Reader) async throws -> Page) {
    try pageRead(collection, query, by: reader(caller))
  }

  /// The same on behalf of `viewer`.
  func pageRead(
    _ collection: CompiledCollection, _ query: ListQuery, by viewer: RecordReader
  ) throws -> (ReadConsistency, @Sendable (any Reader) async throws -> Page) {
    _ = try Authority(viewer.author, collection).access(.read)
    let access = viewer.access(collection)
    let statement = PageStatement(
      collection, access, SortOrder(collection, access, query.sort))
    let isOneStatement =
      query.count == .none && query.shown.expansions.isEmpty && !statement.hasRanges(query)
    let work = listWork
    return (
      isOneStatement ? .statement : .snapshot,
      { reader in
        var part = UnservedList.Part.rows
        reader.limit(work)
        defer { reader.limit(nil) }
        do {
          return try await RecordStore.page(statement, query, viewer, &part, in: reader)
        } catch is WorkSpent {
          throw UnservedList(statement: statement, query: query, part: part).error
        } catch let error as StatementTooLarge {
          throw RoostError(
            .invalid, "The list is too large for the database: take a simpler filter or order.",
            issues: [
              FieldIssue(
                pointer: query.filter == nil ? "?sort" : "?filter", code: "limit",
                message: "It makes too large a statement together with the rules of "
                  + "\(collection.name).")
            ], cause: error.cause)
        }
      }
    )
  }

  private static func page(
    _ statement: PageStatement, _ query: ListQuery, _ viewer: RecordReader,
    _ part: inout UnservedList.Part, in reader: any Reader
  ) async throws -> Page {
    let collection = statement.collection
    let access = statement.access
    let order = statement.order
    let shape = RowShape(collection, access, query.shown.selection)
    var query = query
    query.after = try await resolved(query.after, order, in: reader)
    // Most pages fit, and none is moved more than a few times.
    var json = JSONWriter(capacity: min(query.limit, maximumReserved) * rowBytes)
    var rows: [Expander.Row] = []
    var last: PagePosition?
    var hasMore = false
    var count = 0
    let isExpanded = !query.shown.expansions.isEmpty
    // Of rows that wait to be expanded, about what they will take.
    var waiting = 0
    json.beginArray()
    let ranges = try await statement.ranges(query, in: reader)
    try await reader.query(collection.page(query, viewer, statement, ranges)) { row in
      if count == query.limit || json.count + waiting > pageBytes {
        hasMore = true
        return false
      }
      count += 1
      if isExpanded {
        rows.append(Expander.Row(image: collection.image(row), flags: shape.flags(row)))
        waiting += collection.byteCount(row)
      } else {
        shape.write(row, to: &json)
      }
      if count == query.limit || json.count + waiting > pageBytes {
        last = PagePosition(
          values: order.places(furtherFrom: shape.columnCount).map { row.value($0) },
          id: row.uuid(0) ?? .zero)
      }
      return true
    }
    if isExpanded {
      part = .expansion
      var expander = Expander(viewer: viewer, reader: reader)
      for record in try await expander.write(rows, of: collection, query.shown) {
        json.raw(record)
      }
    }
    json.endArray()
    part = .count
    return Page(
      items: json.bytes, next: hasMore ? last : nil,
      count: try await total(collection, query, viewer, in: reader))
  }

  /// The place with the values of its sort keys, which are read from the row where they did not
  /// travel: as the list orders them, and only if the reader may still see it.
  private static func resolved(
    _ position: PagePosition?, _ order: SortOrder, in reader: any Reader
  ) async throws -> PagePosition? {
    guard let position, position.values == nil else { return position }
    let collection = order.collection
    let source = collection.source
    let template =
      Template("SELECT 1") + order.columns
      + Template(" FROM \(collection.table) AS \(source.name) WHERE \(source.name).id = ")
      + .argument(0) + Template(" AND \(source.isLive) AND ")
      + collection.writer.predicate(order.access.plan, source.source)
    let values = try await reader.first(
      template.bound(order.access.facts, nil, [.uuid(position.id)])
    ) { row in order.leading.indices.map { row.value(1 + $0) } }
    guard let values else {
      throw RoostError(
        .malformed,
        "The record at which the page before ended is gone, and its value was too long for the "
          + "cursor: begin the list again.")
    }
    return PagePosition(values: values, id: position.id)
  }

  /// Exactly under the caller's rules; or, where every live record may be read, by the counter that a
  /// follower keeps. (A counter over rows that a caller may not see would tell how many there are.)
  private static func total(
    _ collection: CompiledCollection, _ query: ListQuery, _ viewer: RecordReader,
    in reader: any Reader
  ) async throws -> Int64? {
    let isWhole = query.filter == nil && query.search == nil && query.parent == nil
    switch query.count {
    case .none: return nil
    case .exact:
      return try await reader.count(collection.counting(query, viewer, limit: nil))
    case .estimated:
      if isWhole, viewer.access(collection).isUnconditional {
        return try await reader.first(CollectionCounter.read, [.int(collection.number)]) {
          $0.int64(0)
        } ?? 0
      }
      return try await reader.count(collection.counting(query, viewer, limit: estimateLimit))
    }
  }
}
