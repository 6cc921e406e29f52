import Queries
package import RoostCore
import Rules
import Schema
package import SyncProtocol

/// How the operations of a device's schema become those of the server's.
package struct PushLens: Sendable {
  /// The operations in the words of the server's schema.
  ///
  /// Throws `RoostError` for a mutation that cannot be said in them, which is then rejected, and
  /// `UpgradeRequired` for a version that is not served any more, or not yet.
  package let lift: @Sendable (ClientMutation) throws -> [ClientOperation]

  package init(lift: @escaping @Sendable (ClientMutation) throws -> [ClientOperation]) {
    self.lift = lift
  }

  /// For devices that have the server's schema.
  package static let none = PushLens { $0.operations }
}

/// The schema of a device is not served: nothing of its push was taken in.
package struct UpgradeRequired: Error {
  /// For a person.
  package let message: String

  package init(_ message: String) { self.message = message }
}

extension RecordStore {
  /// Takes in the mutations of a lane; gives what became of each.
  ///
  /// Each mutation takes place once, as a whole or not at all, and what is refused is a result.
  /// Throws where nothing can be said of any of them: `RoostError` with `.unauthenticated`,
  /// `.payloadTooLarge`, `.overloaded`, `.draining` or `.storageFull`, and `UpgradeRequired`. What
  /// was taken in before such an error stays, and is skipped when the push comes again.
  package func push(
    _ push: Push, by caller: Caller, actions: ActionRunner? = nil, lens: PushLens = .none
  ) async throws -> Pushed {
    guard let account = caller.uid, !caller.isService else {
      throw RoostError(
        .unauthenticated, "Changes are pushed on behalf of an account: sign in first.")
    }
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
    let lifted = try push.mutations.map { mutation -> Result<[ClientOperation], RoostError> in
      do {
        return .success(try lens.lift(mutation))
      } catch let error as RoostError {
        return .failure(error)
      }
    }
    let work = PushWork(
      records: self, actions: actions, caller: caller, account: account, push: push,
      mutations: push.mutations[...], lifted: lifted)
    let answer = try await perform(work)
    pushCounts.count(answer.pushed, repeats: answer.repeats)
    for outcome in answer.outcomes { pushCounts.count(outcome) }
    return answer.pushed
  }

  /// Operations of a push, at most: everybody's writes wait for them on a file.
  private static let pushedOperations = 5000

  /// How often a push begins again that met another one of the same operations.
  private static let meetings = 3

  /// In one transaction, if it carries that: attempts need no savepoints until one has to be
  /// undone, and few are.
  ///
  /// Else in several, one after the other: a lane is dense, so a push that ends between two of them
  /// is as good as one that was shorter.
  private func perform(_ work: PushWork) async throws -> PushWork.Answer {
    for _ in 1..<RecordStore.meetings {
      do {
        return try await database.write { try await work.run(in: $0) }
      } catch is AttemptsSpent {
        return try await performInParts(work)
      } catch is ConstraintViolation {
        // An operation was taken in meanwhile under another identity of the device.
        continue
      }
    }
    return try await performInParts(work)
  }

  private func performInParts(_ work: PushWork) async throws -> PushWork.Answer {
    var whole: PushWork.Answer?
    var start = 0
    while start < work.mutations.count {
      let end = min(start + AttemptsSpent.limit, work.mutations.count)
      let part = PushWork(
        records: self, actions: work.actions, caller: work.caller, account: work.account,
        push: work.push, mutations: work.push.mutations[start..<end],
        lifted: Array(work.lifted[start..<end]))
      let answer: PushWork.Answer
      do {
        answer = try await database.write { try await part.run(in: $0) }
      } catch let violation as ConstraintViolation {
        throw RoostError(
          .overloaded, "The same changes are being taken in elsewhere; try again.",
          retryAfterSeconds: 1, cause: violation)
      }
      whole = whole.map { RecordStore.joined($0, answer) } ?? answer
      guard answer.pushed.state == .taken else { break }
      start = end
    }
    guard let whole else { throw RoostError(.malformed, "A push holds at least one mutation.") }
    return whole
  }

  private static func joined(
    _ first: PushWork.Answer, _ second: PushWork.Answer
  ) -> PushWork.Answer {
    var pushed = second.pushed
    pushed.results = first.pushed.results + second.pushed.results
    return PushWork.Answer(
      pushed: pushed, repeats: first.repeats + second.repeats,
      outcomes: first.outcomes + second.outcomes)
  }

  /// What this process did with the changes that devices brought, since it started.
  package var pushStatistics: PushStatistics { pushCounts.current }

  // MARK: Retention

  private static let mutationsAtOnce = 500

  /// Removes the results of mutations that are kept no longer, in small transactions.
  package func removeExpiredMutations() async throws {
    let before = ambient.time.now().adding(milliseconds: -KnownMutations.keptMilliseconds)
    let values: [Value] = [.int(Int64(RecordStore.mutationsAtOnce)), .timestamp(before)]
    var removed = 0
    repeat {
      removed = try await database.write { transaction in
        try await transaction.execute(SyncTables.removeMutations, values)
      }
    } while removed >= RecordStore.mutationsAtOnce
  }
}
