/// `{"frame": "digest", stream, bits, hashes}`: what the client holds of a stream, by ranges.
///
/// A range is the rows whose ids have the same last `bits` bits, and these are its number. `hashes` is
/// the base64url text of the ranges' hashes in their order, eight bytes each, big-endian.
package struct Digest: Sendable, Equatable {
  package var stream: Int64
  package var bits: Int
  /// 2^bits hashes.
  package var hashes: [UInt64]

  package init(stream: Int64, bits: Int, hashes: [UInt64]) {
    self.stream = stream
    self.bits = bits
    self.hashes = hashes
  }
}

/// `{"frame": "ranges", stream, bits, head, differ}`: the ranges that are not the same.
package struct DigestRanges: Sendable, Equatable {
  package var stream: Int64
  package var bits: Int
  /// The stream's head when they were compared.
  package var head: Int64
  /// The numbers of the ranges, from 0, rising.
  package var differ: [Int64]

  package init(stream: Int64, bits: Int, head: Int64, differ: [Int64]) {
    self.stream = stream
    self.bits = bits
    self.head = head
    self.differ = differ
  }
}

/// `{"frame": "leaves", stream, bits, head, ranges: {number: hashes}}`: each row's leaf in the
/// ranges that differ.
package struct DigestLeaves: Sendable, Equatable {
  package var stream: Int64
  package var bits: Int
  /// As the ranges gave it.
  package var head: Int64
  package var ranges: [Int64: [UInt64]]

  package init(stream: Int64, bits: Int, head: Int64, ranges: [Int64: [UInt64]]) {
    self.stream = stream
    self.bits = bits
    self.head = head
    self.ranges = ranges
  }
}

/// `{"frame": "gone", stream, leaves}`: leaves of the client that the stream no longer has.
///
/// A delta from 0 to the `head` of the ranges stands beside it, with the entries whose leaf the
/// client lacks.
package struct GoneLeaves: Sendable, Equatable {
  package var stream: Int64
  package var leaves: [UInt64]

  package init(stream: Int64, leaves: [UInt64]) {
    self.stream = stream
    self.leaves = leaves
  }
}
