import Queries
import RoostCore
package import Schema
package import SyncProtocol

extension StreamReader {
  /// The digest of the rows that stand in a stream.
  package func digest(of stream: Int64, bits: Int) async throws -> RangeDigest {
    var digest = RangeDigest(bits: bits)
    try await puts(of: stream) { _, name, id, sequence in
      digest.add(name, id, seq: sequence)
    }
    return digest
  }

  /// Writes the entries of some ranges of a stream whose leaves are not among `ranges`; gives those of
  /// `ranges` that the stream does not have, or nil where the entries take more than `room` bytes.
  package mutating func write(
    _ stream: Int64, _ tier: SyncPolicy.Tier, ranges: [Int64: [UInt64]], bits: Int, room: Int,
    to delta: inout DeltaWriter
  ) async throws -> [UInt64]? {
    var unseen = ranges.mapValues { Set($0) }
    var lacking: [RowKey] = []
    try await puts(of: stream) { collection, name, id, sequence in
      let range = RangeDigest.range(of: id, bits: bits)
      guard unseen[range] != nil else { return }
      let leaf = RangeDigest.leaf(name, id, seq: sequence)
      if unseen[range]?.remove(leaf) == nil {
        lacking.append(RowKey(collection: collection, id: id))
      }
    }
    guard try await write(stream, tier, rows: lacking, room: room, to: &delta) else { return nil }
    return unseen.values.flatMap { $0 }.sorted()
  }

  /// Writes the entries of some rows of a stream, as far as they stand in it, each once; false where
  /// they take more than `room` bytes, and the rest are left out.
  package mutating func write(
    _ stream: Int64, _ tier: SyncPolicy.Tier, rows: [RowKey], room: Int,
    to delta: inout DeltaWriter
  ) async throws -> Bool {
    var entries: [StreamIndexEntry] = []
    var seen: Set<RowKey> = []
    // Rows may be large: the first ones tell whether many fit.
    var together = 1
    for row in rows where seen.insert(row).inserted {
      guard delta.byteCount <= room else { return false }
      guard let number = number(row.collection) else { continue }
      try await reader.query(
        StreamIndex.find[reader.dialect], [.int(stream), .int(number), .uuid(row.id)]
      ) { row in
        entries.append(StreamIndexEntry(row))
        return false
      }
      if entries.count == together {
        try await writeByID(entries, tier, to: &delta)
        together = min(2 * together, StreamReader.rowsByID)
        entries.removeAll(keepingCapacity: true)
      }
    }
    guard entries.isEmpty || delta.byteCount <= room else { return false }
    try await writeByID(entries, tier, to: &delta)
    return true
  }

  /// The number of a collection by its name in entries.
  private func number(_ name: String) -> Int64? {
    name == ConflictRows.tag.name
      ? ConflictRows.number : catalogue.collection(named: name)?.number
  }

  /// Calls `body` with the rows that stand in a stream, with the name of the collection, and as the
  /// device has it.
  private func puts(
    of stream: Int64,
    _ body: (_ collection: String, _ name: String, UUID, _ sequence: Int64) -> Void
  ) async throws {
    try await reader.query(StreamReader.standing, [.int(stream)]) { row in
      if let tag = tag(row.int64(0)), let id = row.uuid(1),
        let name = naming.map({ $0.former[tag.name] }) ?? tag.name
      {
        body(tag.name, name, id, row.int64(2))
      }
      return true
    }
  }

  private static let standing = Statement(
    """
    SELECT coll, id, seq FROM roost_scope_row WHERE stream = \(SQL.placeholder) \
    AND kind = \(SQL.constant(ChangeRecorder.EntryKind.put.rawValue))
    """)
}
