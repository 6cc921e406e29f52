package import RoostCore

/// Writes a delta frame entry by entry, straight into its bytes.
///
/// The server encodes a stream's batch once and sends the same bytes to every subscriber. The values
/// of an entry are bytes that are JSON already, or are written in place between `beginPut` and
/// `endPut`.
package struct DeltaWriter: ~Copyable {
  /// Where the values of an entry are written in place.
  package var json: JSONWriter
  /// How many entries were written.
  package private(set) var entryCount = 0
  private var isOpen = false

  /// Begins the frame; `masks` are those that its entries name and the client may not know.
  package init(
    stream: Int64, from: Int64, masks: [Int64: Mask] = [:], capacity: Int = 65_536
  ) {
    json = JSONWriter(capacity: capacity)
    json.beginObject()
    json.member("frame", "delta")
    json.member("stream", stream)
    json.member("from", from)
    if !masks.isEmpty { json.member("masks", masks) }
    json.key("entries")
    json.beginArray()
  }

  /// The bytes that were written so far.
  package var byteCount: Int { json.count }

  /// Begins an entry with values; one JSON object must be written to `json` next, then `endPut`.
  ///
  /// `clocks` is a JSON object of stamps by field, or nil.
  package mutating func beginPut(
    seq: Int64, collection: CollectionTag, id: UUID, version: Int64, mask: Int64 = 0,
    baseVersion: Int64? = nil, clocks: [UInt8]? = nil
  ) {
    begin(seq, collection, id, version)
    if mask != 0 { json.member("mask", mask) }
    if let baseVersion { json.member("baseRv", baseVersion) }
    if let clocks {
      json.key("clocks")
      json.raw(clocks)
    }
    json.key(encoded: DeltaWriter.fields)
  }

  /// Ends an entry whose values were written.
  package mutating func endPut() { json.endObject() }

  /// Writes an entry whose values are JSON already: one object.
  package mutating func put(
    seq: Int64, collection: CollectionTag, id: UUID, version: Int64, mask: Int64 = 0,
    baseVersion: Int64? = nil, clocks: [UInt8]? = nil, fields: UnsafeRawBufferPointer
  ) {
    beginPut(
      seq: seq, collection: collection, id: id, version: version, mask: mask,
      baseVersion: baseVersion, clocks: clocks)
    json.raw(fields)
    endPut()
  }

  /// Writes an entry whose values are JSON already: one object.
  package mutating func put(
    seq: Int64, collection: CollectionTag, id: UUID, version: Int64, mask: Int64 = 0,
    baseVersion: Int64? = nil, clocks: [UInt8]? = nil, fields: [UInt8]
  ) {
    fields.withUnsafeBytes { fields in
      put(
        seq: seq, collection: collection, id: id, version: version, mask: mask,
        baseVersion: baseVersion, clocks: clocks, fields: fields)
    }
  }

  /// Writes that the stream shows a row no longer: its id, and nothing else of it.
  package mutating func remove(
    seq: Int64, collection: CollectionTag, id: UUID, version: Int64, isDeleted: Bool
  ) {
    begin(seq, collection, id, version)
    json.member("kind", isDeleted ? "del" : "leave")
    json.endObject()
  }

  /// Ends the frame, which leads to `position`, and gives its bytes.
  package consuming func finish(to position: Int64) -> [UInt8] {
    json.endArray()
    json.member("to", position)
    json.endObject()
    return json.bytes
  }

  /// `{"seq":…,"coll":"…","id":"…","rv":…`, in one piece of room.
  private mutating func begin(
    _ seq: Int64, _ collection: CollectionTag, _ id: UUID, _ version: Int64
  ) {
    entryCount += 1
    json.beginValue()
    let middle = collection.middle
    var place = json.reserve(7 + 2 * DecimalText.longest + middle.count + 36 + 7)
    DeltaWriter.copy("{\"seq\":", to: &place)
    place += DecimalText.write(seq, to: place)
    middle.withUnsafeBufferPointer { middle in
      guard let start = middle.baseAddress else { return }
      place.update(from: start, count: middle.count)
    }
    place += middle.count
    id.format(into: place)
    place += 36
    DeltaWriter.copy("\",\"rv\":", to: &place)
    place += DecimalText.write(version, to: place)
    json.end(at: place, isOpen: false)
  }

  private static func copy(_ text: StaticString, to place: inout UnsafeMutablePointer<UInt8>) {
    place.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    place += text.utf8CodeUnitCount
  }

  private static let fields = JSONWriter.encodedKey("fields")
}

/// A collection's name as entries carry it, encoded once.
package struct CollectionTag: Sendable {
  package let name: String
  /// What stands between the sequence and the id, with the quote that opens it.
  let middle: [UInt8]

  package init(_ name: String) {
    self.name = name
    middle = Array(",\"coll\":".utf8) + JSON.string(name).encoded + Array(",\"id\":\"".utf8)
  }
}
