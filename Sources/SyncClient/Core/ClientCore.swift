package import RoostCore
package import SyncProtocol

/// A device: its rows, what it has changed and the server has not, and what it has heard so far.
///
/// A state machine without a disk, a network, a clock or chance of its own; all of them are given
/// to it. It is a value: a copy is a backup of the device, and one that goes on beside the
/// original forks as the server finds out.
///
/// The owner stores the state after each call that changes it, in one transaction: after `change`
/// before the app is told that its change is kept, after `request` before its frames are sent, and
/// after `receive` before the next request. A device that crashes goes on from what it has stored;
/// no mutation is lost that was stored, and none takes place twice that was sent.
package struct ClientCore: Sendable {
  package let device: DeviceNotice?
  package internal(set) var plan: ClientPlan
  /// The version of the schema that new changes speak of.
  package internal(set) var schema: String
  package internal(set) var state = ClientState.syncing
  /// What a person is to be shown, by the mutation's `oid`: what was refused, and what they must
  /// choose.
  package internal(set) var results: [ChainHash: MutationResult] = [:]
  /// The rows that the last call may have changed in sight.
  package internal(set) var touched: Set<RowKey> = []
  /// The errors of the last answer.
  package internal(set) var errors: [SyncError] = []
  /// How often the device took a new lineage.
  package internal(set) var forks = 0
  /// Number of the last request.
  package internal(set) var ticket: UInt64 = 0

  var store: any RowStore
  var lanes: Lanes
  var clock = DeviceClock()
  var streams = StreamTable()
  var masks = MaskTable()
  var staging = Staging()
  var comparisons = Comparisons()
  /// What the mutations asked for whose results are to be shown.
  var refused: [ChainHash: [ClientOperation]] = [:]
  var stranded = Stranded()
  /// What the last request waits for; nil where nothing is under way.
  var asked: Asked?
  /// When the last commit was applied, by the corrected clock.
  var committedAt: Int64?
  /// The versions as the server last gave them.
  var versions: SyncProtocol.SchemaNotice?
  /// The versions with which the server refused changes.
  var refusingVersions: SyncProtocol.SchemaNotice?

  /// What a request said that its answer is about.
  struct Asked: Sendable {
    let ticket: UInt64
    let wall: Int64
    let client: UUID
    /// The tiers that a commit brings.
    let tiers: Set<Lane>
    /// Streams whose leaves were sent.
    var leaves: Set<Int64> = []
    var fetches: [Fetch] = []
  }

  /// `client` is random, and new with each installation; `schema` is the version that the app was
  /// made for.
  package init(
    client: UUID, device: DeviceNotice?, plan: ClientPlan, schema: String,
    rows: any RowStore = MemoryRowStore()
  ) {
    self.device = device
    self.plan = plan
    self.schema = schema
    store = rows
    lanes = Lanes(client: client)
  }

  /// The lineage of the device's mutations, which changes as it forks.
  package var client: UUID { lanes.client }

  /// The epoch of the server that the cursors are of.
  package var epoch: UUID? { streams.epoch }

  /// The streams that the device holds, with its cursors.
  package var cursors: [Int64: Int64] { streams.cursors }

  /// Mutations that are not in the last commit.
  package var pendingCount: Int { lanes.pendingCount }

  /// Mutations whose result is not known.
  package var unacknowledgedCount: Int { lanes.unansweredCount }

  /// Mutations that a server that was put back refused for want of rows, and that wait although their
  /// rows have come: there is to be none.
  package var idleCount: Int { stranded.idleCount { store.row($0) != nil } }

  /// Every mutation that the device keeps, each lane in its order.
  package var retained: [Lane: [ClientMutation]] { lanes.queues.mapValues(\.log.retained) }

  /// What became of a mutation; nil before the answer, and of one that is kept no longer.
  package func outcome(of oid: ChainHash) -> MutationResult.Outcome? { lanes.notes[oid]?.outcome }

  /// What a mutation asked for whose result is to be shown, so that a person keeps their values.
  package func operations(of oid: ChainHash) -> [ClientOperation] { refused[oid] ?? [] }

  /// Forgets a result that a person was shown.
  ///
  /// To be stored before the app goes on, or the person is shown it again.
  package mutating func forget(_ oid: ChainHash) {
    touched = []
    guard results.removeValue(forKey: oid) != nil else { return }
    refused[oid] = nil
    lanes.noteTold(oid)
  }
}
