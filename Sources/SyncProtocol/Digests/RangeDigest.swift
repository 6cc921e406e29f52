import Cryptography
package import RoostCore

/// The hashes by which a client that was long away and the server find what differs in a stream.
///
/// An entry's sequence changes whenever its mask or a value inside it does, so the leaf of an entry
/// is made of its row and its sequence, within one epoch of the server. A range's hash is its leaves
/// joined by exclusive or, so that it does not depend on their order.
package struct RangeDigest: Sendable, Equatable {
  /// Most bits of an id that number its range: 262,144 ranges, 2.8 MB of text.
  package static let mostBits = 18
  /// How many rows a range should have: what differing ranges cost against what all cost is least
  /// about here.
  package static let rowsPerRange = 12

  package let bits: Int
  package private(set) var hashes: [UInt64]

  package init(bits: Int) {
    self.bits = Swift.min(Swift.max(0, bits), RangeDigest.mostBits)
    hashes = [UInt64](repeating: 0, count: 1 << self.bits)
  }

  /// The bits for so many rows.
  package static func bits(rows: Int) -> Int {
    var bits = 0
    while bits < mostBits, rows >> bits > rowsPerRange { bits += 1 }
    return bits
  }

  /// Adds an entry of kind `put`.
  package mutating func add(_ collection: String, _ id: UUID, seq: Int64) {
    add(id, leaf: RangeDigest.leaf(collection, id, seq: seq))
  }

  package mutating func add(_ id: UUID, leaf: UInt64) {
    hashes[Int(RangeDigest.range(of: id, bits: bits))] ^= leaf
  }

  /// The range of a row: the last bits of its id.
  package static func range(of id: UUID, bits: Int) -> Int64 {
    Int64(id.low & (1 << UInt64(bits) - 1))
  }

  /// The first eight bytes of the SHA-256 of the id's sixteen bytes, the sequence in eight bytes
  /// big-endian, and the collection's name.
  package static func leaf(_ collection: String, _ id: UUID, seq: Int64) -> UInt64 {
    var bytes = id.bytes
    CanonicalBytes.append(UInt64(bitPattern: seq), to: &bytes)
    bytes.append(contentsOf: collection.utf8)
    return SHA256.digest(bytes)[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The ranges that are not the same; nil where the other has another number of ranges.
  package func differing(from other: [UInt64]) -> [Int64]? {
    guard other.count == hashes.count else { return nil }
    return hashes.indices.filter { hashes[$0] != other[$0] }.map { Int64($0) }
  }
}

extension Digest {
  init(_ members: Members) throws(RoostError) {
    let bits = try members.bits()
    let hashes = try members.hashes("hashes")
    guard hashes.count == 1 << bits else {
      throw members.fault("hashes", "range", "There are 2^bits hashes of eight bytes.")
    }
    self.init(stream: try members.int("stream", from: 1), bits: bits, hashes: hashes)
  }
}

extension DigestRanges {
  init(_ members: Members) throws(RoostError) {
    let bits = try members.bits()
    var differ: [Int64] = []
    for (index, range) in try members.array("differ").enumerated() {
      let place = members.place("differ") + "/\(index)"
      let number = try Members.int(range, place, from: (differ.last ?? -1) + 1)
      guard number < 1 << Int64(bits) else {
        throw Members.issue(place, "range", "There are only 2^bits ranges.")
      }
      differ.append(number)
    }
    self.init(
      stream: try members.int("stream", from: 1), bits: bits, head: try members.int("head"),
      differ: differ)
  }
}

extension DigestLeaves {
  init(_ members: Members) throws(RoostError) {
    let bits = try members.bits()
    let list = try members.members("ranges")
    var ranges: [Int64: [UInt64]] = [:]
    for (name, value) in list.object {
      guard let number = Int64(name), String(number) == name, number >= 0,
        number < 1 << Int64(bits)
      else { throw list.fault(name, "range", "The name of this member is a range's number.") }
      // Not by its name: that would look through all of them for each.
      guard let hashes = value.string.flatMap({ HashText.decode($0) }) else {
        throw list.fault(
          name, "type", "A range's leaves are the base64url text of hashes of eight bytes.")
      }
      ranges[number] = hashes
    }
    self.init(
      stream: try members.int("stream", from: 1), bits: bits, head: try members.int("head"),
      ranges: ranges)
  }
}

extension GoneLeaves {
  init(_ members: Members) throws(RoostError) {
    self.init(
      stream: try members.int("stream", from: 1), leaves: try members.hashes("leaves"))
  }
}
