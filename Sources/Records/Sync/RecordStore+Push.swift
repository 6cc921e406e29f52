package import Queries
package import RoostCore
import Rules
import Schema
package import SyncProtocol

/// The operations of a mutation in the words of the server's schema.
package struct LiftedMutation: Sendable {
  package var operations: [ClientOperation]
  /// What nothing can hold any more: the rest takes place without it.
  package var lost: [FieldIssue] = []
  /// Says the value by which a conflict is decided in them.
  package var choice = ChoiceLens.none

  package init(_ operations: [ClientOperation] = []) { self.operations = operations }
}

/// How the operations of a device's schema become those of the server's.
package struct PushLens: Sendable {
  /// Throws `RoostError` for a mutation that cannot be said in them, which is then rejected, and
  /// `UpgradeRequired` for a version that is not served any more, or not yet.
  package let lift: @Sendable (ClientMutation) throws -> LiftedMutation

  /// A result of the server in the words of the device.
  let tell: @Sendable (MutationResult, ClientMutation) -> MutationResult

  package init(
    lift: @escaping @Sendable (ClientMutation) throws -> LiftedMutation,
    tell: @escaping @Sendable (MutationResult, ClientMutation) -> MutationResult = { result, _ in
      result
    }
  ) {
    self.lift = lift
    self.tell = tell
  }

  /// For devices that have the server's schema.
  package static let none = PushLens(lift: { LiftedMutation($0.operations) })
}

/// Whether a push is taken in, asked in its transaction; throws where it is not.
package typealias PushAdmission = @Sendable (any Transaction) async throws -> Void

/// What an admission threw: it is about the caller, and no fault of the server.
struct NotAdmitted: Error {
  let cause: any Error
}

/// The schema of a device is not served: nothing of its push was taken in.
package struct UpgradeRequired: Error {
  /// For a person.
  package let message: String

  package init(_ message: String) { self.message = message }
}

/// What became of a push.
package struct TakenPush: Sendable {
  /// The results, as far as it went; nil where nothing is known of the lane.
  package let pushed: Pushed?
  /// What ended it before its end: the rest comes again.
  package let fault: ServerFault?
}

extension RecordStore {
  /// Takes in the mutations of a lane; gives what became of each.
  ///
  /// Each mutation takes place once, as a whole or not at all, and what is refused is a result.
  /// Throws where nothing can be said of any of them: `RoostError` with `.unauthenticated`,
  /// `.payloadTooLarge`, and `UpgradeRequired`. A fault of the server's own ends the push where it
  /// arises: what was taken in before stays, and nothing of the rest counts. `admits` throws in the
  /// transaction where nothing may be taken in any more, and that is thrown here.
  package func push(
    _ push: Push, by caller: Caller, actions: ActionRunner? = nil, lens: PushLens = .none,
    admits: @escaping PushAdmission = { _ in }
  ) async throws -> TakenPush {
    guard let account = caller.uid, !caller.isService else {
      throw RoostError(
        .unauthenticated, "Changes are pushed on behalf of an account: sign in first.")
    }
    try RecordStore.check(push)
    let lifted = try push.mutations.map { mutation -> Result<LiftedMutation, RoostError> in
      do {
        return .success(try lens.lift(mutation))
      } catch let error as RoostError {
        return .failure(error)
      }
    }
    let work = PushWork(
      records: self, actions: actions, admits: admits, caller: caller, account: account, push: push,
      mutations: push.mutations[...], lifted: lifted, tell: lens.tell)
    let answer = try await perform(work)
    pushCounts.count(answer.pushed, repeats: answer.repeats)
    for outcome in answer.outcomes { pushCounts.count(outcome) }
    return TakenPush(pushed: answer.isWhole ? answer.pushed : nil, fault: answer.fault)
  }

  /// Refuses a push that is too large, with 413.
  package static func check(_ push: Push) throws {
    let limit = FrameLimits().mutations
    guard push.mutations.count <= limit else {
      throw RoostError(
        .payloadTooLarge, "A push holds at most \(limit) mutations: send the others in another one."
      )
    }
    guard push.mutations.reduce(0, { $0 + $1.operations.count }) <= RecordStore.pushedOperations
    else {
      throw RoostError(
        .payloadTooLarge,
        "A push holds at most \(RecordStore.pushedOperations) operations: send fewer mutations.")
    }
  }

  /// Operations of a push, at most.
  private static let pushedOperations = 5000

  /// How often a part of a push begins again that met another one of the same operations.
  private static let meetings = 3
  /// Mutations that one transaction looks at, at most.
  private static let mutationsAtOnce = 512

  /// In one transaction, if that is not too much for one: attempts need no savepoints until one has to
  /// be undone, and few are.
  ///
  /// Else in several, one after the other: a lane is dense, so a push that ends between two of them
  /// is as good as one that was shorter.
  private func perform(_ whole: PushWork) async throws -> PushWork.Answer {
    var answer: PushWork.Answer?
    var start = 0
    var size = RecordStore.mutationsAtOnce
    var givenUp: ChainHash?
    var meetings = 0
    while start < whole.mutations.count || answer == nil {
      let end = min(start + size, whole.mutations.count)
      let part = PushWork(
        records: self, actions: whole.actions, admits: whole.admits, caller: whole.caller,
        account: whole.account, push: whole.push, mutations: whole.push.mutations[start..<end],
        lifted: Array(whole.lifted[start..<end]), tell: whole.tell, givenUp: givenUp)
      var next: PushWork.Answer
      var isAlone = false
      do {
        next = try await database.write { try await part.run(in: $0) }
      } catch is AttemptsSpent where size > AttemptsSpent.limit {
        size = AttemptsSpent.limit
        continue
      } catch is ConstraintViolation where meetings < RecordStore.meetings {
        // An operation was taken in meanwhile under another identity of the device.
        meetings += 1
        continue
      } catch let refused as NotAdmitted {
        throw refused.cause
      } catch let violation as ConstraintViolation {
        next = unmet(
          RoostError(
            .overloaded, "The same changes are being taken in elsewhere; try again.",
            retryAfterSeconds: 1, cause: violation), whole.push)
      } catch {
        if let error = error as? RoostError, PushRefusal.isOfWhole(error) { throw error }
        guard let fault = ServerFault(error) else { throw error }
        // Which of them it was is told by those that do not meet it.
        if fault.kind == .internalFault, end - start > 1 {
          size = max(1, (end - start) / 8)
          continue
        }
        next = unmet(error, whole.push)
        isAlone = end - start == 1
      }
      start += next.seen
      if let fault = next.fault, start < whole.mutations.count {
        if let pause = pause(fault, whole.mutations[start], next.isWhole || isAlone, whole.account)
        {
          next.fault = fault.after(pause)
        } else {
          next.fault = nil
          givenUp = whole.mutations[start].oid
        }
      }
      answer = answer.map { RecordStore.joined($0, next) } ?? next
      if next.fault != nil || next.pushed.state != .taken { break }
    }
    guard let answer else { throw RoostError(.malformed, "A push holds at least one mutation.") }
    return answer
  }

  /// A transaction that came to nothing.
  private func unmet(_ error: any Error, _ push: Push) -> PushWork.Answer {
    let genesis = Chain.genesis(client: push.cid, lane: push.lane)
    return PushWork.Answer(
      pushed: Pushed(
        lane: push.lane, state: .taken,
        status: LaneStatus(position: LanePosition(last: 0, chain: genesis)), results: []),
      isWhole: false, fault: ServerFault(error))
  }

  /// How many seconds a client waits after a fault; nil where the mutation that met it is given up.
  ///
  /// A transaction of several that failed as a whole says nothing of the first of them.
  private func pause(
    _ fault: ServerFault, _ mutation: ClientMutation, _ isKnown: Bool, _ account: UUID
  ) -> Int? {
    ambient.logger.error(
      "a change of a device met a fault of the server, and will come again",
      [
        ("oid", .string(mutation.oid.description)), ("fault", .string(fault.kind.rawValue)),
        ("cause", .string("\(fault.cause)")),
      ])
    guard fault.kind == .internalFault, isKnown else { return fault.retryAfterSeconds }
    return poisoned.note(mutation.oid, of: account, at: ambient.time.now())
  }

  /// An answer without a transaction behind it says nothing of the lane.
  private static func joined(
    _ first: PushWork.Answer, _ second: PushWork.Answer
  ) -> PushWork.Answer {
    var pushed = second.isWhole ? second.pushed : first.pushed
    pushed.results = first.pushed.results + second.pushed.results
    return PushWork.Answer(
      pushed: pushed, isWhole: first.isWhole || second.isWhole, fault: second.fault,
      repeats: first.repeats + second.repeats, outcomes: first.outcomes + second.outcomes)
  }

  /// What this process did with the changes that devices brought, since it started.
  package var pushStatistics: PushStatistics { pushCounts.current }

  // MARK: Retention

  private static let trimmedAtOnce = 500

  /// Removes the results of mutations that are kept no longer, in small transactions.
  package func removeExpiredMutations() async throws {
    let before = ambient.time.now().adding(milliseconds: -KnownMutations.keptMilliseconds)
    let values: [Value] = [.int(Int64(RecordStore.trimmedAtOnce)), .timestamp(before)]
    var removed = 0
    repeat {
      removed = try await database.write { transaction in
        try await transaction.execute(SyncTables.removeMutations, values)
      }
    } while removed >= RecordStore.trimmedAtOnce
  }

  /// Removes conflicts that were decided as long ago as results are kept, in small transactions.
  package func removeExpiredConflicts() async throws {
    let before = ambient.time.now().adding(milliseconds: -KnownMutations.keptMilliseconds)
    let values: [Value] = [.timestamp(before), .int(Int64(RecordStore.trimmedAtOnce))]
    var removed = 0
    repeat {
      removed = try await database.write { transaction in
        try await transaction.execute(SyncTables.removeConflicts, values)
      }
    } while removed >= RecordStore.trimmedAtOnce
  }
}
