import RoostCore
import SyncProtocol

/// What came since the last commit, out of sight until the next one.
struct Staging: Sendable {
  /// An entry of a stream.
  struct Staged: Sendable {
    let stream: Int64
    let entry: StreamEntry
    /// The entry's mask, as `MaskTable` numbers it.
    let mask: Int
  }

  private(set) var entries: [Staged] = []
  /// How far each stream is staged.
  private(set) var positions: [Int64: Int64] = [:]
  /// Streams that began anew: what they do not bring again goes.
  private(set) var restarted: Set<Int64> = []
  /// Streams that the device may no longer see.
  private(set) var dropped: Set<Int64> = []
  /// Leaves that their streams no longer have.
  private(set) var gone: [Int64: Set<UInt64>] = [:]
  /// As the last `more` gave it.
  var page: Int64?
  /// The tiers that the pull has asked for.
  private(set) var tiers: Set<Lane> = []
  /// Rows of patches that did not fit, and were asked for.
  private(set) var fetched: Set<StreamRow> = []
  private var hasPatches = false

  /// A row as one stream has it.
  struct StreamRow: Hashable, Comparable, Sendable {
    let stream: Int64
    let key: RowKey

    static func < (left: StreamRow, right: StreamRow) -> Bool {
      if left.stream != right.stream { return left.stream < right.stream }
      if left.key.collection != right.key.collection {
        return left.key.collection < right.key.collection
      }
      return left.key.id < right.key.id
    }
  }

  /// The tiers of a request, which a pull that is under way keeps.
  mutating func want(_ asked: [Lane]) -> Set<Lane> {
    if positions.isEmpty { tiers = [] }
    tiers.formUnion(asked.isEmpty ? [.live, .hourly, .daily] : asked)
    return tiers
  }

  /// Takes the streams that the server says the device has lost; what is staged of them goes.
  mutating func drop(_ streams: [Int64]) {
    dropped = Set(streams)
    for stream in dropped { forget(stream) }
  }

  /// Begins a stream anew.
  mutating func restart(_ stream: Int64) {
    forget(stream)
    restarted.insert(stream)
    positions[stream] = 0
  }

  /// Forgets what is staged of a stream.
  mutating func forget(_ stream: Int64) {
    if positions.removeValue(forKey: stream) != nil { entries.removeAll { $0.stream == stream } }
    restarted.remove(stream)
    gone[stream] = nil
  }

  /// Stages a delta; false where something is missing before it.
  mutating func take(_ delta: Delta, cursor: Int64, masks: inout MaskTable) -> Bool {
    guard delta.from <= positions[delta.stream] ?? cursor else { return false }
    masks.learn(delta.masks)
    for entry in delta.entries {
      if entry.baseVersion != nil { hasPatches = true }
      entries.append(
        Staged(stream: delta.stream, entry: entry, mask: masks.number(of: entry)))
    }
    positions[delta.stream] = max(positions[delta.stream] ?? 0, delta.to)
    return true
  }

  /// Takes what a comparison has found gone; the entries come beside it.
  mutating func take(_ leaves: GoneLeaves) { gone[leaves.stream] = Set(leaves.leaves) }

  /// Takes that a comparison has found no difference up to `head`.
  mutating func pass(_ stream: Int64, to head: Int64) {
    gone[stream] = gone[stream] ?? []
    positions[stream] = max(positions[stream] ?? 0, head)
  }

  /// The rows whose patches do not fit what is held, and of which nothing whole comes behind.
  func misfits(held: (StreamRow) -> Int64?) -> [StreamRow] {
    guard hasPatches else { return [] }
    var versions: [StreamRow: Int64?] = [:]
    var wrong: Set<StreamRow> = []
    for staged in entries {
      let row = StreamRow(stream: staged.stream, key: staged.entry.row)
      let version = versions[row] ?? (restarted.contains(staged.stream) ? nil : held(row))
      if let base = staged.entry.baseVersion, base != version {
        wrong.insert(row)
        continue
      }
      wrong.remove(row)
      versions[row] = .some(staged.entry.kind == .put ? staged.entry.version : nil)
    }
    return wrong.sorted()
  }

  mutating func noteFetched(_ rows: [StreamRow]) { fetched.formUnion(rows) }
}
