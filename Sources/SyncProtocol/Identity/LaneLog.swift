package import RoostCore

/// A client's log of one lane: what it has made, what the server has taken in, what is durable.
///
/// A value without input or output; whoever owns it stores it in the same transaction as the change
/// that a mutation describes.
package struct LaneLog: Sendable, Equatable {
  package let client: UUID
  package let lane: Lane
  /// The last mutation that was made.
  package private(set) var head: LanePosition
  /// Up to here the server has answered.
  package private(set) var acknowledged: Int64
  /// The last mutation that is no longer kept; the genesis at the start.
  package private(set) var floor: LanePosition
  /// Everything after `floor`, in order.
  package private(set) var retained: [ClientMutation]

  package init(client: UUID, lane: Lane) {
    self.client = client
    self.lane = lane
    let genesis = Chain.genesis(client: client, lane: lane)
    head = LanePosition(last: 0, chain: genesis)
    floor = head
    acknowledged = 0
    retained = []
  }

  /// Puts a log together again from what was stored.
  package init(
    client: UUID, lane: Lane, head: LanePosition, acknowledged: Int64, floor: LanePosition,
    retained: [ClientMutation]
  ) {
    self.client = client
    self.lane = lane
    self.head = head
    self.acknowledged = acknowledged
    self.floor = floor
    self.retained = retained
  }

  /// What waits for the server's answer.
  package var unacknowledged: ArraySlice<ClientMutation> {
    retained.drop { $0.seq <= acknowledged }
  }

  /// Makes the next mutation; `oid` is that of one that is brought once more.
  @discardableResult
  package mutating func append(
    _ operations: [ClientOperation], nonce: UInt64, stamp: Stamp, schema: String,
    oid: ChainHash? = nil
  ) -> ClientMutation {
    append(
      ClientMutation(
        seq: head.last + 1, after: head.chain, nonce: nonce, stamp: stamp, schema: schema,
        operations: operations, oid: oid))
  }

  private mutating func append(_ mutation: ClientMutation) -> ClientMutation {
    retained.append(mutation)
    head = LanePosition(last: mutation.seq, chain: mutation.chain)
    return mutation
  }

  /// What the client does after the server has told how far it is.
  package enum Decision: Sendable, Equatable {
    /// Nothing but to go on with what is unacknowledged.
    case goOn
    /// The server has lost what it had acknowledged: push again from `acknowledged`.
    case replay
    /// The lineages have parted: take a new cid and `forked` of every lane.
    case fork
  }

  /// Takes in how far the server is, from a `welcome` or a `pushed`.
  ///
  /// A server that knows more than was ever made here, or another chain at its place, has met a copy
  /// of this client; one that is behind what is kept cannot be served from this log.
  package mutating func receive(_ status: LaneStatus) -> Decision {
    let last = status.position.last
    guard last <= head.last, last >= floor.last, chain(at: last) == status.position.chain else {
      return .fork
    }
    let decision: Decision = last < acknowledged ? .replay : .goOn
    acknowledged = last
    if let durable = status.durable { forget(upTo: durable) }
    return decision
  }

  /// Takes in the answer to a push.
  package mutating func receive(_ pushed: Pushed) -> Decision {
    pushed.state == .forked ? .fork : receive(pushed.status)
  }

  /// Forgets what a backup of the server holds and the server has acknowledged, if that backup is of
  /// this lineage.
  private mutating func forget(upTo durable: LanePosition) {
    let last = min(durable.last, acknowledged)
    guard last > floor.last, last <= head.last, chain(at: durable.last) == durable.chain,
      let chain = chain(at: last)
    else { return }
    floor = LanePosition(last: last, chain: chain)
    retained.removeFirst(retained.count { $0.seq <= last })
  }

  /// The chain at a place that is kept; nil outside.
  package func chain(at seq: Int64) -> ChainHash? {
    if seq == floor.last { return floor.chain }
    guard seq > floor.last, seq <= head.last else { return nil }
    return retained[Int(seq - floor.last - 1)].chain
  }

  /// The log under a new cid, with every mutation that is kept, acknowledged or not: the server
  /// knows by their `oid` which ones it has.
  package func forked(as client: UUID) -> LaneLog {
    var log = LaneLog(client: client, lane: lane)
    for mutation in retained {
      _ = log.append(
        ClientMutation(
          seq: log.head.last + 1, after: log.head.chain, nonce: mutation.nonce,
          stamp: mutation.stamp, schema: mutation.schema, operations: mutation.operations,
          oid: mutation.oid))
    }
    return log
  }

  /// Corrects the stamps of what the server has not seen, by `Restamping`.
  package mutating func restamp(_ correct: (ClientMutation) -> Stamp) {
    for index in retained.indices where retained[index].seq > acknowledged {
      retained[index].stamp = correct(retained[index])
    }
  }
}
