import Queries
import RoostCore
package import Rules
import Schema
import SyncProtocol

/// What a mutation came to.
package struct WriteOutcome: Sendable {
  /// The row afterwards.
  package let record: Record
  /// False where the mutation left the row as it was.
  package let isChanged: Bool
  /// The members that the author sees of the row afterwards; nil where it is hidden from them.
  package let members: FieldSet?
  /// Whether a part of the change gave way to what was there, as far as the author sees it.
  var isMerged = false
  /// Fields whose value stays until a person has decided.
  var conflicts: [ContestedField] = []
  /// The whole row as a JSON object where the write rendered it for the log, else nil.
  package var json: [UInt8]?
}

/// The one way of every change, inside a transaction: load the row → authorise on the old row →
/// merge → validate → authorise on the new row → write the row, the log and the stream index.
///
/// (What comes before is `MutationDecoder`; the commit and the publishing are the database's.)
struct WritePath: Sendable {
  let catalogue: Catalogue
  let people: any UserDirectory
  let clock: HybridClock

  /// Carries out `mutation`; throws `RoostError`, and then nothing of it remains.
  func apply(_ mutation: Mutation, in transaction: any Transaction) async throws -> WriteOutcome {
    var budget = Deletion.inlineRows
    return try await apply(mutation, deleting: &budget, in: transaction)
  }

  /// The same as one of several in a transaction, whose deletes reach at most `budget` rows beyond
  /// those that they name; a follower finishes what is left.
  func apply(
    _ mutation: Mutation, deleting budget: inout Int, in transaction: any Transaction
  ) async throws -> WriteOutcome {
    switch mutation.kind {
    case .create: try await create(try draft(mutation), in: transaction)
    case .update: try await update(mutation, in: transaction)
    case .delete: try await delete(mutation, &budget, in: transaction)
    }
  }

  // MARK: Create

  /// A create as far as it goes without the database: the row, validated and authorised, in the
  /// forms in which it is stored, logged and answered.
  struct Draft: Sendable {
    let mutation: Mutation
    let record: Record
    let row: [Value]
    let change: RowChange
    /// The whole row as a JSON object, for the answer; nil where nobody is answered with it.
    let json: [UInt8]?
    /// The rules were asked already, because they read no other rows.
    let isJudged: Bool
    /// Fields whose references are looked at when everything is there, by index.
    var awaited = FieldSet()
    /// A record that comes back: it may be of people who have left.
    var isRestored = false
  }

  /// `stamp` is what a record that comes back brings along; else it is a new one.
  ///
  /// Without `answers` the row is not kept as the answer to its author.
  func draft(
    _ mutation: Mutation, stamp: RecordStamp? = nil, answers: Bool = true
  ) throws -> Draft {
    let collection = mutation.collection
    let authority = Authority(mutation)
    let access = try authority.access(.create)
    // A record that comes back was changed when it says so, and not now.
    let time =
      stamp.map { HybridTime(milliseconds: $0.updatedAt.milliseconds, counter: 0) } ?? clock.tick()
    let now = mutation.device?.stamp ?? FieldClock(time: time, client: .zero)
    var values = [FieldValue](repeating: .null, count: collection.fields.count)
    for change in mutation.changes {
      if case .set(let value) = change.operation { values[change.field] = value }
    }
    let record = Record(
      id: mutation.id, version: stamp?.version ?? 1,
      createdAt: stamp?.createdAt ?? mutation.time, updatedAt: stamp?.updatedAt ?? mutation.time,
      deletedAt: nil, values: values,
      clocks: stamp == nil ? RowClocks(base: now) : RowClocks(restored: now))
    try validate(
      record, changed: mutation.changes.map(\.field), mutation,
      at: stamp.map { [$0.createdAt, $0.updatedAt] } ?? [mutation.madeAt])
    let isJudged = authority.judgesInMemory
    let image = record.image(collection)
    // The server itself is held to everything but the rules.
    if isJudged, case .caller = mutation.author {
      let judgement = Judgement.inMemory(access, image, isCreate: true)
      try accept(judgement, authority, mutation)
    }
    let moves =
      catalogue.scopes.resolvesReferences(of: collection.index)
      ? .none
      : ScopeMoves(
        collection, catalogue.scopes, before: nil, after: image, changed: [], ResolvedRows())
    let json = WritePath.json(.create, collection, record, changed: [])
    let shown = collection.sealing == nil || !answers ? json : collection.json(record)
    return Draft(
      mutation: mutation, record: record, row: WritePath.row(record, collection),
      change: change(
        .create, collection, mutation.author, record, json, moves, at: mutation.time),
      json: answers ? shown : nil, isJudged: isJudged)
  }

  /// Throws where the rules do not accept the new row of a create.
  private func accept(
    _ judgement: Judgement, _ authority: Authority, _ mutation: Mutation
  ) throws {
    if let denial = judgement.denial { throw authority.refusal(.create, by: denial) }
    // The rule of a field adds to what may be set, and creates nothing.
    guard judgement.rules.contains(where: { $0.field == nil }) else {
      throw RoostError(
        .forbidden,
        "You are not allowed to create a record of \(mutation.collection.name) with these values.")
    }
    try authority.checkMask(judgement.rules, mutation)
  }

  func create(
    _ draft: Draft, in transaction: any Transaction
  ) async throws -> WriteOutcome {
    let mutation = draft.mutation
    let authority = Authority(mutation)
    let changed = mutation.changes.map(\.field)
    let access = try authority.access(.create)
    // Rules that read other rows must not tell of one that the author may not see.
    let isReferenceFirst = access.plan.readsRelations
    if isReferenceFirst {
      try await checkReferences(draft.record, changed: changed, mutation, transaction)
    }
    if !draft.isJudged {
      let judgement = try await Judgement.accepting(
        access, draft.record.image(mutation.collection), isCreate: true,
        mutation.collection, in: transaction)
      try accept(judgement, authority, mutation)
    }
    if !isReferenceFirst {
      try await checkReferences(draft.record, changed: changed, mutation, transaction)
    }
    try await insert(draft, in: transaction)
    if catalogue.scopes.resolvesReferences(of: mutation.collection.index) {
      var resolved = ResolvedRows()
      let moves = try await moves(
        mutation.collection, before: nil, after: draft.record, changed: [], &resolved,
        in: transaction)
      transaction.attach(draft.change.moving(moves))
    } else {
      transaction.attach(draft.change)
    }
    let members =
      draft.isJudged
      ? authority.membersInMemory(of: draft.record)
      : try await authority.members(of: draft.record, in: transaction)
    return WriteOutcome(
      record: draft.record, isChanged: true, members: members, json: draft.json)
  }

  /// The values of a row in the order of its columns.
  private func insert(_ draft: Draft, in transaction: any Transaction) async throws {
    let collection = draft.mutation.collection
    do {
      try await transaction.post(collection.insert, try await draft.sealedRow(in: transaction))
    } catch let violation as ConstraintViolation {
      throw Conflict.error(violation, collection)
    }
  }

  /// The row of a record without the values that are still to be sealed.
  static func row(_ record: Record, _ collection: CompiledCollection) -> [Value] {
    var row = row(record)
    for field in collection.sealing?.fields ?? [] {
      row[RecordColumns.firstField + field] = .null
    }
    return row
  }

  static func row(_ record: Record) -> [Value] {
    var row: [Value] = []
    row.reserveCapacity(record.values.count + 6)
    row.append(.uuid(record.id))
    row.append(.int(record.version))
    row.append(.timestamp(record.createdAt))
    row.append(.timestamp(record.updatedAt))
    row.append(.null)
    for value in record.values { row.append(value.stored) }
    row.append(.blob(record.clocks.encoded))
    return row
  }

  // MARK: Update

  private func update(
    _ mutation: Mutation, in transaction: any Transaction
  ) async throws -> WriteOutcome {
    let collection = mutation.collection
    let authority = Authority(mutation)
    let access = try authority.access(.update)
    let (old, seen) = try await load(mutation, authority, transaction)
    let holding = try await authority.rulesHolding(.update, for: old, in: transaction)
    try authority.checkMask(holding, mutation)
    try checkVersion(mutation, old)
    var new = old
    let report = try merge(mutation, into: &new, seen)
    // A hidden field that is named counts as changed, and an immutable one is refused, also where the
    // value is the one that is stored: else the answer would tell which guesses are right.
    let changed = mutation.changes.map(\.field).filter {
      new.values[$0] != old.values[$0] || !seen.contains($0)
    }
    guard !changed.isEmpty else {
      // That somebody wanted later what is there is remembered: else it would depend on the order of
      // arrival what a change of a third device comes to.
      if mutation.device != nil, new.clocks != old.clocks {
        try await transaction.post(
          """
          UPDATE \(collection.table) SET \(identifier: RecordColumns.clocks) = \(new.clocks.encoded) \
          WHERE id = \(new.id)
          """)
      }
      return WriteOutcome(
        record: old, isChanged: false, members: seen, isMerged: report.isMerged,
        conflicts: report.conflicts)
    }
    try checkImmutable(changed, mutation)
    try validate(new, changed: changed, mutation, at: [mutation.madeAt])
    // Rules that read other rows must not tell of one that the author may not see.
    let isReferenceFirst = access.plan.readsRelations
    if isReferenceFirst {
      try await checkReferences(new, changed: changed, mutation, transaction)
    }
    let accepting = try await Judgement.accepting(
      access, new.image(collection), isCreate: false, collection, in: transaction)
    // Each rule judges the row, the old one and the new one; the masks of those that accept both are
    // joined.
    let numbers = Set(holding.map(\.number))
    let allowing = accepting.rules.filter { numbers.contains($0.number) }
    guard !allowing.isEmpty else {
      throw RoostError(
        .forbidden,
        "You are not allowed to give this record of \(collection.name) these values.")
    }
    try authority.checkMask(allowing, mutation)
    if !isReferenceFirst {
      try await checkReferences(new, changed: changed, mutation, transaction)
    }
    new.version += 1
    new.updatedAt = max(mutation.time, old.updatedAt)
    try await write(new, before: old, changed: changed, collection, transaction)
    var resolved = ResolvedRows()
    try await attach(
      kind: .update, collection, mutation.author, before: old, after: new, changed: changed,
      &resolved, to: transaction)
    let members = try await authority.members(of: new, in: transaction)
    return WriteOutcome(
      record: new, isChanged: true, members: members, isMerged: report.isMerged,
      conflicts: report.conflicts)
  }

  private func checkImmutable(_ changed: [Int], _ mutation: Mutation) throws {
    let issues = changed.map { mutation.collection.fields[$0] }.filter(\.isImmutable).map {
      FieldIssue(
        pointer: "/" + $0.name, code: "immutable",
        message: "\($0.name) is set when the record is created and cannot change.")
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }

  private func write(
    _ record: Record, before: Record, changed: [Int], _ collection: CompiledCollection,
    _ transaction: any Transaction
  ) async throws {
    var sets: [SQL]
    if let sealing = collection.sealing {
      sets = try await sealing.assignments(
        record, before: before, changed: changed, collection, in: transaction)
    } else {
      sets = changed.map { index in
        "\(identifier: collection.fields[index].name) = \(record.values[index].stored)"
      }
    }
    sets.append("version = \(record.version)")
    sets.append("\(identifier: "updatedAt") = \(record.updatedAt)")
    sets.append("\(identifier: RecordColumns.clocks) = \(record.clocks.encoded)")
    do {
      try await transaction.post(
        "UPDATE \(collection.table) SET \(sets.joined(by: ", ")) WHERE id = \(record.id)")
    } catch let violation as ConstraintViolation {
      throw Conflict.error(violation, collection)
    }
  }

  // MARK: Delete

  private func delete(
    _ mutation: Mutation, _ budget: inout Int, in transaction: any Transaction
  ) async throws -> WriteOutcome {
    let authority = Authority(mutation)
    _ = try authority.access(.delete)
    let (old, seen) = try await load(mutation, authority, transaction)
    _ = try await authority.rulesHolding(.delete, for: old, in: transaction)
    try checkVersion(mutation, old)
    var deletion = Deletion(
      path: self, author: mutation.author, time: mutation.time, budget: budget)
    let record = try await deletion.delete(old, of: mutation.collection, in: transaction)
    budget = deletion.budget
    return WriteOutcome(record: record, isChanged: true, members: seen)
  }

  // MARK: Steps

  /// The live row that the mutation is about and what its author sees of it; 404 where there is none
  /// that they may see.
  private func load(
    _ mutation: Mutation, _ authority: Authority, _ transaction: any Transaction
  ) async throws -> (Record, FieldSet) {
    let collection = mutation.collection
    let row = try await transaction.first(collection.selectForWrite, [.uuid(mutation.id)]) {
      collection.record($0)
    }
    guard let record = row ?? nil, record.deletedAt == nil,
      let members = try await authority.members(of: record, in: transaction)
    else { throw Missing.record(collection) }
    return (record, members)
  }

  private func checkVersion(_ mutation: Mutation, _ record: Record) throws {
    switch mutation.expectation {
    case .any: return
    case .oneOf(let versions):
      guard versions.contains(record.version) else {
        throw RoostError(
          .preconditionFailed,
          "The record is at version \(record.version) now: read it again, and repeat the change "
            + "on what it says.")
      }
    case .nothing:
      // A device says of each field what it has seen.
      if mutation.device != nil { return }
      // The server itself is not asked which version it has seen.
      guard case .caller = mutation.author else { return }
      let collection = mutation.collection
      if collection.model.merge == .reject
        || mutation.changes.contains(where: { collection.merge($0.field) == .reject })
      {
        throw RoostError(
          .preconditionRequired,
          "\(mutation.collection.name) does not merge changes: send If-Match with the ETag "
            + "of the version that you read.")
      }
    }
  }

  /// Throws the issues of the changed fields, and of the checks that read them.
  ///
  /// What is said of the past and the future must hold at one of `moments`: a record that comes back
  /// was valid at some time between its creation and its last change.
  private func validate(
    _ record: Record, changed: [Int], _ mutation: Mutation, at moments: [Timestamp]
  ) throws {
    var issues: [FieldIssue] = []
    for index in changed {
      let field = mutation.collection.fields[index]
      if case .null = record.values[index] {
        if field.isRequired {
          issues.append(
            FieldIssue(
              pointer: mutation.collection.pointers[index], code: "required",
              message: "\(field.name) is required."))
        }
        continue
      }
      var found: [FieldIssue] = []
      for moment in moments {
        found = field.validate(
          record.values[index], pointer: mutation.collection.pointers[index], now: moment)
        if found.isEmpty { break }
      }
      if !found.isEmpty { issues += found }
      if let issue = StoredBounds.issue(record.values[index], field) { issues.append(issue) }
    }
    if issues.isEmpty { issues = Checks.issues(record, changed: changed, mutation.collection) }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }

  /// Leaves the log entry and the moves in the streams for the step before the commit.
  ///
  /// `resolved` are rows that the scopes of rows before this one were resolved from; `time` is when
  /// it happened, where the row does not say so.
  func attach(
    kind: Mutation.Kind, _ collection: CompiledCollection, _ author: Mutation.Author,
    before: Record?, after: Record, changed: [Int], _ resolved: inout ResolvedRows,
    at time: Timestamp? = nil, to transaction: any Transaction
  ) async throws {
    let moves = try await moves(
      collection, before: before, after: after, changed: changed, &resolved, in: transaction)
    let json = WritePath.json(kind, collection, after, changed: changed)
    transaction.attach(change(kind, collection, author, after, json, moves, at: time))
  }

  /// What a change does to the streams; the row is written already.
  func moves(
    _ collection: CompiledCollection, before: Record?, after: Record, changed: [Int],
    _ resolved: inout ResolvedRows, in transaction: any Transaction
  ) async throws -> ScopeMoves {
    let before = before?.image(collection)
    let after = after.image(collection)
    if collection.isSynced, catalogue.scopes.resolvesReferences(of: collection.index) {
      if let before { try await catalogue.resolve(before, into: &resolved, in: transaction) }
      try await catalogue.resolve(after, into: &resolved, in: transaction)
    }
    return ScopeMoves(
      collection, catalogue.scopes, before: before, after: after, changed: changed, resolved)
  }

  private func change(
    _ kind: Mutation.Kind, _ collection: CompiledCollection, _ author: Mutation.Author,
    _ after: Record, _ json: [UInt8]?, _ moves: ScopeMoves, at time: Timestamp?
  ) -> RowChange {
    RowChange(
      kind: kind, collection: collection, id: after.id, version: after.version,
      at: time ?? after.updatedAt, actor: author.uid,
      mutation: json.map { .text(String(decoding: $0, as: UTF8.self)) } ?? .null, moves: moves)
  }

  /// What the log says of a change; nil for a delete.
  private static func json(
    _ kind: Mutation.Kind, _ collection: CompiledCollection, _ after: Record, changed: [Int]
  ) -> [UInt8]? {
    var json = JSONWriter(capacity: 512)
    // Followers read of the log which fields changed: what is sealed stands in the row alone.
    let after = collection.sealing?.withoutSealed(after) ?? after
    switch kind {
    case .create: collection.write(after, to: &json)
    case .update:
      json.beginObject()
      for index in changed {
        collection.members.writeKey(index, to: &json)
        collection.fields[index].encode(after.values[index], into: &json)
      }
      json.endObject()
    case .delete: return nil
    }
    return json.bytes
  }
}

extension CompiledCollection {
  /// Rows of the collection stand in the stream index.
  var isSynced: Bool {
    model.sync.tier != .serverOnly && model.sync.tier != .localOnly
  }
}
