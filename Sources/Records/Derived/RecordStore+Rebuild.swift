package import Queries
package import RoostCore
import Rules
import Schema

/// What a step of a rebuild came to.
package enum RebuildStep: Sendable, Equatable {
  /// Another process keeps derived data at this moment.
  case busy
  /// A piece is done: what it worked at, and how many rows of that so far.
  case worked(String, Int64)
  /// Nothing is left.
  case done
}

/// What a check of derived data found.
package struct RebuildFinding: Sendable, Equatable {
  package let definition: String
  /// Rows whose values were not what their sources say.
  package let differences: Int64
}

extension Catalogue {
  /// What a start with this schema leaves to be made anew, in the caller's transaction, which is to be
  /// undone: each by its declaration.
  package func derivedDue(at now: Timestamp, in transaction: any Transaction) async throws
    -> [String]
  {
    let sources = DerivedSources(self)
    try await sources.reconcile(at: now, in: transaction)
    return try await DerivedGeneration.all(in: transaction).filter { generation in
      !generation.isCheck && (generation.state == .gathering || generation.state == .showing)
    }.map(\.definition)
  }
}

extension RecordStore {
  private static let rowsAtOnce = 500
  private static let keysAtOnce = 250

  /// Begins to make derived data anew: those of one collection or field, or all.
  ///
  /// With `isCheck` what is shown is compared and stays. Returns what will be made; carried out by
  /// `rebuildStep`. Throws `RoostError` where nothing of that name is derived.
  package func beginRebuild(
    collection: String?, field: String?, isCheck: Bool, in transaction: any Transaction
  ) async throws -> [String] {
    let sources = try derivedSources(collection: collection, field: field)
    let now = ambient.time.now()
    let there = try await DerivedGeneration.all(in: transaction)
    if isCheck {
      try await transaction.execute(
        "DELETE FROM roost_derived WHERE state = \(DerivedGeneration.State.told.rawValue)")
    }
    for source in sources {
      let isBegun = there.contains {
        $0.definition == source.definition && $0.isCheck == isCheck
          && ($0.state == .gathering || isCheck && $0.state == .showing)
      }
      guard !isBegun else { continue }
      _ = try await DerivedGeneration.make(
        source, .gathering, isCheck: isCheck, at: now, in: transaction)
    }
    return sources.map(\.definition)
  }

  private func derivedSources(
    collection: String?, field: String?
  ) throws -> [DerivedSource] {
    guard let collection else { return derived.all }
    guard let target = catalogue.collection(named: collection) else {
      let hint = Schema.nearest(collection, among: catalogue.collections.map(\.name))
      throw RoostError(
        .notFound,
        "There is no collection \"\(collection.prefix(60))\"."
          + (hint.map { " Did you mean \($0)?" } ?? ""))
    }
    var sources = derived.all.filter { $0.target.number == target.number }
    if let field {
      sources = sources.filter { source in
        source.fields.contains { target.fields[$0].name == field }
      }
    }
    guard !sources.isEmpty else {
      let known = derived.all.filter { $0.target.number == target.number }
        .flatMap { source in source.fields.map { target.fields[$0].name } }
      throw RoostError(
        .notFound,
        known.isEmpty
          ? "Nothing in \(collection) is derived."
          : "\"\((field ?? "").prefix(60))\" is not derived; in \(collection) there are: "
            + known.joined(separator: ", ") + ".")
    }
    return sources
  }

  /// Whether anything is left for `rebuildStep`.
  package func isRebuildDue(in reader: any Reader) async throws -> Bool {
    try await DerivedGeneration.all(in: reader).contains { isDue($0) }
  }

  /// Whether something is to be done for a generation, and this process knows what: a server with
  /// another schema makes its own.
  private func isDue(_ generation: DerivedGeneration) -> Bool {
    switch generation.state {
    case .gathering, .showing: derived[generation.definition] != nil
    case .retired: true
    case .live, .told: false
    }
  }

  /// What the checks that have ended found, oldest first; the next check forgets them.
  package func rebuildFindings(in reader: any Reader) async throws -> [RebuildFinding] {
    try await reader.all(
      """
      SELECT definition, differences FROM roost_derived \
      WHERE state = \(DerivedGeneration.State.told.rawValue) ORDER BY number
      """
    ) { RebuildFinding(definition: $0.text(0), differences: $0.int64(1)) }
  }

  /// Does the next piece of what `beginRebuild` and changes of the schema left to do.
  ///
  /// Its place is in the database: whoever calls it next, and wherever, goes on there.
  package func rebuildStep(in transaction: any Transaction) async throws -> RebuildStep {
    // The follower's place is held: nobody else changes parts and totals meanwhile.
    guard try await FollowerPlace.take(DerivedKeeper.followerName, in: transaction) != nil else {
      return .busy
    }
    let all = try await DerivedGeneration.all(in: transaction)
    guard let next = all.first(where: { isDue($0) }) else {
      return .done
    }
    guard next.state != .retired, let source = derived[next.definition] else {
      return try await clear(next, in: transaction)
    }
    return next.state == .gathering
      ? try await gather(next, source, in: transaction)
      : try await show(next, source, in: transaction)
  }

  /// Takes in the next rows of the source.
  private func gather(
    _ generation: DerivedGeneration, _ source: DerivedSource, in transaction: any Transaction
  ) async throws -> RebuildStep {
    let table = source.source
    var rows: [UUID: RowImage] = [:]
    var ids: [UUID] = []
    let beyond: SQL = generation.after.map { "AND id > \($0)" } ?? .empty
    try await transaction.query(
      """
      SELECT \(table.selectList) FROM \(table.table) WHERE \(identifier: "deletedAt") IS NULL \
      \(beyond) ORDER BY id LIMIT \(RecordStore.rowsAtOnce)
      """
    ) { row in
      let image = table.image(row)
      rows[image.id] = image
      ids.append(image.id)
      return true
    }
    _ = try await DerivedSync(source: source, generation: generation.number).run(
      ids, rows, in: transaction)
    let done = generation.done + Int64(ids.count)
    guard ids.count < RecordStore.rowsAtOnce else {
      try await move(generation, to: ids.last, done, in: transaction)
      return .worked(generation.definition, done)
    }
    if !generation.isCheck {
      // From here on it is the one that is shown.
      try await transaction.execute(
        """
        UPDATE roost_derived SET state = \(DerivedGeneration.State.retired.rawValue), after = NULL \
        WHERE definition = \(generation.definition) AND is_check = 0 \
        AND number < \(generation.number)
        """)
    }
    try await transaction.execute(
      """
      UPDATE roost_derived SET state = \(DerivedGeneration.State.showing.rawValue), after = NULL, \
      done = \(done) WHERE number = \(generation.number)
      """)
    return .worked(generation.definition, done)
  }

  /// Brings the next rows of the target in step, or counts those that are not.
  private func show(
    _ generation: DerivedGeneration, _ source: DerivedSource, in transaction: any Transaction
  ) async throws -> RebuildStep {
    let keys = try await keys(generation, source, in: transaction)
    let show = show(source, generation.number)
    let differences =
      generation.isCheck
      ? try await show.differences(Set(keys), in: transaction)
      : try await show.run(Set(keys), in: transaction)
    try await transaction.execute(
      """
      UPDATE roost_derived SET differences = differences + \(Int64(differences)) \
      WHERE number = \(generation.number)
      """)
    if keys.count == RecordStore.keysAtOnce {
      try await move(generation, to: keys.last, generation.done, in: transaction)
    } else {
      let end: DerivedGeneration.State = generation.isCheck ? .retired : .live
      try await transaction.execute(
        """
        UPDATE roost_derived SET state = \(end.rawValue), after = NULL, \
        ended_at = \(ambient.time.now()) WHERE number = \(generation.number)
        """)
    }
    return .worked(generation.definition, generation.done)
  }

  private func keys(
    _ generation: DerivedGeneration, _ source: DerivedSource, in transaction: any Transaction
  ) async throws -> [UUID] {
    let limit = RecordStore.keysAtOnce
    let beyond: SQL = generation.after.map { " AND id > \($0)" } ?? .empty
    let keysBeyond: SQL = generation.after.map { " AND key > \($0)" } ?? .empty
    let rows: SQL = """
      SELECT id FROM \(source.target.table) WHERE \(identifier: "deletedAt") IS NULL\
      \(beyond)
      """
    guard source.isView else {
      return try await transaction.all("\(rows) ORDER BY id LIMIT \(limit)") { $0.uuid(0) ?? .zero }
    }
    let groups: SQL = """
      SELECT key AS id FROM roost_derived_total WHERE source = \(generation.number)\
      \(keysBeyond)
      """
    // Each side by its own key: a sort of the union would read them whole.
    return try await transaction.all(
      """
      SELECT id FROM (SELECT * FROM (\(groups) ORDER BY key LIMIT \(limit)) AS some_groups UNION \
      SELECT * FROM (\(rows) ORDER BY id LIMIT \(limit)) AS some_rows) AS both_sides \
      ORDER BY id LIMIT \(limit)
      """
    ) { $0.uuid(0) ?? .zero }
  }

  private func move(
    _ generation: DerivedGeneration, to place: UUID?, _ done: Int64,
    in transaction: any Transaction
  ) async throws {
    try await transaction.execute(
      """
      UPDATE roost_derived SET after = \(Value.optional(place)), done = \(done) \
      WHERE number = \(generation.number)
      """)
  }

  /// Takes away what a generation left, a piece at a time.
  private func clear(
    _ generation: DerivedGeneration, in transaction: any Transaction
  ) async throws -> RebuildStep {
    let number = generation.number
    let limit = 4 * RecordStore.rowsAtOnce
    let pieces: [SQL] = [
      """
      DELETE FROM roost_derived_part WHERE source = \(number) AND id IN (SELECT id FROM \
      roost_derived_part WHERE source = \(number) ORDER BY id LIMIT \(limit))
      """,
      """
      DELETE FROM roost_derived_total WHERE source = \(number) AND key IN (SELECT key FROM \
      roost_derived_total WHERE source = \(number) ORDER BY key LIMIT \(limit))
      """,
      """
      DELETE FROM roost_derived_extreme WHERE source = \(number) AND (slot, key, value, id) IN \
      (SELECT slot, key, value, id FROM roost_derived_extreme WHERE source = \(number) \
      ORDER BY slot, key, value, id LIMIT \(limit))
      """,
    ]
    for piece in pieces where try await transaction.execute(piece) > 0 {
      return .worked(generation.definition, generation.done)
    }
    try await transaction.execute(
      generation.isCheck
        ? """
        UPDATE roost_derived SET state = \(DerivedGeneration.State.told.rawValue) \
        WHERE number = \(number)
        """ : "DELETE FROM roost_derived WHERE number = \(number)")
    return .worked(generation.definition, generation.done)
  }
}
