import Queries
import RoostCore
import SyncProtocol

/// What is kept of the mutations of a push that were taken in before, in whichever lane.
struct KnownMutations: Sendable {
  private struct Entry {
    let client: UUID
    let lane: String
    let seq: Int64
    let chain: ChainHash
    let result: String
  }

  /// How long the result of a mutation is kept.
  static let keptMilliseconds: Int64 = 400 * 86_400_000

  private let client: UUID
  private let lane: Lane
  /// Before it nothing is kept any more.
  private let oldest: HybridTime
  private var entries: [ChainHash: Entry] = [:]
  /// Operations that were taken in on behalf of other accounts.
  private var foreign: Set<ChainHash> = []

  /// Looks the operations of `mutations` up among those of an account.
  init(
    _ mutations: ArraySlice<ClientMutation>, of account: UUID, _ lane: StoredLane,
    at now: Timestamp, keys: DataKeys?, in transaction: any Transaction
  ) async throws {
    client = lane.client
    self.lane = lane.lane
    oldest = HybridTime(
      milliseconds: max(0, now.milliseconds - KnownMutations.keptMilliseconds), counter: 0)
    var rest = mutations
    while !rest.isEmpty {
      let ids = rest.prefix(PaddedList.largest).map { Value.uuid($0.oid.uuid) }
      rest = rest.dropFirst(PaddedList.largest)
      let list = PaddedList.padded(ids)
      let statement = SyncTables.mutations[transaction.dialect, list.count]
      try await transaction.query(statement, list) { row in
        guard row.uuid(6) == account else {
          if let oid = row.uuid(0) { foreign.insert(ChainHash(uuid: oid)) }
          return true
        }
        if let oid = row.uuid(0), let client = row.uuid(1), let chain = row.uuid(4) {
          var result = row.text(5)
          // One that does not open tells of the repeat alone.
          if result.hasPrefix("$") { result = keys?.text(result, KnownMutations.place(oid)) ?? "" }
          entries[ChainHash(uuid: oid)] = Entry(
            client: client, lane: row.text(2), seq: row.int64(3), chain: ChainHash(uuid: chain),
            result: result)
        }
        return true
      }
    }
  }

  /// Where the sealed result of a mutation opens.
  static func place(_ oid: UUID) -> SealedPlace { SealedPlace("result", oid.bytes) }

  /// What is answered on a mutation that is numbered anew, and was or may have been carried out where
  /// nobody can see any more that it was: on behalf of another account of the device, or before what
  /// is kept of mutations.
  func past(_ mutation: ClientMutation) -> MutationResult? {
    if foreign.contains(mutation.oid) {
      return MutationResult(
        seq: mutation.seq, .rejected, code: "foreign",
        message: "This change was made by another account on this device.")
    }
    if mutation.oid != mutation.chain, mutation.stamp.time < oldest {
      return MutationResult(
        seq: mutation.seq, .rejected, code: "expired",
        message: "This change is too old to tell whether it took place: look at what is there, and "
          + "repeat it if you still want it.")
    }
    return nil
  }

  /// Whether a mutation of this operation was taken in.
  func contains(_ oid: ChainHash) -> Bool { entries[oid] != nil }

  /// Whether a mutation was refused for want of a row: nothing of it took place, and where it is
  /// brought once more, behind or in another lineage, that row may have come.
  func isStranded(_ mutation: ClientMutation) -> Bool {
    guard let entry = entries[mutation.oid] else { return false }
    return StoredResult.result(entry.result, seq: entry.seq).isForWantOfRow
  }

  /// Takes note of one that was taken in just now.
  mutating func insert(_ mutation: ClientMutation, _ result: MutationResult) {
    entries[mutation.oid] = Entry(
      client: client, lane: lane.rawValue, seq: mutation.seq, chain: mutation.chain,
      result: StoredResult.text(result))
  }

  /// The chain that was taken in at the place of a mutation whose place was taken before.
  ///
  /// One that took its place as a repeat of another has no entry of its own: the other's stands for
  /// it. Of one that is older than what is kept the client's word is taken, since a fork would have
  /// everything that it still holds carried out a second time.
  func chain(at mutation: ClientMutation) -> ChainHash? {
    guard let entry = entries[mutation.oid] else {
      return mutation.stamp.time < oldest ? mutation.chain : nil
    }
    guard entry.client == client, entry.lane == lane.rawValue else { return mutation.chain }
    return entry.seq == mutation.seq ? entry.chain : mutation.chain
  }

  /// What is answered on a repeat: what became of the mutation, where that is more than that it took
  /// place.
  func result(_ mutation: ClientMutation, isSamePlace: Bool) -> MutationResult {
    guard let entry = entries[mutation.oid] else { return MutationResult(seq: mutation.seq, .dup) }
    let result = StoredResult.result(entry.result, seq: mutation.seq)
    switch result.outcome {
    case .ok, .merged:
      let isOwn =
        isSamePlace && entry.client == client && entry.lane == lane.rawValue
        && entry.seq == mutation.seq
      return isOwn ? result : MutationResult(seq: mutation.seq, .dup)
    case .dup, .rejected, .conflict: return result
    }
  }
}
