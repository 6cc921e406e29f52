package import Queries
package import RoostCore
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

  /// What a batch changes: rows, which go into the log and the streams, and behind them conflicts,
  /// which go into the streams alone.
  private struct Batch {
    let changes: [RowChange]
    let conflicts: [ConflictChange]

    init(_ effects: [any Effect]) {
      changes = effects.compactMap { $0 as? RowChange }
      conflicts =
        changes.count == effects.count ? [] : effects.compactMap { $0 as? ConflictChange }
    }

    var isEmpty: Bool { changes.isEmpty && conflicts.isEmpty }
    /// A row that is created stands once in each of its streams.
    var mayRepeat: Bool { !conflicts.isEmpty || changes.contains { $0.kind != .create } }

    /// The row at a place of the batch, and its version.
    func key(_ place: Int) -> RowKey {
      place < changes.count
        ? RowKey(collection: changes[place].collection.number, id: changes[place].id)
        : RowKey(collection: ConflictRows.number, id: conflicts[place - changes.count].id)
    }
    func version(_ place: Int) -> Int64 {
      place < changes.count ? changes[place].version : 1
    }
    /// An entry as it is written.
    func row(_ entry: Entry, _ sequence: Int64) -> StreamIndex.Entry {
      let key = key(entry.change)
      return StreamIndex.Entry(
        stream: entry.stream, sequence: sequence, collection: key.collection, id: key.id,
        version: version(entry.change), mask: entry.mask, kind: entry.kind.rawValue)
    }
  }

  private struct Entry {
    /// The number of the stream; its place among the keys until that is known, as that of the mask.
    var stream: Int64
    /// The place of the change in the batch.
    let change: Int
    let kind: EntryKind
    var mask: Int64
    /// Whether it takes something out of sight.
    let isRemoval: Bool
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

  /// The streams and masks that one batch speaks of, each once.
  private struct Keys {
    /// The place of the mask that hides nothing, which has no key.
    static let wholeMask: Int64 = -1

    private(set) var streams: [StreamKey] = []
    private(set) var masks: [MaskKey] = []
    private var streamPlaces: [StreamKey: Int64] = [:]
    private var maskPlaces: [MaskKey: Int64] = [:]
    private var lastStream: Int64 = 0
    private var lastMask: (mask: FieldSet, collection: Int64, place: Int64)?

    /// The place of a stream; changes that follow one another often go to the same one.
    mutating func stream(_ scope: ScopeConjunction, _ tier: String) -> Int64 {
      if !streams.isEmpty, streams[Int(lastStream)].scope == scope,
        streams[Int(lastStream)].tier == tier
      {
        return lastStream
      }
      let key = StreamKey(scope: scope, tier: tier)
      if let place = streamPlaces[key] {
        lastStream = place
      } else {
        lastStream = Int64(streams.count)
        streams.append(key)
        streamPlaces[key] = lastStream
      }
      return lastStream
    }

    /// The place of a mask.
    mutating func mask(_ mask: FieldSet, of collection: CompiledCollection) -> Int64 {
      if let last = lastMask, last.collection == collection.number, last.mask == mask {
        return last.place
      }
      var place = Keys.wholeMask
      if let members = collection.numbers(of: mask) {
        let key = MaskKey(collection: collection, members: members)
        if let known = maskPlaces[key] {
          place = known
        } else {
          place = Int64(masks.count)
          masks.append(key)
          maskPlaces[key] = place
        }
      }
      lastMask = (mask, collection.number, place)
      return place
    }
  }

  /// Numbers that one batch uses, at the places of their keys.
  ///
  /// A number that it found was committed before, and everybody may use it; one that it made is its
  /// own until the commit, and is found by the next batch that needs it.
  private struct Numbers {
    var streams: [Int64]
    var masks: [Int64]
  }

  private static let cachedStreams = 50_000
  private let state = Mutex(State())
  /// Those who wait at streams.
  package let watch: StreamWatch

  package init(time: any TimeSource = SystemTime()) { watch = StreamWatch(time: time) }

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
    let batch = Batch(effects)
    guard !batch.isEmpty else { return }
    for change in batch.changes where change.moves.changesGrants {
      try await GrantTables.apply(change, in: transaction)
    }
    let moves = try await streamMoves(of: batch, in: transaction)
    let taken = try await Heads.take(
      ChangeRecorder.parts(of: batch.changes, transaction.dialect), moves.map(\.need),
      in: transaction)
    try check(taken.generation)
    try await appendToLog(batch.changes, taken, in: transaction)
    let mayRepeat = batch.mayRepeat
    var rows: [StreamIndex.Entry] = []
    rows.reserveCapacity(batch.changes.count)
    for move in moves {
      move.add(
        to: &rows, of: batch, after: taken.streams[move.need.stream] ?? 0, mayRepeat: mayRepeat)
    }
    try await StreamIndex.put(rows, in: transaction)
  }

  package func committed(_ effects: [any Effect]) {
    let batch = Batch(effects)
    guard !batch.isEmpty else { return }
    watch.committed(batch.changes, conflictsOf: batch.conflicts.map(\.account))
    guard !batch.changes.isEmpty else { return }
    let wakes = state.withLock { $0.onCommit }
    for wake in wakes { wake() }
  }

  // MARK: The log

  /// How many changes each part of the log gets, in the order of the parts.
  private static func parts(
    of changes: [RowChange], _ dialect: Dialect
  ) -> [(number: Int64, count: Int64)] {
    if dialect.partitions == 1 { return [(number: 0, count: Int64(changes.count))] }
    var counts: [Int64: Int64] = [:]
    for change in changes { counts[LogPartition.of(change.id, dialect), default: 0] += 1 }
    return counts.sorted { $0.key < $1.key }.map { (number: $0.key, count: $0.value) }
  }

  /// Appends the changes, each to the part of its row.
  private func appendToLog(
    _ changes: [RowChange], _ taken: Heads.Taken, in transaction: any Transaction
  ) async throws {
    let dialect = transaction.dialect
    var last = (0..<dialect.partitions).map { taken.parts[Int64($0)] ?? 0 }
    try await LogStatements.insert.run(changes.count, in: transaction) { index, values in
      let change = changes[index]
      let partition = LogPartition.of(change.id, dialect)
      last[Int(partition)] += 1
      values.append(.int(partition))
      values.append(.int(last[Int(partition)]))
      values.append(.timestamp(change.at))
      values.append(.int(change.collection.number))
      values.append(.uuid(change.id))
      values.append(.int(change.kind.rawValue))
      values.append(.int(change.version))
      values.append(.optional(change.actor))
      values.append(change.mutation)
    }
  }

  // MARK: The streams

  /// The entries that a batch adds to one stream.
  private struct StreamMove {
    let need: Heads.StreamNeed
    let entries: ArraySlice<Entry>

    init(_ entries: ArraySlice<Entry>) {
      self.entries = entries
      let removal =
        entries.lastIndex { $0.isRemoval }
        .map { Int64(entries.distance(from: entries.startIndex, to: $0) + 1) } ?? 0
      need = Heads.StreamNeed(
        stream: entries.first?.stream ?? 0, count: Int64(entries.count), removal: removal)
    }

    /// Adds the rows of the stream index, with the sequences after `head`.
    ///
    /// Of two entries of one row the later one replaces the earlier; there are such only where a row
    /// `mayRepeat`.
    func add(
      to rows: inout [StreamIndex.Entry], of batch: Batch, after head: Int64, mayRepeat: Bool
    ) {
      guard mayRepeat, need.count > 1 else {
        for (place, entry) in entries.enumerated() {
          rows.append(batch.row(entry, head + Int64(place) + 1))
        }
        return
      }
      var sequence = head + need.count
      let start = rows.count
      var seen: Set<RowKey> = []
      seen.reserveCapacity(entries.count)
      for entry in entries.reversed() {
        defer { sequence -= 1 }
        guard seen.insert(batch.key(entry.change)).inserted else { continue }
        rows.append(batch.row(entry, sequence))
      }
      rows[start...].reverse()
    }
  }

  /// What the changes do to the streams, in the order of the streams' numbers.
  private func streamMoves(
    of batch: Batch, in transaction: any Transaction
  ) async throws -> [StreamMove] {
    var keys = Keys()
    var entries: [Entry] = []
    entries.reserveCapacity(batch.changes.count)
    for (place, change) in batch.changes.enumerated() {
      for put in change.moves.puts {
        let mask = keys.mask(put.mask, of: change.collection)
        entries.append(
          Entry(
            stream: keys.stream(put.scope, put.tier.rawValue), change: place, kind: .put,
            mask: mask, isRemoval: put.narrows))
      }
      for leave in change.moves.leaves {
        let kind: EntryKind = change.kind == .delete ? .delete : .leave
        entries.append(
          Entry(
            stream: keys.stream(leave.scope, leave.tier.rawValue), change: place, kind: kind,
            mask: Keys.wholeMask, isRemoval: true))
      }
    }
    for (place, conflict) in batch.conflicts.enumerated() {
      let scope = ConflictRows.scope(of: conflict.account)
      entries.append(
        Entry(
          stream: keys.stream(scope, ConflictRows.tier), change: batch.changes.count + place,
          kind: conflict.isOpen ? .put : .leave, mask: Keys.wholeMask,
          isRemoval: !conflict.isOpen))
    }
    let numbers = try await numbers(for: keys, in: transaction)
    for index in entries.indices {
      entries[index].stream = numbers.streams[Int(entries[index].stream)]
      let mask = entries[index].mask
      entries[index].mask = mask == Keys.wholeMask ? MaskTable.whole : numbers.masks[Int(mask)]
    }
    // Within a stream the order of the changes stays: sorting is stable.
    if numbers.streams.count > 1 { entries.sort { $0.stream < $1.stream } }
    var moves: [StreamMove] = []
    var index = 0
    while index < entries.count {
      var end = index
      while end < entries.count, entries[end].stream == entries[index].stream { end += 1 }
      moves.append(StreamMove(entries[index..<end]))
      index = end
    }
    return moves
  }

  // MARK: Numbers

  /// The numbers of all streams and masks that the changes speak of, each at the place of its key.
  ///
  /// What has none is made in the order of its text, so that two batches which make the same ones
  /// wait for each other one way.
  private func numbers(
    for keys: Keys, in transaction: any Transaction
  ) async throws -> Numbers {
    var numbers = Numbers(
      streams: [Int64](repeating: 0, count: keys.streams.count),
      masks: [Int64](repeating: MaskTable.whole, count: keys.masks.count))
    var newStreams: [(place: Int, text: String)] = []
    var newMasks: [Int] = []
    state.withLock { state in
      for (place, key) in keys.streams.enumerated() {
        if let known = state.streams[key] {
          numbers.streams[place] = known
        } else {
          newStreams.append((place, key.scope.text))
        }
      }
      for (place, key) in keys.masks.enumerated() {
        if let known = state.masks[key] {
          numbers.masks[place] = known
        } else {
          newMasks.append(place)
        }
      }
    }
    newMasks.sort {
      let (left, right) = (keys.masks[$0], keys.masks[$1])
      return (left.collection.number, MaskTable.text(left.members))
        < (right.collection.number, MaskTable.text(right.members))
    }
    for place in newMasks {
      let key = keys.masks[place]
      let (number, isMade) = try await MaskTable.number(
        key.members, of: key.collection, in: transaction)
      numbers.masks[place] = number
      if !isMade { state.withLock { $0.masks[key] = number } }
    }
    newStreams.sort {
      ($0.text, keys.streams[$0.place].tier) < ($1.text, keys.streams[$1.place].tier)
    }
    for (place, text) in newStreams {
      let key = keys.streams[place]
      let (number, isMade) = try await LogStatements.stream(text, key.tier, in: transaction)
      if isMade { try await StreamAtoms.note(number, key.scope, in: transaction) }
      numbers.streams[place] = number
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
    into: "roost_log",
    columns: [
      "partition", "position", "at", "collection", "id", "kind", "version", "actor", "mutation",
    ])
  static let advanceStream = Statement(
    """
    UPDATE roost_scope_head SET seq = seq + \(SQL.placeholder), removal_seq = \
    CASE WHEN CAST(\(SQL.placeholder) AS BIGINT) > 0 THEN seq + \(SQL.placeholder) ELSE removal_seq END \
    WHERE stream = \(SQL.placeholder) RETURNING seq
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
