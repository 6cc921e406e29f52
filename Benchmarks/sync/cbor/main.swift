// The entries of a delta as JSON and as CBOR (RFC 8949): bytes and time. No part of the product;
// Benchmarks/sync/cbor.py compiles it with RoostCore and packs what it wrote.
//
// Both are written from the same values by writers of the same make: into one growing array of
// bytes, names encoded once. CBOR has what helps it: identifiers as 16 bytes, times as numbers,
// lengths known beforehand.
import Glibc

struct Entry {
  let sequence: Int64
  let id: UUID
  let created: Timestamp
  let owner: UUID
  let artist: String
  let link: String
  let plays: Int64
}

struct CBORWriter {
  var bytes: [UInt8] = []

  mutating func head(_ kind: UInt8, _ value: UInt64) {
    let start = kind << 5
    switch value {
    case 0..<24: bytes.append(start | UInt8(value))
    case 24..<256:
      bytes.append(start | 24)
      bytes.append(UInt8(value))
    case 256..<65_536:
      bytes.append(start | 25)
      append(UInt16(value))
    case 65_536..<4_294_967_296:
      bytes.append(start | 26)
      append(UInt32(value))
    default:
      bytes.append(start | 27)
      append(value)
    }
  }
  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }
  mutating func int(_ value: Int64) { head(0, UInt64(value)) }
  mutating func raw(_ encoded: [UInt8]) { bytes.append(contentsOf: encoded) }
  mutating func string(_ value: String) {
    var value = value
    value.withUTF8 { text in
      head(3, UInt64(text.count))
      bytes.append(contentsOf: text)
    }
  }
  mutating func uuid(_ value: UUID) {
    bytes.append(0x50)
    append(value.high)
    append(value.low)
  }
  static func text(_ value: String) -> [UInt8] {
    var writer = CBORWriter()
    writer.string(value)
    return writer.bytes
  }
}

enum Names {
  static let seq = CBORWriter.text("seq")
  static let coll = CBORWriter.text("coll")
  static let plays = CBORWriter.text("plays")
  static let id = CBORWriter.text("id")
  static let rv = CBORWriter.text("rv")
  static let fields = CBORWriter.text("fields")
  static let createdAt = CBORWriter.text("createdAt")
  static let updatedAt = CBORWriter.text("updatedAt")
  static let owner = CBORWriter.text("owner")
  static let artist = CBORWriter.text("artist")
  static let link = CBORWriter.text("link")
}

func cbor(_ entries: ArraySlice<Entry>) -> [UInt8] {
  var writer = CBORWriter()
  writer.bytes.reserveCapacity(entries.count * 300)
  writer.head(4, UInt64(entries.count))
  for entry in entries {
    writer.head(5, 5)
    writer.raw(Names.seq)
    writer.int(entry.sequence)
    writer.raw(Names.coll)
    writer.raw(Names.plays)
    writer.raw(Names.id)
    writer.uuid(entry.id)
    writer.raw(Names.rv)
    writer.int(1)
    writer.raw(Names.fields)
    writer.head(5, 6)
    writer.raw(Names.createdAt)
    writer.int(entry.created.milliseconds)
    writer.raw(Names.updatedAt)
    writer.int(entry.created.milliseconds)
    writer.raw(Names.owner)
    writer.uuid(entry.owner)
    writer.raw(Names.artist)
    writer.string(entry.artist)
    writer.raw(Names.link)
    writer.string(entry.link)
    writer.raw(Names.plays)
    writer.int(entry.plays)
  }
  return writer.bytes
}

enum Keys {
  static let seq = JSONWriter.encodedKey("seq")
  static let coll = JSONWriter.encodedKey("coll")
  static let plays = JSONWriter.encodedKey("plays")
  static let id = JSONWriter.encodedKey("id")
  static let rv = JSONWriter.encodedKey("rv")
  static let fields = JSONWriter.encodedKey("fields")
  static let createdAt = JSONWriter.encodedKey("createdAt")
  static let updatedAt = JSONWriter.encodedKey("updatedAt")
  static let owner = JSONWriter.encodedKey("owner")
  static let artist = JSONWriter.encodedKey("artist")
  static let link = JSONWriter.encodedKey("link")
}

func json(_ entries: ArraySlice<Entry>) -> [UInt8] {
  var writer = JSONWriter(capacity: entries.count * 400)
  writer.beginArray()
  for entry in entries {
    writer.beginObject()
    writer.key(encoded: Keys.seq)
    writer.int(entry.sequence)
    writer.key(encoded: Keys.coll)
    writer.string("plays")
    writer.key(encoded: Keys.id)
    writer.uuid(entry.id)
    writer.key(encoded: Keys.rv)
    writer.int(1)
    writer.key(encoded: Keys.fields)
    writer.beginObject()
    writer.key(encoded: Keys.createdAt)
    writer.timestamp(entry.created)
    writer.key(encoded: Keys.updatedAt)
    writer.timestamp(entry.created)
    writer.key(encoded: Keys.owner)
    writer.uuid(entry.owner)
    writer.key(encoded: Keys.artist)
    writer.string(entry.artist)
    writer.key(encoded: Keys.link)
    writer.string(entry.link)
    writer.key(encoded: Keys.plays)
    writer.int(entry.plays)
    writer.endObject()
    writer.endObject()
  }
  writer.endArray()
  return writer.bytes
}

func lines(_ path: String) -> [[Substring]] {
  guard let file = fopen(path, "rb") else { return [] }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
    bytes.append(contentsOf: buffer[..<count])
  }
  let text = String(decoding: bytes.filter { $0 != 13 }, as: UTF8.self)
  return text.split(separator: "\n").dropFirst().map {
    $0.split(separator: "\t", omittingEmptySubsequences: false)
  }
}

func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func save(_ bytes: [UInt8], _ path: String) {
  guard let file = fopen(path, "wb") else { return }
  fwrite(bytes, 1, bytes.count, file)
  fclose(file)
}

/// The least time of several runs over all entries, in microseconds an entry.
func measure(_ entries: [Entry], _ encode: (ArraySlice<Entry>) -> [UInt8]) -> Double {
  var best = Double.infinity
  var sink = 0
  for _ in 0..<9 {
    let began = seconds()
    var start = 0
    while start < entries.count {
      let end = min(start + 500, entries.count)
      sink &+= encode(entries[start..<end]).count
      start = end
    }
    best = min(best, seconds() - began)
  }
  if sink == 0 { print("nothing was written") }
  return best / Double(entries.count) * 1e6
}

let folder = CommandLine.arguments[1]
let target = CommandLine.arguments[2]
var artists: [Substring: (String, String)] = [:]
for row in lines(folder + "/artists.tsv") where row.count > 2 {
  artists[row[0]] = (String(row[1]), String(row[2]))
}
struct Dice {  // splitmix64 (Steele, Lea, Flood 2014)
  var state: UInt64 = 1
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
var dice = Dice()
var entries: [Entry] = []
var owners: [Substring: UUID] = [:]
for row in lines(folder + "/user_artists.tsv") where row.count > 2 {
  let made = Int64(1_760_000_000_000) + Int64(entries.count) * 137
  let owner = owners[row[0]] ?? UUID(high: UInt64(made) << 16 | 0x7000, low: 1 << 63 | dice.next() >> 2)
  owners[row[0]] = owner
  let artist = artists[row[1]] ?? ("", "")
  entries.append(
    Entry(
      sequence: Int64(entries.count + 1),
      id: UUID(
        high: UInt64(made) << 16 | 0x7000 | dice.next() & 0xFFF, low: 1 << 63 | dice.next() >> 2),
      created: Timestamp(milliseconds: made), owner: owner, artist: artist.0, link: artist.1,
      plays: Int64(row[2]) ?? 0))
}
save(json(entries[...]), target + "/entries.json")
save(cbor(entries[...]), target + "/entries.cbor")
print("\(entries.count) \(measure(entries, json)) \(measure(entries, cbor))")
