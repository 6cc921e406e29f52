import Queries
import RoostCore

/// Takes the next numbers of parts of the log and of streams, and holds their heads until the commit.
///
/// Everybody takes parts before streams, and both in the order of their numbers, so that two batches
/// wait for each other one way.
enum Heads {
  /// What a batch adds to one stream.
  struct StreamNeed {
    let stream: Int64
    let count: Int64
    /// How far behind the old head the last entry lies that removes a row; 0 where none does.
    let removal: Int64
  }

  /// The numbers after which a batch's own begin.
  struct Taken {
    fileprivate(set) var parts: [Int64: Int64] = [:]
    fileprivate(set) var streams: [Int64: Int64] = [:]
    /// The generation of the schema, where other processes may have raised it.
    fileprivate(set) var generation: Int64?
  }

  /// `parts` are numbers of parts, each with how many changes it gets; both lists are in their order.
  static func take(
    _ parts: [(number: Int64, count: Int64)], _ streams: [StreamNeed],
    in transaction: any Transaction
  ) async throws -> Taken {
    transaction.dialect.statementsAreJourneys
      ? try await takeTogether(parts, streams, in: transaction)
      : try await takeEach(parts, streams, in: transaction)
  }

  private static func takeEach(
    _ parts: [(number: Int64, count: Int64)], _ streams: [StreamNeed],
    in transaction: any Transaction
  ) async throws -> Taken {
    var taken = Taken()
    for part in parts {
      let last = try await LogStatements.number(
        LogStatements.advance, [.int(part.count), .int(part.number)], in: transaction)
      guard let last else { throw lostPart }
      taken.parts[part.number] = last - part.count
    }
    for need in streams {
      let removal = Value.int(need.removal)
      let last = try await LogStatements.number(
        LogStatements.advanceStream, [.int(need.count), removal, removal, .int(need.stream)],
        in: transaction)
      guard let last else { throw lostStream }
      taken.streams[need.stream] = last - need.count
    }
    return taken
  }

  /// Locks and reads all heads in one statement; the new ones travel with what comes behind.
  private static func takeTogether(
    _ parts: [(number: Int64, count: Int64)], _ streams: [StreamNeed],
    in transaction: any Transaction
  ) async throws -> Taken {
    var taken = Taken()
    var rest = streams[...]
    var isFirst = true
    while isFirst || !rest.isEmpty {
      let group = rest.prefix(PaddedList.largest)
      rest = rest.dropFirst(PaddedList.largest)
      let numbers: [Value] =
        isFirst && !parts.isEmpty ? PaddedList.padded(parts.map { Value.int($0.number) }) : []
      let keys: [Value] =
        group.isEmpty ? [] : PaddedList.padded(group.map { Value.int($0.stream) })
      try await transaction.query(lock(numbers.count, keys.count), numbers + keys) { row in
        switch row.int64(0) {
        case 0: taken.parts[row.int64(1)] = row.int64(2)
        case 1: taken.streams[row.int64(1)] = row.int64(2)
        default: taken.generation = row.int64(2)
        }
        return true
      }
      isFirst = false
    }
    try await raise(parts, taken, in: transaction)
    try await raise(streams, taken, in: transaction)
    return taken
  }

  private static func raise(
    _ parts: [(number: Int64, count: Int64)], _ taken: Taken, in transaction: any Transaction
  ) async throws {
    // What goes into streams alone takes no place in the log.
    if parts.isEmpty { return }
    var rows: [[Value]] = []
    for part in parts {
      guard let old = taken.parts[part.number] else { throw lostPart }
      rows.append([.int(part.number), .int(old + part.count)])
    }
    let values = PaddedList.padded(rows)
    try await transaction.post(
      raiseParts[transaction.dialect, values.count], values.flatMap { $0 })
  }

  private static func raise(
    _ streams: [StreamNeed], _ taken: Taken, in transaction: any Transaction
  ) async throws {
    var rest = streams[...]
    while !rest.isEmpty {
      var rows: [[Value]] = []
      for need in rest.prefix(PaddedList.largest) {
        guard let old = taken.streams[need.stream] else { throw lostStream }
        rows.append([
          .int(need.stream), .int(old + need.count),
          need.removal > 0 ? .int(old + need.removal) : .int(-1),
        ])
      }
      rest = rest.dropFirst(PaddedList.largest)
      let values = PaddedList.padded(rows)
      try await transaction.post(
        raiseStreams[transaction.dialect, values.count], values.flatMap { $0 })
    }
  }

  private static var lostPart: RoostError {
    RoostError(.internalError, "The log has lost its head.")
  }
  private static var lostStream: RoostError {
    RoostError(.internalError, "A stream has lost its head.")
  }

  // MARK: Statements

  private struct Sizes: Hashable {
    let parts: Int
    let streams: Int
  }

  private static let locks: [Sizes: Statement] = {
    var statements: [Sizes: Statement] = [:]
    for parts in [0] + PaddedList.sizes.filter({ $0 <= 16 }) {
      for streams in [0] + PaddedList.sizes {
        statements[Sizes(parts: parts, streams: streams)] = makeLock(parts, streams)
      }
    }
    return statements
  }()

  private static func lock(_ parts: Int, _ streams: Int) -> Statement {
    locks[Sizes(parts: parts, streams: streams)] ?? makeLock(parts, streams)
  }

  /// An Append reads its parts one after the other, so the parts of the log are locked first.
  private static func makeLock(_ parts: Int, _ streams: Int) -> Statement {
    var tables: [SQL] = []
    var selects: [SQL] = []
    if parts > 0 {
      tables.append(
        """
        p AS MATERIALIZED (SELECT partition, position FROM roost_log_head \
        WHERE partition IN (\(PaddedList.placeholders(parts))) ORDER BY partition FOR UPDATE)
        """)
      selects.append("SELECT 0, partition, position FROM p")
      // Whoever raises it holds off the writers of the tables concerned, so it cannot become another
      // one behind this look.
      selects.append("SELECT 2, 0, generation FROM roost_generation")
    }
    if streams > 0 {
      tables.append(
        """
        s AS MATERIALIZED (SELECT stream, seq FROM roost_scope_head \
        WHERE stream IN (\(PaddedList.placeholders(streams))) ORDER BY stream FOR UPDATE)
        """)
      selects.append("SELECT 1, stream, seq FROM s")
    }
    return Statement("WITH \(tables.joined(by: ", ")) \(selects.joined(by: " UNION ALL "))")
  }

  /// The first row says what the values are.
  private static func rows(_ dialect: Dialect, _ count: Int, _ columns: Int) -> SQL {
    let typed = dialect.typed(.integer)
    return (0..<count).map { row -> SQL in
      let values = (0..<columns).map { _ in row == 0 ? typed : SQL.placeholder }
      return "(\(values.joined(by: ", ")))"
    }.joined(by: ", ")
  }

  private static let raiseParts = PaddedStatement { dialect, size in
    """
    UPDATE roost_log_head SET position = v.position \
    FROM (VALUES \(rows(dialect, size, 2))) AS v (partition, position) \
    WHERE roost_log_head.partition = v.partition
    """
  }

  private static let raiseStreams = PaddedStatement { dialect, size in
    """
    UPDATE roost_scope_head SET seq = v.seq, removal_seq = \
    CASE WHEN v.removal < 0 THEN removal_seq ELSE v.removal END \
    FROM (VALUES \(rows(dialect, size, 3))) AS v (stream, seq, removal) \
    WHERE roost_scope_head.stream = v.stream
    """
  }
}
