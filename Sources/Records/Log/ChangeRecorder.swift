package import Queries
import RoostCore
import Rules
import Schema
import Synchronization

/// The sorted step before a commit: gives positions in the log and sequences in the streams.
///
/// Bodies never see either. Streams are taken in the order of their numbers, so that two writers on
/// an engine with row locks cannot wait for each other.
package final class ChangeRecorder: PreCommit {
  /// The kinds of entries in the stream index.
  enum EntryKind: Int64 {
    case put = 1
    case delete = 2
    case leave = 3
  }

  private struct StreamKey: Hashable {
    let scope: ScopeConjunction
    let tier: String
  }

  private struct MaskKey: Hashable {
    let collection: CompiledCollection
    /// The numbers of the fields.
    let members: FieldSet

    static func == (left: MaskKey, right: MaskKey) -> Bool {
      left.collection.number == right.collection.number && left.members == right.members
    }
    func hash(into hasher: inout Hasher) {
      hasher.combine(collection.number)
      hasher.combine(members)
    }
  }

  private struct RowKey: Hashable {
    let collection: Int64
    let id: UUID
  }

  private struct Entry {
    let stream: Int64
    /// The place of the change in the batch.
    let change: Int
    let kind: EntryKind
    let mask: Int64
  }

  private struct State {
    /// Numbers of streams that are committed; bounded, as there is one stream a person.
    var streams: [StreamKey: Int64] = [:]
    /// The same for masks, of which there are few.
    var masks: [MaskKey: Int64] = [:]
    var onCommit: [@Sendable () -> Void] = []
    /// The generation of the schema that the process writes by; nil where it is not told.
    var generation: Int64?
    var isOutdated = false
  }

  /// Numbers that one batch uses.
  ///
  /// A number that it found was committed before, and everybody may use it; one that it made is its
  /// own until the commit, and is found by the next batch that needs it.
  private struct Numbers {
    var streams: [StreamKey: Int64] = [:]
    var masks: [MaskKey: Int64] = [:]
  }

  private static let cachedStreams = 50_000
  private let state = Mutex(State())

  package init() {}

  /// Has `wake` called after every commit that wrote to the log.
  ///
  /// It must not block.
  package func onCommit(_ wake: @escaping @Sendable () -> Void) {
    state.withLock { $0.onCommit.append(wake) }
  }

  /// Says by which generation of the schema the process writes: once a migration has raised it,
  /// writes are refused.
  package func writes(by generation: Int64) { state.withLock { $0.generation = generation } }

  /// Whether the database has come to hold a newer schema: a write was refused for it, or somebody
  /// has looked.
  package var isOutdated: Bool { state.withLock { $0.isOutdated } }

  /// Takes note of the generation that the database is at; returns whether the process is behind it.
  @discardableResult
  package func notice(_ generation: Int64) -> Bool {
    state.withLock { state in
      guard let mine = state.generation, generation > mine else { return false }
      state.isOutdated = true
      return true
    }
  }

  private func check(_ generation: Int64?) throws {
    guard let generation, notice(generation) else { return }
    throw RoostError(
      .draining,
      "The app's schema has been migrated: this server knows an older one and writes no more.",
      retryAfterSeconds: 1)
  }

  package func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {
    let changes = effects.compactMap { $0 as? RowChange }
    guard !changes.isEmpty else { return }
    for change in changes where change.moves.changesGrants {
      try await GrantTables.apply(change, in: transaction)
    }
    let moves = try await streamMoves(of: changes, in: transaction)
    let taken = try await Heads.take(
      ChangeRecorder.parts(of: changes, transaction.dialect), moves.map(\.need), in: transaction)
    try check(taken.generation)
    try await appendToLog(changes, taken, in: transaction)
    let rows = moves.flatMap { $0.rows(of: changes, after: taken.streams[$0.need.stream] ?? 0) }
    try await LogStatements.putScopeRow.run(rows, in: transaction)
  }

  package func committed(_ effects: [any Effect]) {
    guard effects.contains(where: { $0 is RowChange }) else { return }
    let wakes = state.withLock { $0.onCommit }
    for wake in wakes { wake() }
  }

  // MARK: The log

  /// How many changes each part of the log gets, in the order of the parts.
  private static func parts(
    of changes: [RowChange], _ dialect: Dialect
  ) -> [(number: Int64, count: Int64)] {
    var counts: [Int64: Int64] = [:]
    for change in changes { counts[LogPartition.of(change.id, dialect), default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { (number: $0.key, count: $0.value) }
  }

  /// Appends the changes, each to the part of its row.
  private func appendToLog(
    _ changes: [RowChange], _ taken: Heads.Taken, in transaction: any Transaction
  ) async throws {
    let dialect = transaction.dialect
    var last = taken.parts
    var rows: [[Value]] = []
    rows.reserveCapacity(changes.count)
    for change in changes {
      let partition = LogPartition.of(change.id, dialect)
      let position = (last[partition] ?? 0) + 1
      last[partition] = position
      let mutation: Value =
        change.mutation.map { .text(String(decoding: $0, as: UTF8.self)) } ?? .null
      rows.append([
        .int(partition), .int(position), .timestamp(change.at), .int(change.collection.number),
        .uuid(change.id), .int(change.kind.rawValue), .int(change.version),
        .optional(change.actor), mutation,
      ])
    }
    try await LogStatements.insert.run(rows, in: transaction)
  }

  // MARK: The streams

  /// The entries that a batch adds to one stream.
  private struct StreamMove {
    let need: Heads.StreamNeed
    let entries: ArraySlice<Entry>

    init(_ entries: ArraySlice<Entry>) {
      self.entries = entries
      let removal =
        entries.lastIndex { $0.kind != .put }
        .map { Int64(entries.distance(from: entries.startIndex, to: $0) + 1) } ?? 0
      need = Heads.StreamNeed(
        stream: entries.first?.stream ?? 0, count: Int64(entries.count), removal: removal)
    }

    /// The rows of the stream index, with the sequences after `head`.
    ///
    /// Of two entries of one row the later one replaces the earlier.
    func rows(of changes: [RowChange], after head: Int64) -> [[Value]] {
      var sequence = head + need.count
      var rows: [[Value]] = []
      rows.reserveCapacity(entries.count)
      var seen: Set<RowKey> = []
      seen.reserveCapacity(need.count > 1 ? entries.count : 0)
      for entry in entries.reversed() {
        defer { sequence -= 1 }
        let change = changes[entry.change]
        if need.count > 1 {
          let key = RowKey(collection: change.collection.number, id: change.id)
          guard seen.insert(key).inserted else { continue }
        }
        rows.append([
          .int(entry.stream), .int(change.collection.number), .uuid(change.id), .int(sequence),
          .int(change.version), .int(entry.mask), .int(entry.kind.rawValue),
        ])
      }
      return rows.reversed()
    }
  }

  /// What the changes do to the streams, in the order of the streams' numbers.
  private func streamMoves(
    of changes: [RowChange], in transaction: any Transaction
  ) async throws -> [StreamMove] {
    let numbers = try await numbers(for: changes, in: transaction)
    var entries: [Entry] = []
    entries.reserveCapacity(changes.count)
    for (place, change) in changes.enumerated() {
      let tier = change.collection.model.sync.tier.rawValue
      for entry in change.moves.puts {
        guard let stream = numbers.streams[StreamKey(scope: entry.scope, tier: tier)] else {
          continue
        }
        var mask = MaskTable.whole
        if let members = change.collection.numbers(of: entry.mask) {
          let key = MaskKey(collection: change.collection, members: members)
          mask = numbers.masks[key] ?? MaskTable.whole
        }
        entries.append(Entry(stream: stream, change: place, kind: .put, mask: mask))
      }
      for scope in change.moves.leaves {
        guard let stream = numbers.streams[StreamKey(scope: scope, tier: tier)] else { continue }
        let kind: EntryKind = change.kind == .delete ? .delete : .leave
        entries.append(Entry(stream: stream, change: place, kind: kind, mask: MaskTable.whole))
      }
    }
    // Within a stream the order of the changes stays: sorting is stable.
    let sorted = entries.sorted { $0.stream < $1.stream }
    var moves: [StreamMove] = []
    var index = 0
    while index < sorted.count {
      var end = index
      while end < sorted.count, sorted[end].stream == sorted[index].stream { end += 1 }
      moves.append(StreamMove(sorted[index..<end]))
      index = end
    }
    return moves
  }

  // MARK: Numbers

  /// The numbers of all streams and masks that the changes speak of.
  ///
  /// What has none is made in the order of its text, so that two batches which make the same ones
  /// wait for each other one way.
  private func numbers(
    for changes: [RowChange], in transaction: any Transaction
  ) async throws -> Numbers {
    var streams: Set<StreamKey> = []
    var masks: Set<MaskKey> = []
    for change in changes {
      let tier = change.collection.model.sync.tier.rawValue
      for entry in change.moves.puts {
        streams.insert(StreamKey(scope: entry.scope, tier: tier))
        if let members = change.collection.numbers(of: entry.mask) {
          masks.insert(MaskKey(collection: change.collection, members: members))
        }
      }
      for scope in change.moves.leaves { streams.insert(StreamKey(scope: scope, tier: tier)) }
    }
    var numbers = Numbers()
    var newStreams: [(key: StreamKey, text: String)] = []
    var newMasks: [MaskKey] = []
    state.withLock { state in
      for key in streams {
        if let known = state.streams[key] {
          numbers.streams[key] = known
        } else {
          newStreams.append((key, key.scope.text))
        }
      }
      for key in masks {
        if let known = state.masks[key] { numbers.masks[key] = known } else { newMasks.append(key) }
      }
    }
    newMasks.sort {
      ($0.collection.number, MaskTable.text($0.members))
        < ($1.collection.number, MaskTable.text($1.members))
    }
    for key in newMasks {
      let (number, isMade) = try await MaskTable.number(
        key.members, of: key.collection, in: transaction)
      numbers.masks[key] = number
      if !isMade { state.withLock { $0.masks[key] = number } }
    }
    newStreams.sort { ($0.text, $0.key.tier) < ($1.text, $1.key.tier) }
    for (key, text) in newStreams {
      let (number, isMade) = try await LogStatements.stream(text, key.tier, in: transaction)
      numbers.streams[key] = number
      if !isMade { remember(number, for: key) }
    }
    return numbers
  }

  private func remember(_ number: Int64, for key: StreamKey) {
    state.withLock { state in
      if state.streams.count > ChangeRecorder.cachedStreams { state.streams.removeAll() }
      state.streams[key] = number
    }
  }
}

/// The statements of the log and of the stream index.
enum LogStatements {
  /// The number that a statement gives; spares the generic `first`, which costs as much again.
  static func number(
    _ statement: Statement, _ values: [Value], in transaction: any Transaction
  ) async throws -> Int64? {
    var number: Int64?
    try await transaction.query(statement, values) { row in
      number = row.int64(0)
      return false
    }
    return number
  }

  /// The number of the stream of a scope in a tier, made if it is new.
  static func stream(
    _ scope: String, _ tier: String, in transaction: any Transaction
  ) async throws -> (number: Int64, isMade: Bool) {
    let values: [Value] = [.text(scope), .text(tier)]
    if let known = try await number(findStream, values, in: transaction) { return (known, false) }
    if let made = try await number(makeStream, values, in: transaction) { return (made, true) }
    // Another writer made it between the two, and has committed.
    guard let known = try await number(findStream, values, in: transaction) else {
      throw RoostError(.internalError, "A stream could not be made.")
    }
    return (known, false)
  }

  static let advance = Statement(
    """
    UPDATE roost_log_head SET position = position + \(SQL.placeholder) \
    WHERE partition = \(SQL.placeholder) RETURNING position
    """)
  static let insert = WideInsert(
    """
    INSERT INTO roost_log \
    (partition, position, at, collection, id, kind, version, actor, mutation) VALUES 
    """, columns: 9)
  static let advanceStream = Statement(
    """
    UPDATE roost_scope_head SET seq = seq + \(SQL.placeholder), removal_seq = \
    CASE WHEN CAST(\(SQL.placeholder) AS BIGINT) > 0 THEN seq + \(SQL.placeholder) ELSE removal_seq END \
    WHERE stream = \(SQL.placeholder) RETURNING seq
    """)
  static let putScopeRow = WideInsert(
    "INSERT INTO roost_scope_row (stream, coll, id, seq, rv, mask, kind) VALUES ", columns: 7,
    """
     ON CONFLICT (stream, coll, id) DO UPDATE SET \
    seq = excluded.seq, rv = excluded.rv, mask = excluded.mask, kind = excluded.kind
    """)
  static let findStream = Statement(
    """
    SELECT stream FROM roost_scope_head \
    WHERE scope = \(SQL.placeholder) AND tier = \(SQL.placeholder)
    """)
  static let makeStream = Statement(
    """
    INSERT INTO roost_scope_head (scope, tier, seq, removal_seq, gc_floor) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder), 0, 0, 0) \
    ON CONFLICT (scope, tier) DO NOTHING RETURNING stream
    """)
}
