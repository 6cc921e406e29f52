import Queries
import RoostCore
package import SyncProtocol

extension StreamReader {
  /// The digest of the rows that stand in a stream.
  package func digest(of stream: Int64, bits: Int) async throws -> RangeDigest {
    var digest = RangeDigest(bits: bits)
    try await puts(of: stream) { collection, id, sequence in
      digest.add(collection, id, seq: sequence)
    }
    return digest
  }

  /// Writes the entries of some ranges of a stream whose leaves are not among `ranges`; gives those of
  /// `ranges` that the stream does not have, or nil where the entries take more than `room` bytes.
  package mutating func write(
    _ stream: Int64, ranges: [Int64: [UInt64]], bits: Int, room: Int, to delta: inout DeltaWriter
  ) async throws -> [UInt64]? {
    var unseen = ranges.mapValues { Set($0) }
    var lacking: [RowKey] = []
    try await puts(of: stream) { collection, id, sequence in
      let range = RangeDigest.range(of: id, bits: bits)
      guard unseen[range] != nil else { return }
      let leaf = RangeDigest.leaf(collection, id, seq: sequence)
      if unseen[range]?.remove(leaf) == nil {
        lacking.append(RowKey(collection: collection, id: id))
      }
    }
    guard try await write(stream, rows: lacking, room: room, to: &delta) else { return nil }
    return unseen.values.flatMap { $0 }.sorted()
  }

  /// Writes the entries of some rows of a stream, as far as they stand in it, each once; false where
  /// they take more than `room` bytes, and the rest are left out.
  package mutating func write(
    _ stream: Int64, rows: [RowKey], room: Int, to delta: inout DeltaWriter
  ) async throws -> Bool {
    var entries: [StreamIndexEntry] = []
    var seen: Set<RowKey> = []
    for row in rows where seen.insert(row).inserted {
      guard delta.byteCount <= room else { return false }
      guard let collection = catalogue.collection(named: row.collection) else { continue }
      try await reader.query(
        StreamReader.entry, [.int(stream), .int(collection.number), .uuid(row.id)]
      ) { row in
        entries.append(StreamIndexEntry(row))
        return false
      }
      if entries.count == StreamReader.rowsByID {
        try await writeByID(entries, to: &delta)
        entries.removeAll(keepingCapacity: true)
      }
    }
    guard delta.byteCount <= room else { return false }
    try await writeByID(entries, to: &delta)
    return true
  }

  private func puts(
    of stream: Int64, _ body: (_ collection: String, UUID, _ sequence: Int64) -> Void
  ) async throws {
    let catalogue = catalogue
    try await reader.query(StreamReader.standing, [.int(stream)]) { row in
      if let collection = catalogue.collection(number: row.int64(0)), let id = row.uuid(1) {
        body(collection.name, id, row.int64(2))
      }
      return true
    }
  }

  private static let standing = Statement(
    """
    SELECT coll, id, seq FROM roost_scope_row WHERE stream = \(SQL.placeholder) \
    AND kind = \(SQL.constant(ChangeRecorder.EntryKind.put.rawValue))
    """)
  private static let entry = Statement(
    """
    SELECT seq, coll, id, rv, mask, kind FROM roost_scope_row \
    WHERE stream = \(SQL.placeholder) AND coll = \(SQL.placeholder) AND id = \(SQL.placeholder)
    """)
}
