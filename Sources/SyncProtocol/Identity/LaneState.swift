package import RoostCore

/// How far the server has taken in one lane of one client, and what it does with the next mutation.
///
/// A sequence alone does not tell a repeat from another change of a copied device, so each mutation
/// is compared by its chain. The state is a value: the server keeps `last` and `chain` of each lane
/// for ever and the chains of mutations for as long as it keeps their results.
package struct LaneState: Sendable, Equatable {
  /// The last mutation that was taken in, and its chain.
  package private(set) var position: LanePosition

  package init(position: LanePosition) { self.position = position }

  /// The state of a lane that brought nothing yet.
  package init(client: UUID, lane: Lane) {
    position = LanePosition(last: 0, chain: Chain.genesis(client: client, lane: lane))
  }

  /// What the server does with one mutation.
  package enum Decision: Sendable, Equatable {
    /// It was taken in before, on this very place: answer the result that is kept.
    case skip
    /// Its `oid` is known: take its place in the lane, change nothing, answer `dup`.
    case duplicate
    /// Carry it out, then `advance`.
    case apply
    /// It cannot be carried out whatever the data are: answer `rejected` with this fault, then
    /// `advance`.
    case reject(FieldIssue)
    /// Another lineage stands at its place: stop, answer `forked`.
    case forked
    /// Mutations before it are missing: stop, answer `gap`.
    case gap
  }

  /// Decides on the next mutation of a push.
  ///
  /// `known` is the chain that was taken in at its sequence, or nil where none is kept; `isKnown`
  /// says whether a mutation of this `oid` of this account was taken in, in whichever lane.
  package func decide(
    _ mutation: ClientMutation, known: ChainHash?, isKnown: Bool
  ) -> Decision {
    if mutation.seq <= position.last {
      let chain = mutation.seq == position.last ? position.chain : known
      return chain == mutation.chain ? .skip : .forked
    }
    guard mutation.seq == position.last + 1 else { return .gap }
    guard mutation.prev == position.chain else { return .forked }
    if let fault = mutation.fault { return .reject(fault) }
    return isKnown ? .duplicate : .apply
  }

  /// Takes the place of a mutation, whatever its result: a rejection advances too.
  package mutating func advance(over mutation: ClientMutation) {
    position = LanePosition(last: mutation.seq, chain: mutation.chain)
  }

  /// The highest sequence of a push whose chain was taken in: up to it both lineages are the same,
  /// because a chain is made of all before it.
  ///
  /// Everything up to it is skipped.
  ///
  /// `known` gives the chain that was taken in at a sequence, or nil where none is kept.
  package func common(
    _ mutations: [ClientMutation], known: (Int64) -> ChainHash?
  ) -> Int64 {
    for mutation in mutations.reversed() where mutation.seq <= position.last {
      let chain = mutation.seq == position.last ? position.chain : known(mutation.seq)
      if chain == mutation.chain { return mutation.seq }
    }
    return 0
  }
}
