import Records
import RoostCore
import Schema
import SyncProtocol

/// What a client pulls of its streams, from what it says and from what it holds: no I/O.
struct PullPlan: Sendable, Equatable {
  /// A stream with the position behind which the client wants entries.
  struct Stretch: Sendable, Equatable {
    let stream: Int64
    let from: Int64
    let to: Int64
  }

  /// Streams that the client gains.
  private(set) var add: [StreamNotice] = []
  /// Streams of the client that it may no longer see.
  private(set) var drop: [Int64] = []
  /// Streams whose cursor says nothing any more.
  private(set) var resync: [Int64] = []
  /// Streams whose staged entries say nothing any more.
  private(set) var restart: [Int64] = []
  /// What is to be read, the most urgent tier first.
  private(set) var stretches: [Stretch] = []
  /// The cursors that a commit moves.
  private(set) var heads: [Int64: Int64] = [:]

  /// `heads` are those of all streams that the caller holds.
  ///
  /// `isForeign` says that the cursors are of another epoch, `isPageWhole` that no floor was raised
  /// since the client began to stage. Streams in `reconciled` are left out: their digests travel.
  init(
    _ hello: Hello, _ held: [StreamHead], isForeign: Bool, isPageWhole: Bool,
    reconciled: Set<Int64> = []
  ) {
    var known: Set<Int64> = []
    let wanted = Set(hello.tiers.isEmpty ? [.live, .hourly, .daily] : hello.tiers)
    var found: [(tier: Lane, stretch: Stretch)] = []
    for head in held {
      known.insert(head.stream)
      guard let tier = Lane(rawValue: head.tier.rawValue), !reconciled.contains(head.stream) else {
        continue
      }
      let cursor = hello.streams[head.stream]
      // What a slower tier lost goes with the next commit: a row must not stay in sight.
      let lost = cursor.map { head.removal > $0 } ?? false
      guard wanted.contains(tier) || lost else { continue }
      if cursor == nil { add.append(StreamNotice(stream: head.stream, tier: tier)) }
      let from = position(of: head, cursor: cursor, hello, isForeign, isPageWhole)
      if from < head.sequence {
        found.append((tier, Stretch(stream: head.stream, from: from, to: head.sequence)))
      }
      if cursor != head.sequence || isForeign { heads[head.stream] = head.sequence }
    }
    drop = Set(hello.streams.keys).union(hello.staged.keys).subtracting(known).sorted()
    stretches = found.sorted {
      ($0.tier, $0.stretch.stream) < ($1.tier, $1.stretch.stream)
    }.map(\.stretch)
  }

  /// Whether a commit would change nothing for the client.
  var isEmpty: Bool {
    add.isEmpty && drop.isEmpty && resync.isEmpty && restart.isEmpty && heads.isEmpty
  }

  /// The position behind which a stream is read.
  private mutating func position(
    of head: StreamHead, cursor: Int64?, _ hello: Hello, _ isForeign: Bool, _ isPageWhole: Bool
  ) -> Int64 {
    let isWhole =
      cursor.map {
        !isForeign && $0 <= head.sequence && ($0 >= head.floor || $0 == 0)
      } ?? true
    let begin = isWhole ? cursor ?? 0 : 0
    guard let staged = hello.staged[head.stream] else {
      if !isWhole { resync.append(head.stream) }
      return begin
    }
    // A page that began below a floor that has risen since lacks removals. One that stands below the
    // cursor is of a stream that began anew.
    let isStageWhole =
      !isForeign && staged <= head.sequence && (isPageWhole || staged >= head.floor)
    if isStageWhole { return staged }
    // The client lets go of the stream's rows too, so a cursor that is whole is no help.
    restart.append(head.stream)
    if !isWhole { resync.append(head.stream) }
    return 0
  }
}
