import Cryptography
package import RoostCore

/// A change as a client queues and pushes it: operations under an identity that survives retries,
/// copies of the device, and restores on either side.
package struct ClientMutation: Sendable, Equatable {
  /// Dense within a lane of a client, from 1.
  package let seq: Int64
  /// 64 random bits, so that equal changes on two copies of a device have different chains.
  package let nonce: UInt64
  /// The first chain that the mutation ever had; stays when a fork numbers it anew.
  package let oid: ChainHash
  /// The chain of the mutation before it in the lane.
  package let prev: ChainHash
  /// `Chain.next` of the rest.
  package let chain: ChainHash
  /// When it was made.
  ///
  /// Not hashed, because it may be corrected before it is pushed.
  package var stamp: Stamp
  /// The version of the schema that the operations speak of.
  package let schema: String
  package let operations: [ClientOperation]
  /// Why the mutation cannot be carried out whatever the data are; it takes its place in the lane,
  /// and is answered `rejected`, so that a queue never stops at it.
  package let fault: FieldIssue?

  package init(
    seq: Int64, nonce: UInt64, oid: ChainHash, prev: ChainHash, chain: ChainHash, stamp: Stamp,
    schema: String, operations: [ClientOperation], fault: FieldIssue? = nil
  ) {
    self.seq = seq
    self.nonce = nonce
    self.oid = oid
    self.prev = prev
    self.chain = chain
    self.stamp = stamp
    self.schema = schema
    self.operations = operations
    self.fault = fault
  }

  /// The next mutation of a lane, whose last one has `prev`; `oid` is that of a mutation that is
  /// numbered anew.
  package init(
    seq: Int64, after prev: ChainHash, nonce: UInt64, stamp: Stamp, schema: String,
    operations: [ClientOperation], oid: ChainHash? = nil
  ) {
    let chain = Chain.next(
      prev, seq: seq, nonce: nonce, schema: schema,
      operations: .array(operations.map(\.json)))
    self.init(
      seq: seq, nonce: nonce, oid: oid ?? chain, prev: prev, chain: chain, stamp: stamp,
      schema: schema, operations: operations)
  }
}

/// The chain that a lane's mutations form.
package enum Chain {
  /// What the first mutation of a lane follows: the hash of `roost:lane:1`, the client's sixteen
  /// bytes, and the lane's name.
  package static func genesis(client: UUID, lane: Lane) -> ChainHash {
    hash(Array("roost:lane:1".utf8) + client.bytes + Array(lane.rawValue.utf8))
  }

  /// The chain of a mutation: the hash of `roost:mutation:1`, the sixteen bytes of `prev`, the
  /// sequence and the nonce in eight bytes each, big-endian, the schema as a text without its tag,
  /// and the canonical bytes of the operations.
  package static func next(
    _ prev: ChainHash, seq: Int64, nonce: UInt64, schema: String, operations: JSON
  ) -> ChainHash {
    hash(bytes(prev, seq: seq, nonce: nonce, schema: schema, operations: operations))
  }

  /// What `next` hashes.
  package static func bytes(
    _ prev: ChainHash, seq: Int64, nonce: UInt64, schema: String, operations: JSON
  ) -> [UInt8] {
    var bytes = Array("roost:mutation:1".utf8)
    bytes.reserveCapacity(512)
    CanonicalBytes.append(prev.high, to: &bytes)
    CanonicalBytes.append(prev.low, to: &bytes)
    CanonicalBytes.append(UInt64(bitPattern: seq), to: &bytes)
    CanonicalBytes.append(nonce, to: &bytes)
    CanonicalBytes.append(schema, to: &bytes)
    CanonicalBytes.append(operations, to: &bytes)
    return bytes
  }

  private static func hash(_ bytes: [UInt8]) -> ChainHash {
    ChainHash(digest: SHA256.digest(bytes))
  }
}
