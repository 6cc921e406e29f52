package import Queries
import RoostCore
import Rules
package import Schema
package import SyncProtocol

/// How far one look at a stream came.
package struct StreamStep: Sendable, Equatable {
  /// The last sequence that was looked at.
  package let to: Int64
  package let entries: Int
}

/// Writes the entries of streams as their holders may see them.
///
/// The values of a put are `createdAt`, `updatedAt` and the fields that the mask shows. Where something
/// hidden has changed since, `updatedAt` would tell when, and is left out. The order of entries says
/// nothing.
package struct StreamReader {
  /// Entries that are looked at together, at most.
  private static let entriesAtOnce = 128
  /// So many at first, until it shows how large they are; a row may have 256 KB.
  private static let entriesAtFirst = 8
  /// More rows of one collection than this are read along the stream, fewer by their ids.
  static let rowsByID = 24

  let catalogue: Catalogue
  let reader: any Reader
  /// The names by which digests are made, where they are not those of now.
  package var naming: StreamNaming?
  /// The masks of the entries that were written, by number.
  package private(set) var masks: [Int64: SyncProtocol.Mask] = [:]
  private var shown: [ShownKey: FieldSet] = [:]
  /// The tier of the stream that is read.
  private var tier = SyncPolicy.Tier.live

  private struct ShownKey: Hashable {
    let mask: Int64
    let tier: SyncPolicy.Tier
  }

  package init(_ records: RecordStore, in reader: any Reader) {
    catalogue = records.catalogue
    self.reader = reader
  }

  /// Writes entries behind `after` up to the sequence `end`, until the delta holds `room` bytes or
  /// more.
  package mutating func write(
    _ stream: Int64, _ tier: SyncPolicy.Tier, after: Int64, end: Int64, room: Int,
    to delta: inout DeltaWriter
  ) async throws -> StreamStep {
    self.tier = tier
    var last = after
    var count = 0
    var limit = StreamReader.entriesAtFirst
    var reach = StreamIndex.Reach()
    while last < end, delta.byteCount < room {
      let to = reach.end(behind: last, limit, to: end, reader.dialect)
      var entries: [StreamIndexEntry] = []
      entries.reserveCapacity(Int(min(to - last, Int64(limit))))
      try await reader.query(
        StreamReader.entries[reader.dialect],
        [.int(stream), .int(last), .int(to), .int(Int64(limit))]
      ) { row in
        entries.append(StreamIndexEntry(row))
        return true
      }
      try await write(entries, of: stream, after: last, to: &delta)
      count += entries.count
      reach.found(entries.count, of: limit)
      // What lies between the last entry and the end was replaced by later ones.
      if entries.count == limit {
        last = entries[entries.count - 1].sequence
      } else if !entries.isEmpty || to == end {
        last = to
      } else {
        last = try await StreamIndex.firstBehind(to, of: stream, in: reader).map { $0 - 1 } ?? end
        last = min(last, end)
      }
      let size = max(64, delta.byteCount / max(1, count))
      limit = max(1, min(StreamReader.entriesAtOnce, 4 * limit, (room - delta.byteCount) / size))
    }
    return StreamStep(to: last, entries: count)
  }

  private mutating func write(
    _ entries: [StreamIndexEntry], of stream: Int64, after: Int64, to delta: inout DeltaWriter
  ) async throws {
    let puts = writeRemovals(entries, to: &delta)
    try await writeConflicts(puts[ConflictRows.number], to: &delta)
    // By number, so that one snapshot always gives the same bytes.
    for number in puts.keys.sorted() {
      guard let collection = catalogue.collection(number: number), let rows = puts[number] else {
        continue
      }
      for mask in Set(rows.map(\.mask)) { try await load(mask, of: collection) }
      if rows.count > StreamReader.rowsByID {
        let end = entries[entries.count - 1].sequence
        try await writeStretch(rows, of: collection, stream, after: after, end: end, to: &delta)
      } else {
        try await writeEach(rows, of: collection, to: &delta)
      }
    }
  }

  /// Writes at most `rowsByID` entries of a stream of that tier, wherever they stand.
  mutating func writeByID(
    _ entries: [StreamIndexEntry], _ tier: SyncPolicy.Tier, to delta: inout DeltaWriter
  ) async throws {
    self.tier = tier
    let puts = writeRemovals(entries, to: &delta)
    try await writeConflicts(puts[ConflictRows.number], to: &delta)
    for number in puts.keys.sorted() {
      guard let collection = catalogue.collection(number: number), let rows = puts[number] else {
        continue
      }
      for mask in Set(rows.map(\.mask)) { try await load(mask, of: collection) }
      try await writeEach(rows, of: collection, to: &delta)
    }
  }

  /// Writes the removals among `entries`, and gives the rest by collection.
  private func writeRemovals(
    _ entries: [StreamIndexEntry], to delta: inout DeltaWriter
  ) -> [Int64: [StreamIndexEntry.Place]] {
    var puts: [Int64: [StreamIndexEntry.Place]] = [:]
    for entry in entries {
      // A collection that the schema has no more was taken out of the streams with it.
      guard let tag = tag(entry.collection) else { continue }
      if entry.kind == ChangeRecorder.EntryKind.put.rawValue {
        puts[entry.collection, default: []].append(entry.place)
      } else {
        StreamReader.writeRemoval(
          entry.place, of: tag,
          isDelete: entry.kind == ChangeRecorder.EntryKind.delete.rawValue, to: &delta)
      }
    }
    return puts
  }

  /// The name of a collection as entries have it; nil for one that there is no more.
  func tag(_ number: Int64) -> CollectionTag? {
    if number == ConflictRows.number { return ConflictRows.tag }
    return catalogue.collection(number: number)?.streamed.tag
  }

  private func writeConflicts(
    _ places: [StreamIndexEntry.Place]?, to delta: inout DeltaWriter
  ) async throws {
    guard let places else { return }
    try await ConflictRows.write(places, catalogue, in: reader, to: &delta)
  }

  /// Writes the rows of a collection between two sequences, read along the stream.
  private func writeStretch(
    _ places: [StreamIndexEntry.Place], of collection: CompiledCollection, _ stream: Int64,
    after: Int64, end: Int64, to delta: inout DeltaWriter
  ) async throws {
    var written = 0
    var ids: Set<UUID> = []
    let behind = RecordColumns.firstField + collection.fields.count
    let values: [Value] = [.int(stream), .int(after), .int(end), .int(collection.number)]
    try await reader.query(collection.streamed.stretch[reader.dialect], values) { row in
      let place = StreamIndexEntry.Place(
        id: row.uuid(0) ?? .zero, sequence: row.int64(behind), version: row.int64(behind + 1),
        mask: row.optionalInt64(behind + 2) ?? MaskTable.whole)
      write(row, place, of: collection, clocks: behind + 3, to: &delta)
      written += 1
      ids.insert(place.id)
      return true
    }
    guard written < places.count else { return }
    for place in places where !ids.contains(place.id) {
      StreamReader.writeRemoval(
        place, of: collection.streamed.tag, isDelete: true, to: &delta)
    }
  }

  /// Writes rows of a collection that are read by their ids.
  private func writeEach(
    _ places: [StreamIndexEntry.Place], of collection: CompiledCollection,
    to delta: inout DeltaWriter
  ) async throws {
    var missing: [UUID: StreamIndexEntry.Place] = [:]
    for place in places { missing[place.id] = place }
    let values = PaddedList.padded(places.map { Value.uuid($0.id) })
    let clocks = RecordColumns.firstField + collection.fields.count
    try await reader.query(
      collection.streamed.some[reader.dialect, values.count], values
    ) { row in
      guard let id = row.uuid(0), let place = missing.removeValue(forKey: id) else { return true }
      write(row, place, of: collection, clocks: clocks, to: &delta)
      return true
    }
    // The index and the rows are of one moment: a row that is not there was removed past the index.
    for place in places where missing[place.id] != nil {
      StreamReader.writeRemoval(
        place, of: collection.streamed.tag, isDelete: true, to: &delta)
    }
  }

  private func write(
    _ row: any Row, _ place: StreamIndexEntry.Place, of collection: CompiledCollection,
    clocks: Int, to delta: inout DeltaWriter
  ) {
    delta.beginPut(
      seq: place.sequence, collection: collection.streamed.tag, id: place.id,
      version: place.version, mask: place.mask,
      clocks: collection.streamed.compared.isEmpty
        ? nil : self.clocks(RowClocks(encoded: row.blob(clocks)), place.mask, of: collection))
    let tiers = collection.streamed.tiers
    if place.mask == MaskTable.whole, tiers.elsewhere.isEmpty, tier == tiers.home {
      collection.streamed.writer.write(row, to: &delta.json) { column, json in
        collection.writeValue(column - RecordColumns.firstField, row, to: &json)
      }
    } else {
      writeShown(row, place, of: collection, to: &delta.json)
    }
    delta.endPut()
  }

  private func writeShown(
    _ row: any Row, _ place: StreamIndexEntry.Place, of collection: CompiledCollection,
    to json: inout JSONWriter
  ) {
    let shown = shown(place.mask, of: collection)
    json.beginObject()
    json.key("createdAt")
    json.timestamp(row.timestamp(2))
    if row.int64(1) == place.version {
      json.key("updatedAt")
      json.timestamp(row.timestamp(3))
    }
    for index in collection.fields.indices where shown.contains(index) {
      json.key(collection.fields[index].name)
      collection.writeValue(index, row, to: &json)
    }
    json.endObject()
  }

  /// The stamps of the fields that are shown and whose strategy compares, as a JSON object.
  private func clocks(
    _ clocks: RowClocks, _ mask: Int64, of collection: CompiledCollection
  ) -> [UInt8] {
    var json = JSONWriter(capacity: 256)
    json.beginObject()
    for index in collection.streamed.compared
    where shown(mask, of: collection).contains(index) {
      let clock = clocks.clock(collection.fieldNumbers[index])
      json.key(collection.fields[index].name)
      json.string(Stamp(time: clock.time, client: clock.client).description)
    }
    json.endObject()
    return json.bytes
  }

  private static func writeRemoval(
    _ place: StreamIndexEntry.Place, of tag: CollectionTag, isDelete: Bool,
    to delta: inout DeltaWriter
  ) {
    delta.remove(
      seq: place.sequence, collection: tag, id: place.id,
      version: place.version, isDeleted: isDelete)
  }

  /// The stored fields whose values stand in an entry of a mask.
  private func shown(_ mask: Int64, of collection: CompiledCollection) -> FieldSet {
    if mask != MaskTable.whole { return shown[ShownKey(mask: mask, tier: tier)] ?? FieldSet() }
    return collection.streamed.tiers.shown(FieldSet(count: collection.fields.count), in: tier)
  }

  private mutating func load(_ mask: Int64, of collection: CompiledCollection) async throws {
    let key = ShownKey(mask: mask, tier: tier)
    guard mask != MaskTable.whole, shown[key] == nil else { return }
    let tiers = collection.streamed.tiers
    let fields = try await MaskTable.fields(mask, of: collection, in: reader) ?? FieldSet()
    shown[key] = tiers.shown(fields, in: tier)
    masks[mask] = SyncProtocol.Mask(
      collection: collection.name,
      fields: collection.fields.indices.filter {
        fields.contains($0) && !tiers.withheld.contains($0)
      }.map { collection.fields[$0].name })
  }

  private static let entries = DialectStatement { d in
    StreamIndex.along(
      "r.seq, r.coll, r.id, r.rv, r.mask, r.kind", "r", from: "roost_scope_row r",
      tail: " ORDER BY r.seq LIMIT \(SQL.placeholder)", d)
  }
}
