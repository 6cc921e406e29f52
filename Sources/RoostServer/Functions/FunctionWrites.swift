import Queries
import Records
import RoostCore

/// The changes that a function asks for, as one of its own: judged like those of any caller.
struct FunctionWrites: Sendable {
  /// The mutation for which nothing was done, and why.
  struct Refused: Error {
    let index: Int
    let error: RoostError

    var reason: String {
      "mutations/\(index) was refused: \(error.wholeDetail) (\(error.code.rawValue))"
    }
  }

  let mutations: [ActionMutation]
  let caller: Caller
  /// Records that it creates without an id get one that follows from this.
  let operation: UUID

  /// Throws where a mutation is of no collection of the app, which no attempt mends.
  static func check(
    _ mutations: [ActionMutation], in records: RecordStore
  ) throws(FunctionFailure) {
    for (index, mutation) in mutations.enumerated()
    where records.catalogue.collection(named: mutation.collection) == nil {
      throw FunctionFailure(
        .answer,
        "mutations/\(index) names \"\(mutation.collection.prefix(60))\", which is no "
          + "collection")
    }
  }

  /// Carries them out in their order; throws `Refused` for the first that may not be.
  func carryOut(_ records: RecordStore, in transaction: any Transaction) async throws {
    guard !mutations.isEmpty else { return }
    let own = ActionTransaction(
      records, transaction, as: .caller(caller), operationID: operation)
    for (index, mutation) in mutations.enumerated() {
      do {
        try await own.apply(mutation)
      } catch let error as RoostError {
        throw Refused(index: index, error: error)
      }
    }
    try own.end()
  }
}
