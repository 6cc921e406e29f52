package import Queries
import RoostCore
import Rules
import Schema

/// `StreamRebuild` in pieces beside the writes, for collections with many rows.
///
/// While it is open nobody is answered by sync (`check`), whoever they are: what stands in the streams
/// is partly that of the rules of before, and so are grants. Writes and reads by REST go on, by the
/// rules of now alone. The pieces are of four kinds, in this order, each in one transaction with the
/// place that it reached:
///
/// 1. `entries`: what stands in a stream where the row does not belong leaves it.
/// 2. `grants`, 3. `edges`: what a row does not give any more goes.
/// 4. `rows`: each row is put into the streams where it belongs, with its mask, and gives what it
///    gives.
///
/// Each looks at its rows as they are, under a lock, and so takes what is written meanwhile for what
/// it is; a second look at the same finds nothing to do.
package struct StreamRescope {
  enum Phase: String {
    case entries
    case grants
    case edges
    case rows
  }

  private static let entriesAtOnce = 500
  private static let rowsAtOnce = 200

  let task: MigrationTask
  let collection: CompiledCollection
  let catalogue: Catalogue

  // MARK: On record

  /// Throws `.overloaded` while streams are being brought in step with changed rules.
  package static func check(in reader: any Reader) async throws {
    guard try await isOpen(in: reader) else { return }
    throw RoostError(
      .overloaded, "The rules of this app have changed, and sync waits for its streams: try again.",
      retryAfterSeconds: 5)
  }

  package static func isOpen(in reader: any Reader) async throws -> Bool {
    try await reader.first(isOpenQuery, []) { _ in true } ?? false
  }

  private static let isOpenQuery = Statement(
    "SELECT 1 FROM roost_migration_task WHERE kind = 'rescope' AND is_open = 1 LIMIT 1")

  /// Puts on record that a collection's streams are to be brought in step; what was under way for it
  /// begins anew.
  ///
  /// `changed` are the fields whose values changed in every row, as `StreamRebuild` has them.
  static func open(
    _ collection: CompiledCollection, signature: String, changed: FieldSet, schema: String,
    at now: Timestamp, in transaction: any Transaction
  ) async throws {
    try await close(collection, at: now, in: transaction)
    let run = try await MigrationRun.make(
      .rescope, .rescoping, schema: schema, [], now: now, in: transaction)
    let argument: JSON = [
      "signature": .string(signature), "phase": .string(Phase.entries.rawValue),
      "changed": .array(changed.members.map { .int(Int64(collection.fieldNumbers[$0])) }),
    ]
    try await MigrationTask.make(
      .rescope, of: run, 1, collection: collection.number, argument: argument, in: transaction)
  }

  /// Ends what is under way for a collection.
  static func close(
    _ collection: CompiledCollection, at now: Timestamp, in transaction: any Transaction
  ) async throws {
    for task in try await MigrationTask.all(onlyOpen: true, locking: .waiting, in: transaction)
    where task.kind == .rescope && task.collection == collection.number {
      try await task.close(at: now, in: transaction)
    }
  }

  /// Whether a process that knows `collection` by its rules can do the task.
  static func isKnown(_ task: MigrationTask, to catalogue: Catalogue) -> Bool {
    guard let collection = catalogue.collection(number: task.collection) else { return false }
    return task.argument["signature"]?.string
      == catalogue.streamSignatures[collection.index]
  }

  // MARK: A piece

  private var rebuild: StreamRebuild {
    let numbers = Set((task.argument["changed"]?.array ?? []).compactMap(\.int))
    let changed = collection.fieldNumbers.indices.filter {
      numbers.contains(Int64(collection.fieldNumbers[$0]))
    }
    return StreamRebuild(
      collection: collection, catalogue: catalogue, changed: FieldSet(changed))
  }

  /// Does the next piece; returns the rows of the collection that are done with it.
  func piece(in transaction: any Transaction) async throws -> Int {
    switch task.argument["phase"]?.string.flatMap(Phase.init) ?? .entries {
    case .entries: try await entries(in: transaction)
    case .grants: try await contributions(.grants, then: .edges, in: transaction)
    case .edges: try await contributions(.edges, then: .rows, in: transaction)
    case .rows: return try await rows(in: transaction)
    }
    return 0
  }

  /// Goes on with `place` in a phase, or with the next one.
  private func note(
    _ phase: Phase, _ place: [(key: String, value: JSON)], in transaction: any Transaction
  ) async throws {
    var members: [(key: String, value: JSON)] = [("phase", .string(phase.rawValue))]
    for name in ["signature", "changed"] {
      if let value = task.argument[name] { members.append((name, value)) }
    }
    try await task.replace(
      argument: .object(JSONObject(uniqueMembers: members + place)), in: transaction)
  }

  private func images(
    _ ids: Set<UUID>, in transaction: any Transaction
  ) async throws -> [UUID: RowImage] {
    guard !ids.isEmpty else { return [:] }
    let list = ids.sorted().map { id -> SQL in "\(id)" }.joined(by: ", ")
    let rows = try await transaction.all(
      """
      SELECT \(collection.selectList) FROM \(collection.table) WHERE id IN (\(list)) \
      AND \(identifier: "deletedAt") IS NULL ORDER BY id\(transaction.dialect.forUpdate)
      """
    ) { collection.image($0) }
    return Dictionary(rows.map { ($0.id, $0) }) { first, _ in first }
  }

  // MARK: Entries that do not belong where they are

  private struct Entry {
    let stream: Int64
    let sequence: Int64
    let collection: Int64
    let id: UUID
    let kind: Int64
  }

  private struct Stream: Hashable {
    let scope: String
    let tier: String
  }

  private func entries(in transaction: any Transaction) async throws {
    let stream = task.argument["stream"]?.int ?? -1
    let sequence = task.argument["seq"]?.int ?? -1
    // In this order, so that every entry is looked at whatever else is in its stream; what moves
    // goes to the end, where it is found once more.
    let (page, last) = try await StreamIndex.page(
      behind: (stream, sequence), atOnce: StreamRescope.entriesAtOnce, in: transaction)
    let all = try await transaction.all(
      "SELECT stream, seq, coll, id, kind FROM roost_scope_row WHERE \(page)"
    ) {
      Entry(
        stream: $0.int64(0), sequence: $0.int64(1), collection: $0.int64(2),
        id: $0.uuid(3) ?? .zero, kind: $0.int64(4))
    }
    let own = all.filter {
      $0.collection == collection.number && $0.kind == ChangeRecorder.EntryKind.put.rawValue
    }
    let wrong = try await misplaced(own, in: transaction)
    if !wrong.isEmpty {
      try await rebuild.begin(in: transaction)
      for entry in wrong {
        try await rebuild.take(entry.id, outOf: entry.stream, in: transaction)
      }
      try await rebuild.settle(in: transaction)
    }
    guard let last else {
      try await note(.grants, [], in: transaction)
      return
    }
    try await note(
      .entries, [("stream", .int(last.stream)), ("seq", .int(last.sequence))], in: transaction)
  }

  private func misplaced(
    _ entries: [Entry], in transaction: any Transaction
  ) async throws -> [Entry] {
    guard !entries.isEmpty else { return [] }
    let rows = try await images(Set(entries.map(\.id)), in: transaction)
    let numbers = Set(entries.map(\.stream)).sorted().map { number -> SQL in "\(number)" }
    let heads = try await transaction.all(
      """
      SELECT stream, scope, tier FROM roost_scope_head WHERE stream IN (\(numbers.joined(by: ", ")))
      """
    ) { ($0.int64(0), Stream(scope: $0.text(1), tier: $0.text(2))) }
    let streams = Dictionary(heads) { first, _ in first }
    var wanted: [UUID: Set<Stream>] = [:]
    var resolved = ResolvedRows()
    for (id, row) in rows {
      wanted[id] = try await self.streams(of: row, &resolved, in: transaction)
    }
    return entries.filter { entry in
      guard let stream = streams[entry.stream] else { return true }
      return !(wanted[entry.id]?.contains(stream) ?? false)
    }
  }

  private func streams(
    of row: RowImage, _ resolved: inout ResolvedRows, in transaction: any Transaction
  ) async throws -> Set<Stream> {
    guard collection.isSynced else { return [] }
    try await catalogue.resolve(row, into: &resolved, in: transaction)
    let entries = catalogue.scopes.entries(of: row, resolved)
    let tiers = collection.streamed.tiers
    var found = Set(entries.map { Stream(scope: $0.scope.text, tier: tiers.home.rawValue) })
    for (tier, fields) in tiers.slower {
      for entry in entries.within(fields) {
        found.insert(Stream(scope: entry.scope.text, tier: tier.rawValue))
      }
    }
    return found
  }

  // MARK: What rows give no longer

  private struct Given: Hashable {
    /// The account's id, or the parent's scope.
    let holder: Value
    let scope: String
    let collection: Int64
    let id: UUID

    static func == (left: Given, right: Given) -> Bool {
      left.scope == right.scope && left.id == right.id && left.holder == right.holder
        && left.collection == right.collection
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(scope)
      hasher.combine(id)
    }
  }

  private func contributions(
    _ phase: Phase, then next: Phase, in transaction: any Transaction
  ) async throws {
    let isGrants = phase == .grants
    let table: SQL = isGrants ? "roost_grant" : "roost_scope_edge"
    let holder: SQL = isGrants ? "\"user\"" : "parent"
    let scope: SQL = isGrants ? "scope" : "child"
    let key: SQL = "\(holder), \(scope), by_coll, by_id"
    var sql: SQL = "SELECT \(key) FROM \(table)"
    if let place = place(isGrants) { sql += " WHERE (\(key)) > (\(place))" }
    sql += " ORDER BY \(key) LIMIT \(StreamRescope.entriesAtOnce)"
    let all = try await transaction.all(sql) {
      Given(
        holder: isGrants ? .uuid($0.uuid(0) ?? .zero) : .text($0.text(0)), scope: $0.text(1),
        collection: $0.int64(2), id: $0.uuid(3) ?? .zero)
    }
    let own = all.filter { $0.collection == collection.number }
    let rows = try await images(Set(own.map(\.id)), in: transaction)
    for given in own {
      let isGiven = rows[given.id].map { gives($0, given) } ?? false
      if isGiven { continue }
      try await transaction.execute(
        """
        DELETE FROM \(table) WHERE \(holder) = \(given.holder) AND \(scope) = \(given.scope) \
        AND by_coll = \(given.collection) AND by_id = \(given.id)
        """)
    }
    guard let last = all.last, all.count == StreamRescope.entriesAtOnce else {
      try await note(next, [], in: transaction)
      return
    }
    let name: String =
      switch last.holder {
      case .uuid(let id): id.description
      case .text(let text): text
      default: ""
      }
    try await note(
      phase,
      [
        ("holder", .string(name)), ("scope", .string(last.scope)),
        ("coll", .int(last.collection)), ("id", .string(last.id.description)),
      ], in: transaction)
  }

  /// The key behind which contributions are looked at.
  private func place(_ isGrants: Bool) -> SQL? {
    guard let name = task.argument["holder"]?.string, let scope = task.argument["scope"]?.string,
      let collection = task.argument["coll"]?.int,
      let id = task.argument["id"]?.string.flatMap({ UUID($0) })
    else { return nil }
    let holder: Value? = isGrants ? UUID(name).map { .uuid($0) } : .text(name)
    return holder.map { "\($0), \(scope), \(collection), \(id)" }
  }

  private func gives(_ row: RowImage, _ given: Given) -> Bool {
    guard catalogue.scopes.contributes(collection.index) else { return false }
    return catalogue.scopes.contributions(of: row).contains { contribution in
      switch contribution {
      case .grant(let user, let scope):
        given.holder == .uuid(user) && given.scope == scope.text
      case .edge(let parent, let child):
        given.holder == .text(parent.text) && given.scope == child.text
      }
    }
  }

  // MARK: Rows that belong somewhere

  private func rows(in transaction: any Transaction) async throws -> Int {
    let rebuild = rebuild
    let rows = try await rebuild.rows(
      behind: task.after, atOnce: StreamRescope.rowsAtOnce, isLocked: true, in: transaction)
    try await rebuild.begin(in: transaction)
    var numbers = StreamRebuild.Numbers()
    try await rebuild.want(rows, &numbers, in: transaction)
    try await rebuild.settle(in: transaction)
    let isLast = rows.count < StreamRescope.rowsAtOnce
    try await task.advance(to: isLast ? nil : rows.last?.id, by: rows.count, in: transaction)
    return rows.count
  }
}
