import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// The mutations of a push, or of a part of one, in one transaction.
struct PushWork: Sendable {
  let records: RecordStore
  let actions: ActionRunner?
  let caller: Caller
  let account: UUID
  let push: Push
  let mutations: ArraySlice<ClientMutation>
  /// The operations of each mutation in the words of the server's schema, or why they have none.
  let lifted: [Result<[ClientOperation], RoostError>]

  /// What became of it.
  struct Answer: Sendable {
    var pushed: Pushed
    /// Mutations that had been taken in before.
    var repeats = 0
    /// What the others came to.
    var outcomes: [MutationResult.Outcome] = []
  }

  /// What the transaction keeps in hand.
  private struct State {
    var lane: StoredLane
    var position: LaneState
    var known: KnownMutations
    var rows: [[Value]] = []
    var results: [MutationResult] = []
    var repeats = 0
    var outcomes: [MutationResult.Outcome] = []
    var budget = Deletion.inlineRows
  }

  func run(in transaction: any Transaction) async throws -> Answer {
    let now = records.ambient.time.now()
    guard
      let lane = try await StoredLane.hold(
        push.cid, push.lane, of: account, at: now, in: transaction)
    else { return Answer(pushed: foreign) }
    var state = State(
      lane: lane, position: LaneState(position: lane.position),
      known: try await KnownMutations(mutations, of: account, lane, at: now, in: transaction))
    let known = state.known
    var end = Pushed.State.taken
    loop: for (offset, mutation) in mutations.enumerated() {
      let isKnown = state.known.contains(mutation.oid)
      let decision = state.position.decide(
        mutation, known: state.known.chain(at: mutation), isKnown: isKnown)
      switch decision {
      case .skip:
        state.results.append(state.known.result(mutation, isSamePlace: true))
        state.repeats += 1
        continue
      case .forked:
        end = .forked
        break loop
      case .gap:
        end = .gap
        break loop
      case .duplicate:
        state.results.append(state.known.result(mutation, isSamePlace: false))
        state.repeats += 1
      case .reject(let fault):
        take(
          MutationResult(
            seq: mutation.seq, .rejected, code: fault.code, message: fault.message,
            issues: [PushRefusal.placed(fault)]), of: mutation, isKnown: isKnown, at: now, &state)
      case .apply:
        let result: MutationResult
        if let past = state.known.past(mutation) {
          result = past
        } else {
          result = try await carryOut(mutation, lifted[offset], at: now, &state, transaction)
        }
        take(result, of: mutation, isKnown: false, at: now, &state)
      }
      state.position.advance(over: mutation)
      state.lane.schema = mutation.schema
    }
    if state.position.position != lane.position {
      state.lane.position = state.position.position
      try await SyncTables.putMutations.run(state.rows, in: transaction)
      try await state.lane.save(at: now, in: transaction)
    }
    var pushed = Pushed(
      lane: push.lane, state: end, status: LaneStatus(position: state.position.position),
      results: state.results)
    if end == .forked {
      pushed.common = LaneState(position: lane.position).common(push.mutations) { seq in
        push.mutations.first { $0.seq == seq }.flatMap { known.chain(at: $0) }
      }
    }
    return Answer(pushed: pushed, repeats: state.repeats, outcomes: state.outcomes)
  }

  /// The answer for a client of another account: as if it had copied a device that nobody knows, so
  /// that it takes an identity of its own and learns nothing.
  private var foreign: Pushed {
    let genesis = Chain.genesis(client: push.cid, lane: push.lane)
    return Pushed(
      lane: push.lane, state: .forked,
      status: LaneStatus(position: LanePosition(last: 0, chain: genesis)), common: 0)
  }

  /// Keeps the result of a mutation.
  private func take(
    _ result: MutationResult, of mutation: ClientMutation, isKnown: Bool, at now: Timestamp,
    _ state: inout State
  ) {
    state.results.append(result)
    state.outcomes.append(result.outcome)
    guard !isKnown else { return }
    state.known.insert(mutation, result)
    state.rows.append([
      .uuid(account), .uuid(mutation.oid.uuid), .uuid(push.cid), .text(push.lane.rawValue),
      .int(mutation.seq), .uuid(mutation.chain.uuid), .text(StoredResult.text(result)),
      .timestamp(now),
    ])
  }

  // MARK: One mutation

  private func carryOut(
    _ mutation: ClientMutation, _ lifted: Result<[ClientOperation], RoostError>,
    at now: Timestamp, _ state: inout State, _ transaction: any Transaction
  ) async throws -> MutationResult {
    let time = records.path.clock.receive(mutation.stamp.time)
    let operations: [ClientOperation]
    switch lifted {
    case .success(let lifted): operations = lifted
    case .failure(let error):
      return MutationResult(
        seq: mutation.seq, .rejected, code: error.code.rawValue, message: error.detail,
        issues: Array(error.issues.prefix(PushRefusal.shownIssues)))
    }
    let work = PushedMutation(
      records: records, actions: actions, caller: caller, mutation: mutation,
      operations: operations, stamp: Stamp(time: time, client: push.cid),
      madeAt: OperationTime(
        claimed: Timestamp(milliseconds: time.milliseconds),
        lastAccepted: Timestamp(milliseconds: state.lane.clock.milliseconds)),
      now: now)
    state.lane.clock = max(state.lane.clock, time)
    var budget = state.budget
    var result = MutationResult(seq: mutation.seq, .ok)
    do {
      try await transaction.attempt {
        result = try await work.carryOut(deleting: &budget, in: transaction)
      }
    } catch let failure as OperationFailure {
      if let taken = try await taken(failure, work, transaction) { return taken }
      guard let refused = PushRefusal.result(failure, seq: mutation.seq) else {
        throw failure.error
      }
      // What the person is to choose against the next time; the attempt that found it is undone.
      switch failure.error {
      case ConflictRefusal.outdated(let conflict, let value, _):
        try await transaction.post(
          SyncTables.renewConflict, [.text(value.text), .uuid(conflict.id)])
      case ConflictRefusal.moot(let conflict):
        try await transaction.post(
          SyncTables.resolve, [.timestamp(now), .null, .uuid(conflict.id)])
      default: break
      }
      return refused
    }
    state.budget = budget
    return result
  }

  /// The result of a create whose id is taken; nil for other failures.
  private func taken(
    _ failure: OperationFailure, _ work: PushedMutation, _ transaction: any Transaction
  ) async throws -> MutationResult? {
    guard case .create(let name, let id, _) = failure.operation,
      (failure.error as? RoostError)?.code == .conflict,
      let collection = records.catalogue.collection(named: name)
    else { return nil }
    var isTaken = false
    try await transaction.query(collection.selectRow, [.uuid(id)]) { _ in
      isTaken = true
      return false
    }
    guard isTaken else { return nil }
    return MutationResult(
      seq: work.mutation.seq, .rejected, code: "exists",
      message: "There is another record of \(name) under this id: make the record anew.")
  }
}
