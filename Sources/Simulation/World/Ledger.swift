import RoostCore
import SyncProtocol

/// What a world knows of each operation, whoever has forgotten it.
struct Ledger {
  struct Operation {
    let oid: ChainHash
    let device: Int
    let person: Int
    let operations: [ClientOperation]
    /// The stamp under which the server took it in.
    var taken: Stamp?
    /// As it was sent, with the stamps of what its edits were made on; nil where that differed.
    var sent: [ClientOperation]?
    /// It was more than a minute ahead, or too old, so that the server gave it a time of its own.
    var isClamped = false
  }

  private(set) var operations: [ChainHash: Operation] = [:]
  /// Those that the server has answered for since it was last put back to an older copy.
  var acknowledged: Set<ChainHash> = []
  /// The latest stamp with which something was tried in each lane, by device and lane.
  var latestAttempts: [String: HybridTime] = [:]
  /// When a push last arrived of each client.
  var arrivals: [UUID: Int64] = [:]
  /// Those that it ever answered for.
  var everAnswered: Set<ChainHash> = []
  /// The heads that were told to devices, in the present epoch.
  var published: [Int64: Int64] = [:]
  /// Rows that were deleted, as far as the server has not been put back since.
  var deleted: Set<RowKey> = []
  /// Rows that something else than operations changed.
  var touched: Set<UUID> = []
  /// Where each operation was first answered that it took place: client, lane and sequence.
  var places: [ChainHash: String] = [:]

  mutating func note(_ oid: ChainHash, by device: WorldDevice, _ made: [ClientOperation]) {
    operations[oid] = Operation(
      oid: oid, device: device.number, person: device.person, operations: made)
  }

  mutating func change(_ oid: ChainHash, _ body: (inout Operation) -> Void) {
    guard var operation = operations[oid] else { return }
    body(&operation)
    operations[oid] = operation
  }
}
