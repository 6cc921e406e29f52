import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// The mutations of a push, or of a part of one, in one transaction.
struct PushWork: Sendable {
  let records: RecordStore
  let actions: ActionRunner?
  let admits: PushAdmission
  let caller: Caller
  let account: UUID
  let push: Push
  let mutations: ArraySlice<ClientMutation>
  /// The operations of each mutation in the words of the server's schema, or why they have none.
  let lifted: [Result<LiftedMutation, RoostError>]

  /// Results in the words of the device.
  let tell: @Sendable (MutationResult, ClientMutation) -> MutationResult
  /// A mutation that is given up: it met a fault of the server too often.
  var givenUp: ChainHash?

  /// Operations after which a transaction ends, between two mutations: everybody's writes wait for it
  /// on a file.
  static let operationsAtOnce = 512
  /// The same for the time that it has taken.
  static let nanosecondsAtOnce: UInt64 = 50_000_000

  /// What became of it.
  struct Answer: Sendable {
    var pushed: Pushed
    /// How many of the mutations were looked at; the others wait for the next transaction.
    var seen = 0
    /// Whether it was carried out to a commit.
    var isWhole = true
    /// What kept the server from carrying out the mutation behind those that were seen.
    var fault: ServerFault?
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
    do {
      try await admits(transaction)
    } catch {
      throw NotAdmitted(cause: error)
    }
    guard
      let lane = try await StoredLane.hold(
        push.cid, push.lane, of: account, at: now, in: transaction)
    else { return Answer(pushed: foreign) }
    var state = State(
      lane: lane, position: LaneState(position: lane.position),
      known: try await KnownMutations(
        mutations, of: account, lane, at: now, keys: records.catalogue.keys, in: transaction))
    var end = Pushed.State.taken
    var fault: ServerFault?
    var operations = 0
    var seen = 0
    let began = records.ambient.time.monotonicNanoseconds()
    loop: for (offset, mutation) in mutations.enumerated() {
      if operations >= PushWork.operationsAtOnce
        || operations > 0
          && records.ambient.time.monotonicNanoseconds() &- began >= PushWork.nanosecondsAtOnce
      {
        break
      }
      let isKnown = state.known.contains(mutation.oid)
      let decision = state.position.decide(
        mutation, known: state.known.chain(at: mutation), isKnown: isKnown)
      switch decision {
      case .skip:
        state.results.append(state.known.result(mutation, isSamePlace: true))
        state.repeats += 1
        seen += 1
        continue
      case .forked:
        end = .forked
        break loop
      case .gap:
        end = .gap
        break loop
      case .duplicate where !state.known.isStranded(mutation):
        state.results.append(state.known.result(mutation, isSamePlace: false))
        state.repeats += 1
      case .reject(let fault):
        take(
          MutationResult(
            seq: mutation.seq, .rejected, code: fault.code,
            message: ClientFault.told(fault.message),
            issues: [PushRefusal.placed(fault)]), of: mutation, isKnown: isKnown, at: now, &state)
      case .apply, .duplicate:
        let isAgain = decision == .duplicate
        let result: MutationResult
        if !isAgain, let past = state.known.past(mutation) {
          result = past
        } else if mutation.oid == givenUp {
          result = MutationResult(
            seq: mutation.seq, .rejected, code: "failed",
            message: "The server has failed at this change again and again, and has given it up: "
              + "nothing of it took place. Make it anew if you still want it.")
        } else {
          do {
            operations += max(1, mutation.operations.count)
            result = try await carryOut(
              mutation, lifted[offset], isAgain: isAgain, at: now, &state, transaction)
          } catch let met as ServerFault {
            fault = met
            break loop
          }
        }
        if isAgain { try await replace(mutation, &state, in: transaction) }
        take(result, of: mutation, isKnown: false, at: now, &state)
      }
      seen += 1
      state.position.advance(over: mutation)
      state.lane.schema = mutation.schema
    }
    if state.position.position != lane.position {
      state.lane.position = state.position.position
      try await seal(&state.rows, in: transaction)
      try await SyncTables.putMutations.run(state.rows, in: transaction)
      try await state.lane.save(at: now, in: transaction)
    }
    var pushed = Pushed(
      lane: push.lane, state: end, status: LaneStatus(position: state.position.position),
      results: state.results)
    if end == .forked {
      // An earlier part of the push may have been taken in by another transaction.
      let known = try await KnownMutations(
        push.mutations[...], of: account, lane, at: now, keys: records.catalogue.keys,
        in: transaction)
      pushed.common = LaneState(position: lane.position).common(push.mutations) { seq in
        push.mutations.first { $0.seq == seq }.flatMap { known.chain(at: $0) }
      }
    }
    return Answer(
      pushed: pushed, seen: seen, fault: fault, repeats: state.repeats, outcomes: state.outcomes)
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

  /// Forgets what a mutation came to before: another result takes the place.
  private func replace(
    _ mutation: ClientMutation, _ state: inout State, in transaction: any Transaction
  ) async throws {
    let oid = Value.uuid(mutation.oid.uuid)
    if let index = state.rows.lastIndex(where: { $0[1] == oid }) {
      state.rows.remove(at: index)
    } else {
      try await transaction.post(SyncTables.removeMutation, [oid, .uuid(account)])
    }
  }

  /// Seals the results that say more than a word: they may hold what the mutation brought, or what
  /// stood in its way.
  private func seal(_ rows: inout [[Value]], in transaction: any Transaction) async throws {
    guard let keys = records.catalogue.sealingKeys else { return }
    for index in rows.indices {
      guard case .uuid(let oid) = rows[index][1], case .text(let text) = rows[index][6],
        text.hasPrefix("{")
      else { continue }
      rows[index][6] = .text(
        try await keys.seal(
          text, KnownMutations.place(oid), of: .person(account), in: transaction))
    }
  }

  // MARK: One mutation

  private func carryOut(
    _ mutation: ClientMutation, _ lifted: Result<LiftedMutation, RoostError>, isAgain: Bool,
    at now: Timestamp, _ state: inout State, _ transaction: any Transaction
  ) async throws -> MutationResult {
    // The order of a lane is that of its stamps. A letter that came late may have brought the mutation
    // before under a stamp that was ahead, and this one was stamped after the clock was set right. But
    // what comes once more was made before what stands in front of it.
    let least = isAgain ? 0 : state.lane.clock.rawValue &+ 1
    let time = records.path.clock.receive(
      max(mutation.stamp.time, HybridTime(rawValue: least)))
    let operations: LiftedMutation
    switch lifted {
    case .success(let lifted): operations = lifted
    case .failure(let error):
      return MutationResult(
        seq: mutation.seq, .rejected, code: error.code.rawValue, message: error.detail,
        issues: Array(error.issues.prefix(PushRefusal.shownIssues)))
    }
    let work = PushedMutation(
      records: records, actions: actions, caller: caller, mutation: mutation,
      operations: operations.operations, lens: operations.choice,
      stamp: Stamp(time: time, client: push.cid),
      madeAt: OperationTime(
        claimed: Timestamp(milliseconds: time.milliseconds),
        lastAccepted: Timestamp(milliseconds: state.lane.clock.milliseconds)),
      now: now)
    let clock = state.lane.clock
    state.lane.clock = max(clock, time)
    var budget = state.budget
    var result = MutationResult(seq: mutation.seq, .ok)
    do {
      try await transaction.attempt {
        result = try await work.carryOut(deleting: &budget, in: transaction)
      }
    } catch let failure as OperationFailure {
      if let taken = try await taken(failure, work, transaction) {
        return tell(taken, mutation)
      }
      guard let refused = PushRefusal.result(failure, seq: mutation.seq) else {
        state.lane.clock = clock
        if let error = failure.error as? RoostError, PushRefusal.isOfWhole(error) { throw error }
        throw ServerFault(failure.error) ?? failure.error
      }
      // What the person is to choose against the next time; the attempt that found it is undone.
      switch failure.error {
      case ConflictRefusal.outdated(let conflict, let value, _):
        let text = try await records.conflictText(
          value, of: conflict.id, account, conflict.collection, conflict.field, in: transaction)
        try await transaction.post(SyncTables.renewConflict, [text, .uuid(conflict.id)])
      case ConflictRefusal.moot(let conflict):
        try await transaction.post(
          SyncTables.resolve, [.timestamp(now), .null, .uuid(conflict.id)])
        transaction.attach(ConflictChange(of: account, conflict.id, isOpen: false))
      default: break
      }
      return tell(refused, mutation)
    }
    state.budget = budget
    result = tell(result, mutation)
    if !operations.lost.isEmpty {
      if result.outcome == .ok { result.outcome = .merged }
      result.issues += operations.lost.prefix(PushRefusal.shownIssues)
    }
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
