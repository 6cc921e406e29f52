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
    let collection: Int64
    /// The numbers of the fields.
    let members: FieldSet
  }

  private struct Entry {
    let stream: Int64
    let change: RowChange
    let kind: EntryKind
    let mask: Int64
  }

  private struct State {
    /// Numbers of streams that are committed; bounded, as there is one stream a person.
    var streams: [StreamKey: Int64] = [:]
    /// Numbers given in the batch that is about to commit.
    var pending: [StreamKey: Int64] = [:]
    /// The same for masks, of which there are few.
    var masks: [MaskKey: Int64] = [:]
    var pendingMasks: [MaskKey: Int64] = [:]
    var onCommit: [@Sendable () -> Void] = []
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

  package func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {
    state.withLock { state in
      state.pending.removeAll(keepingCapacity: true)
      state.pendingMasks.removeAll(keepingCapacity: true)
    }
    let changes = effects.compactMap { $0 as? RowChange }
    guard !changes.isEmpty else { return }
    try await appendToLog(changes, in: transaction)
    for change in changes where change.moves.changesGrants {
      try await GrantTables.apply(change, in: transaction)
    }
    try await moveInStreams(changes, in: transaction)
  }

  package func committed(_ effects: [any Effect]) {
    guard effects.contains(where: { $0 is RowChange }) else { return }
    let wakes = state.withLock { state in
      if state.streams.count > ChangeRecorder.cachedStreams { state.streams.removeAll() }
      state.streams.merge(state.pending) { $1 }
      state.pending.removeAll(keepingCapacity: true)
      if !state.pendingMasks.isEmpty {
        state.masks.merge(state.pendingMasks) { $1 }
        state.pendingMasks.removeAll(keepingCapacity: true)
      }
      return state.onCommit
    }
    for wake in wakes { wake() }
  }

  private func appendToLog(_ changes: [RowChange], in transaction: any Transaction) async throws {
    let last = try await LogStatements.number(
      LogStatements.advance, [.int(Int64(changes.count)), .int(LogPartition.only)],
      in: transaction)
    guard let last else {
      throw RoostError(.internalError, "The log has lost its head.")
    }
    var position = last - Int64(changes.count)
    for change in changes {
      position += 1
      let mutation: Value =
        change.mutation.map { .text(String(decoding: $0, as: UTF8.self)) } ?? .null
      try await transaction.execute(
        LogStatements.insert,
        [
          .int(LogPartition.only), .int(position), .timestamp(change.at),
          .int(change.collection.number), .uuid(change.id), .int(change.kind.rawValue),
          .int(change.version), .optional(change.actor), mutation,
        ])
    }
  }

  private func moveInStreams(_ changes: [RowChange], in transaction: any Transaction) async throws {
    var entries: [Entry] = []
    for change in changes {
      let tier = change.collection.model.sync.tier.rawValue
      for entry in change.moves.puts {
        let stream = try await number(StreamKey(scope: entry.scope, tier: tier), in: transaction)
        var mask = MaskTable.whole
        if let members = change.collection.numbers(of: entry.mask) {
          mask = try await number(of: members, change.collection, in: transaction)
        }
        entries.append(Entry(stream: stream, change: change, kind: .put, mask: mask))
      }
      for scope in change.moves.leaves {
        let stream = try await number(StreamKey(scope: scope, tier: tier), in: transaction)
        let kind: EntryKind = change.kind == .delete ? .delete : .leave
        entries.append(Entry(stream: stream, change: change, kind: kind, mask: MaskTable.whole))
      }
    }
    if entries.count == 1 { return try await write(entries[...], in: transaction) }
    // Stable by stream: within one, the order of the changes stays.
    let sorted = entries.enumerated().sorted {
      ($0.element.stream, $0.offset) < ($1.element.stream, $1.offset)
    }.map(\.element)
    var index = 0
    while index < sorted.count {
      var end = index
      while end < sorted.count, sorted[end].stream == sorted[index].stream { end += 1 }
      try await write(sorted[index..<end], in: transaction)
      index = end
    }
  }

  /// Writes the entries of one stream with the next sequences.
  private func write(_ entries: ArraySlice<Entry>, in transaction: any Transaction) async throws {
    guard let stream = entries.first?.stream else { return }
    let count = Int64(entries.count)
    let removal =
      entries.lastIndex { $0.kind != .put }
      .map { Int64(entries.distance(from: entries.startIndex, to: $0) + 1) } ?? 0
    let last = try await LogStatements.number(
      LogStatements.advanceStream, [.int(count), .int(removal), .int(removal), .int(stream)],
      in: transaction)
    guard let last else {
      throw RoostError(.internalError, "A stream has lost its head.")
    }
    var sequence = last - count
    for entry in entries {
      sequence += 1
      let change = entry.change
      try await transaction.execute(
        LogStatements.putScopeRow,
        [
          .int(stream), .int(change.collection.number), .uuid(change.id), .int(sequence),
          .int(change.version), .int(entry.mask), .int(entry.kind.rawValue),
        ])
    }
  }

  private func number(_ key: StreamKey, in transaction: any Transaction) async throws -> Int64 {
    if let known = state.withLock({ $0.streams[key] ?? $0.pending[key] }) { return known }
    let made = try await LogStatements.stream(key.scope, key.tier, in: transaction)
    state.withLock { $0.pending[key] = made }
    return made
  }

  private func number(
    of members: FieldSet, _ collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Int64 {
    let key = MaskKey(collection: collection.number, members: members)
    if let known = state.withLock({ $0.masks[key] ?? $0.pendingMasks[key] }) { return known }
    let made = try await MaskTable.number(members, of: collection, in: transaction)
    state.withLock { $0.pendingMasks[key] = made }
    return made
  }
}

/// The partitions of the log: one where there is one writer.
enum LogPartition {
  static let only: Int64 = 0
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
    _ scope: ScopeConjunction, _ tier: String, in transaction: any Transaction
  ) async throws -> Int64 {
    let values: [Value] = [.text(scope.text), .text(tier)]
    if let known = try await number(findStream, values, in: transaction) { return known }
    guard let made = try await number(makeStream, values, in: transaction) else {
      throw RoostError(.internalError, "A stream could not be made.")
    }
    return made
  }

  static let advance = Statement(
    """
    UPDATE roost_log_head SET position = position + \(SQL.placeholder) \
    WHERE partition = \(SQL.placeholder) RETURNING position
    """)
  static let insert = Statement(
    """
    INSERT INTO roost_log \
    (partition, position, at, collection, id, kind, version, actor, mutation) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder))
    """)
  /// The removal sequence moves only where the batch removes something.
  static let advanceStream = Statement(
    """
    UPDATE roost_scope_head SET seq = seq + \(SQL.placeholder), removal_seq = \
    CASE WHEN \(SQL.placeholder) > 0 THEN seq + \(SQL.placeholder) ELSE removal_seq END \
    WHERE stream = \(SQL.placeholder) RETURNING seq
    """)
  static let putScopeRow = Statement(
    """
    INSERT INTO roost_scope_row (stream, coll, id, seq, rv, mask, kind) VALUES (\
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder), \
    \(SQL.placeholder), \(SQL.placeholder), \(SQL.placeholder)) \
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
    VALUES (\(SQL.placeholder), \(SQL.placeholder), 0, 0, 0) RETURNING stream
    """)
}
