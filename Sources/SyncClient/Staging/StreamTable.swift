import RoostCore
import SyncProtocol

/// The streams that a device holds, within one epoch of the server.
struct StreamTable: Sendable {
  var epoch: UUID?
  /// As the last commit gave it.
  var mark: String?
  private(set) var cursors: [Int64: Int64] = [:]
  /// The tiers of streams, as far as the server has named them.
  private(set) var tiers: [Int64: Lane] = [:]
  /// Streams that come whole, with the tier that they had: what they do not bring again goes with
  /// the commit that brings them.
  private(set) var replaced: [Int64: Lane?] = [:]
  /// The tiers that streams had in histories of before: what a device says that it holds is not named
  /// to it again.
  private var formerTiers: [Int64: Lane] = [:]

  /// Goes over to another history of the server: streams come whole, and their numbers may mean
  /// others than before.
  mutating func begin(_ epoch: UUID) {
    formerTiers.merge(tiers) { $1 }
    bringWhole(formerTiers)
    tiers = [:]
    mark = nil
    self.epoch = epoch
  }

  /// Streams come whole, though they are the same.
  mutating func beginAnew() { bringWhole(tiers) }

  /// What has not come since the last time is still of the tier that it had then.
  private mutating func bringWhole(_ known: [Int64: Lane]) {
    for stream in cursors.keys where (replaced[stream] ?? nil) == nil {
      replaced[stream] = .some(known[stream])
    }
    cursors = cursors.mapValues { _ in 0 }
  }

  mutating func add(_ notice: StreamNotice) {
    if cursors[notice.stream] == nil { cursors[notice.stream] = 0 }
    tiers[notice.stream] = notice.tier
  }

  mutating func replace(_ stream: Int64) {
    if replaced[stream] == nil { replaced[stream] = .some(tiers[stream]) }
  }

  /// The stream is compared instead.
  mutating func keep(_ stream: Int64) { replaced[stream] = nil }

  /// The streams that a commit has brought whole, of those that were to come so.
  func brought(by heads: [Int64: Int64], tiers wanted: Set<Lane>) -> Set<Int64> {
    Set(
      replaced.filter { stream, tier in
        heads[stream] != nil || tier.map { wanted.contains($0) } ?? false
      }.keys)
  }

  mutating func commit(heads: [Int64: Int64], dropped: Set<Int64>, brought: Set<Int64>) {
    for (stream, head) in heads { cursors[stream] = head }
    for stream in dropped {
      cursors[stream] = nil
      tiers[stream] = nil
      replaced[stream] = nil
    }
    for stream in brought { replaced[stream] = nil }
  }
}
