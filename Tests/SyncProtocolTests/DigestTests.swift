import RoostCore
import Testing

@testable import SyncProtocol

@Suite struct DigestTests {
  private static func ids(_ count: Int) -> [UUID] {
    var dice = Dice(count)
    return (0..<count).map { _ in UUID(high: 0x0198_0000_0000_7000, low: dice.next() | 1 << 63) }
  }

  @Test func onlyRangesWithAnotherEntryDiffer() {
    let ids = Self.ids(1000)
    let bits = RangeDigest.bits(rows: ids.count)
    var old = RangeDigest(bits: bits)
    var new = RangeDigest(bits: bits)
    for (seq, id) in ids.enumerated() { old.add("goals", id, seq: Int64(seq)) }
    for (seq, id) in ids.enumerated().reversed() {
      switch seq {
      case 10: new.add("goals", id, seq: 2000)
      case 11: continue
      case 12: new.add("bands", id, seq: 12)
      default: new.add("goals", id, seq: Int64(seq))
      }
    }
    let expected = Set([10, 11, 12].map { RangeDigest.range(of: ids[$0], bits: bits) })
    #expect(old.differing(from: new.hashes).map(Set.init) == expected)
    #expect(old.differing(from: old.hashes) == [])
    #expect(old.differing(from: [1]) == nil)
  }

  @Test func aYearAwayCostsLittle() throws {
    // 20,000 rows of which 1 % changed: what digests, leaves and changed rows take, against all rows.
    let ids = Self.ids(20_000)
    let bits = RangeDigest.bits(rows: ids.count)
    var digest = RangeDigest(bits: bits)
    var server = digest
    var leaves: [Int64: [UInt64]] = [:]
    for (seq, id) in ids.enumerated() {
      let leaf = RangeDigest.leaf("goals", id, seq: Int64(seq))
      digest.add(id, leaf: leaf)
      leaves[RangeDigest.range(of: id, bits: bits), default: []].append(leaf)
      server.add("goals", id, seq: Int64(seq % 100 == 7 ? seq + 30_000 : seq))
    }
    let differ = try #require(server.differing(from: digest.hashes))
    let held = leaves.filter { differ.contains($0.key) }
    let frames: [Frame] = [
      .digest(Digest(stream: 1, bits: bits, hashes: digest.hashes)),
      .ranges(DigestRanges(stream: 1, bits: bits, head: 50_000, differ: differ)),
      .leaves(DigestLeaves(stream: 1, bits: bits, head: 50_000, ranges: held)),
      .gone(GoneLeaves(stream: 1, leaves: (0..<200).map { UInt64($0) << 40 })),
    ]
    let entry = 250
    let sent = frames.reduce(0) { $0 + $1.encoded.count } + 200 * entry
    #expect(sent * 100 <= ids.count * entry * 3, "\(sent) of \(ids.count * entry)")
  }
}
