package import Queries

/// What happens after a change: a follower reads the log in order and commits its own effects
/// together with its place in the log, so that each entry takes effect once.
package protocol Follower: Sendable {
  /// The name under which its place is kept; it never changes.
  var name: String { get }
  /// The kinds of changes that it takes into account; it is not shown others.
  var kinds: [Mutation.Kind] { get }
  /// The numbers of the collections that concern it; nil for all.
  var collections: [Int64]? { get }
  /// The numbers of further collections of which creates alone concern it.
  var createdCollections: [Int64] { get }
  /// Whether entries may be taken into account again, as a replay asks for; not where effects add up.
  var isReplayable: Bool { get }
  /// Takes entries into account and returns how many of them are finished, from the first.
  ///
  /// Runs in a transaction and awaits nothing but it; may run again with the same entries if that
  /// transaction fails. An entry that makes much work is done in pieces: what was done is committed,
  /// and the entry comes again until it counts as finished.
  func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int

  /// Called before the follower is run, with a function that has it look at the log at once.
  func begin(hurry: @escaping @Sendable () -> Void)
  /// Called when everything up to `place` has been taken into account.
  func reached(_ place: LogPlace)
  /// Does a piece of what is to be done beside the log, in a transaction as `apply`; returns true
  /// when nothing is left, and is not called again then.
  func catchUp(in transaction: any Transaction) async throws -> Bool
}

extension Follower {
  package var collections: [Int64]? { nil }
  package var createdCollections: [Int64] { [] }
  package var isReplayable: Bool { true }
  package func begin(hurry: @escaping @Sendable () -> Void) {}
  package func reached(_ place: LogPlace) {}
  package func catchUp(in transaction: any Transaction) async throws -> Bool { true }
}
