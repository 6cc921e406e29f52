import Queries
import Records
import RoostCore
import Schema
import SyncProtocol

/// The frames of a request that ask about single streams: digests, leaves and rows.
struct StreamQuestions: Sendable {
  private(set) var digests: [Digest] = []
  private(set) var leaves: [DigestLeaves] = []
  private(set) var fetches: [Fetch] = []

  init() {}

  /// Digests and leaves of a request, at most: each is a look at a whole stream.
  private static let looks = 4
  /// Rows that a request fetches, at most.
  private static let fetched = 1000

  /// Takes a frame that is such a question; false for another one.
  ///
  /// Throws `.payloadTooLarge` where a request asks for more than is read for one.
  mutating func take(_ frame: Frame) throws -> Bool {
    switch frame {
    case .digest(let digest): digests.append(digest)
    case .leaves(let leaves): self.leaves.append(leaves)
    case .fetch(let fetch): fetches.append(fetch)
    default: return false
    }
    guard digests.count + leaves.count <= StreamQuestions.looks else {
      throw RoostError(
        .payloadTooLarge,
        "A request has at most \(StreamQuestions.looks) digests and leaves: ask for the others in "
          + "another one.")
    }
    guard fetches.reduce(0, { $0 + $1.rows.count }) <= StreamQuestions.fetched else {
      throw RoostError(
        .payloadTooLarge, "A request fetches at most \(StreamQuestions.fetched) rows.")
    }
    return true
  }

  var isEmpty: Bool { digests.isEmpty && leaves.isEmpty && fetches.isEmpty }

  /// The streams that are reconciled by digests, and not pulled beside it.
  var streams: Set<Int64> { Set(digests.map(\.stream) + leaves.map(\.stream)) }

  /// The answers, encoded, in the order of the kinds; a stream that the caller does not hold has none.
  func answer(
    _ heads: [StreamHead], _ hello: Hello, room: Int, _ streams: inout StreamReader,
    in reader: any Reader, translated: ([UInt8], SyncPolicy.Tier) throws -> [UInt8]
  ) async throws -> [[UInt8]] {
    if isEmpty { return [] }
    var held: [Int64: StreamHead] = [:]
    for head in heads { held[head.stream] = head }
    var answers: [[UInt8]] = []
    for digest in digests {
      guard let head = held[digest.stream] else { continue }
      let own = try await streams.digest(of: digest.stream, bits: digest.bits)
      let ranges = DigestRanges(
        stream: digest.stream, bits: digest.bits, head: head.sequence,
        differ: own.differing(from: digest.hashes) ?? [])
      answers.append(Frame.ranges(ranges).encoded)
    }
    for leaves in leaves {
      guard let head = held[leaves.stream] else { continue }
      // No further than the comparison of ranges went: what changed in the others since then is
      // behind it.
      let end = min(head.sequence, leaves.head)
      var delta = DeltaWriter(stream: leaves.stream, from: 0)
      let gone = try await streams.write(
        leaves.stream, head.tier, ranges: leaves.ranges, bits: leaves.bits, room: room, to: &delta)
      guard let gone else {
        answers.append(
          Frame.error(
            SyncError(
              code: "too_large",
              message:
                "More differs in stream \(leaves.stream) than one answer holds: empty it, and "
                + "pull it anew.")
          ).encoded)
        continue
      }
      answers.append(Frame.gone(GoneLeaves(stream: leaves.stream, leaves: gone)).encoded)
      answers.append(try translated(delta.finish(to: end), head.tier))
    }
    // All of them share the room of the answer.
    var left = room
    for (index, fetch) in fetches.enumerated() {
      guard let head = held[fetch.stream] else { continue }
      // It moves nothing: the rows stand beside what the client has of the stream.
      let place = hello.staged[fetch.stream] ?? hello.streams[fetch.stream] ?? 0
      var delta = DeltaWriter(stream: fetch.stream, from: place)
      let rows = fetch.rows.compactMap { row -> RowKey? in
        guard let naming = streams.naming else { return row }
        return naming.now[row.collection].map { RowKey(collection: $0, id: row.id) }
      }
      let isWhole = try await streams.write(
        fetch.stream, head.tier, rows: rows, room: left, to: &delta)
      let bytes = try translated(delta.finish(to: place), head.tier)
      left -= bytes.count
      answers.append(bytes)
      let isLast = index == fetches.count - 1
      guard isWhole, left > 0 || isLast else {
        answers.append(
          Frame.error(
            SyncError(
              code: "too_large",
              message: "One answer holds no more of these rows: fetch the others again.")
          ).encoded)
        break
      }
    }
    return answers
  }
}
