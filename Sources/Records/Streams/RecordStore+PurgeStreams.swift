package import Queries
import RoostCore

extension RecordStore {
  /// How long streams tell of rows that went.
  package static let removalsKeptMilliseconds: Int64 = 90 * 86_400_000
  private static let markPauseMilliseconds: Int64 = 86_400_000
  private static let sequencesAtOnce: Int64 = 2000

  /// Takes entries of removals out of the streams that are older than 90 days, and raises the floors
  /// of those streams; gives how many went.
  ///
  /// Entries have no time. Once a day each stream that lost rows since gets a mark of how far it is,
  /// and what lies up to a mark of that age is as old as it at least.
  @discardableResult
  package func purgeStreams() async throws -> Int {
    let now = ambient.time.now().milliseconds
    // Servers of an earlier release beside this one make streams without a note of them.
    if database.dialect.hasOtherWriters {
      try await database.write { try await StreamAtoms.noteAll(in: $0) }
    }
    try await markStreams(at: now)
    let limit = now - RecordStore.removalsKeptMilliseconds
    let due = try await database.read(.statement) { reader in
      try await reader.all(
        """
        SELECT m.stream, max(m.seq), h.gc_floor FROM roost_stream_mark m \
        JOIN roost_scope_head h ON h.stream = m.stream WHERE m.at <= \(limit) \
        GROUP BY m.stream, h.gc_floor ORDER BY m.stream
        """
      ) { (stream: $0.int64(0), mark: $0.int64(1), floor: $0.int64(2)) }
    }
    var purged = 0
    for stream in due {
      var floor = stream.floor
      while floor < stream.mark {
        let from = floor
        let (removed, last) = try await database.write { transaction in
          try await RecordStore.purge(
            stream.stream, from: from, to: stream.mark, in: transaction)
        }
        purged += removed
        floor = last
      }
      try await database.write { transaction in
        _ = try await transaction.execute(
          "DELETE FROM roost_stream_mark WHERE stream = \(stream.stream) AND at <= \(limit)")
      }
    }
    return purged
  }

  /// How often floors were raised: while the number stays, what was read of a stream stays whole.
  package static func purges(in reader: any Reader) async throws -> Int64 {
    try await reader.first("SELECT number FROM roost_stream_purge") { $0.int64(0) } ?? 0
  }

  private func markStreams(at now: Int64) async throws {
    let before = now - RecordStore.markPauseMilliseconds
    try await database.write { transaction in
      let last = try await transaction.first("SELECT max(at) FROM roost_stream_mark") {
        $0.optionalInt64(0)
      }
      if let last = last ?? nil, last > before { return }
      _ = try await transaction.execute(
        """
        INSERT INTO roost_stream_mark (stream, at, seq) \
        SELECT h.stream, \(now), h.seq FROM roost_scope_head h \
        WHERE h.removal_seq > h.gc_floor AND h.removal_seq > coalesce(\
        (SELECT max(m.seq) FROM roost_stream_mark m WHERE m.stream = h.stream), 0)
        """)
    }
  }

  /// Purges the removals among some entries behind `from`; gives how many, and the new floor.
  private static func purge(
    _ stream: Int64, from: Int64, to mark: Int64, in transaction: any Transaction
  ) async throws -> (removed: Int, floor: Int64) {
    // The head first: who writes to the stream holds it too.
    try await transaction.query(
      "SELECT seq FROM roost_scope_head WHERE stream = \(stream)\(transaction.dialect.forUpdate)"
    ) { _ in false }
    let first = try await StreamIndex.firstBehind(from, of: stream, in: transaction) ?? mark
    let floor = min(mark, first + sequencesAtOnce)
    let old = StreamIndex.lies(
      "roost_scope_row", in: "\(stream)", after: "\(from)", to: "\(floor)", transaction.dialect)
    let removed = try await transaction.execute(
      """
      DELETE FROM roost_scope_row WHERE \(old) \
      AND kind <> \(ChangeRecorder.EntryKind.put.rawValue)
      """)
    if removed > 0 {
      try await transaction.execute(
        """
        UPDATE roost_scope_head SET gc_floor = \(floor) \
        WHERE stream = \(stream) AND gc_floor < \(floor)
        """)
      try await transaction.execute("UPDATE roost_stream_purge SET number = number + 1")
    }
    return (removed, floor)
  }
}
