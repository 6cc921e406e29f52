import RoostCore
import SyncProtocol

/// Streams that are compared with the server instead of coming whole, after a long absence.
///
/// The questions are made from the rows as each request goes, so one whose answer was lost is asked
/// again as it was.
struct Comparisons: Sendable {
  enum Step: Sendable, Equatable {
    /// Ask which ranges differ.
    case digest
    /// Say what is held in those that do.
    case leaves(DigestRanges)
    /// The differences are staged.
    case done
  }

  private(set) var steps: [Int64: Step] = [:]
  /// Streams in which too much differs: they come whole.
  private(set) var refused: Set<Int64> = []

  /// Streams of which no more rows are held come whole rather than being compared.
  static let fewRows = 24
  /// After so long without a commit some stream is likely to be below its floor.
  static let longMilliseconds: Int64 = 80 * 86_400_000
  /// Questions of a request: each is a look at a whole stream.
  static let looks = 4
  /// Bytes of one question.
  static let questionBytes = 3_500_000

  mutating func begin(_ stream: Int64) {
    if steps[stream] == nil, !refused.contains(stream) { steps[stream] = .digest }
  }

  mutating func take(_ ranges: DigestRanges) -> Bool {
    guard steps[ranges.stream] == .digest, (0...RangeDigest.mostBits).contains(ranges.bits) else {
      return false
    }
    steps[ranges.stream] = ranges.differ.isEmpty ? .done : .leaves(ranges)
    return ranges.differ.isEmpty
  }

  /// Takes that the answer to leaves has come; false where nobody asked.
  mutating func finish(_ stream: Int64) -> Bool {
    guard case .leaves? = steps[stream] else { return false }
    steps[stream] = .done
    return true
  }

  mutating func refuse(_ stream: Int64) {
    steps[stream] = nil
    refused.insert(stream)
  }

  mutating func forget(_ stream: Int64) { steps[stream] = nil }

  /// The streams with a question that is still open, the lowest number first.
  var open: [Int64] { steps.filter { $0.value != .done }.keys.sorted() }

  /// The question about a stream; nil where it would be too large.
  func question(_ stream: Int64, _ rows: any RowStore) -> (frame: Frame, bytes: Int)? {
    switch steps[stream] {
    case .digest:
      let keys = rows.keys(in: stream)
      var digest = RangeDigest(bits: RangeDigest.bits(rows: keys.count))
      for key in keys {
        guard let reference = rows.row(key)?.reference(of: stream) else { continue }
        digest.add(key.collection, key.id, seq: reference.seq)
      }
      let frame = Digest(stream: stream, bits: digest.bits, hashes: digest.hashes)
      return (.digest(frame), digest.hashes.count * 11 + 200)
    case .leaves(let ranges):
      var leaves: [Int64: [UInt64]] = [:]
      for range in ranges.differ { leaves[range] = [] }
      var bytes = 200 + leaves.count * 12
      for key in rows.keys(in: stream) {
        let range = RangeDigest.range(of: key.id, bits: ranges.bits)
        guard leaves[range] != nil, let reference = rows.row(key)?.reference(of: stream) else {
          continue
        }
        bytes += 11
        leaves[range]?.append(RangeDigest.leaf(key.collection, key.id, seq: reference.seq))
      }
      guard bytes <= Comparisons.questionBytes else { return nil }
      let frame = DigestLeaves(
        stream: stream, bits: ranges.bits, head: ranges.head,
        ranges: leaves.mapValues { $0.sorted() })
      return (.leaves(frame), bytes)
    case .done, nil: return nil
    }
  }
}
