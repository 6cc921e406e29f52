package import Queries
import RoostCore
import Rules
import Schema

/// Keeps derived fields and views in step with the rows that they are made of.
///
/// An entry of the log says which row to look at; what counts is the row as it is now. What many
/// changes do to one group is written once for all of them that a transaction takes.
package struct DerivedKeeper: Follower {
  static let followerName = "derived"
  /// What one transaction does at most, so that writers do not wait long.
  private static let entriesAtOnce = 1000

  package let name = DerivedKeeper.followerName
  package let kinds: [Mutation.Kind] = [.create, .update, .delete]
  package let collections: [Int64]?
  package let createdCollections: [Int64]
  private let records: RecordStore

  package init(_ records: RecordStore) {
    self.records = records
    collections = records.derived.collections
    createdCollections = records.derived.targets
  }

  package func begin(hurry: @escaping @Sendable () -> Void) {
    records.derivedProgress.begin(hurry: hurry)
  }

  package func reached(_ place: LogPlace) { records.derivedProgress.reached(place) }

  package func apply(_ entries: [LogEntry], in transaction: any Transaction) async throws -> Int {
    let entries = entries.prefix(DerivedKeeper.entriesAtOnce)
    let generations = try await DerivedGeneration.all(in: transaction)
    var rows: [Int64: [UUID: RowImage]] = [:]
    var ids: [Int64: Set<UUID>] = [:]
    var made: [Int64: Set<UUID>] = [:]
    for entry in entries {
      ids[entry.collection, default: []].insert(entry.id)
      if entry.kind == .create { made[entry.collection, default: []].insert(entry.id) }
    }
    for generation in generations where generation.state.isKept {
      guard let source = records.derived[generation.definition] else {
        // It would be counted out of step: a server that knows it goes on here.
        throw RoostError(
          .draining,
          "Another server keeps derived data of a newer schema: this one leaves it to do so.")
      }
      var keys: Set<UUID> = []
      let number = source.source.number
      if let changed = ids[number]?.sorted() {
        if rows[number] == nil {
          rows[number] = try await source.source.images(changed, in: transaction)
        }
        keys = try await DerivedSync(source: source, generation: generation.number).run(
          changed, rows[number] ?? [:], in: transaction)
      }
      guard generation.isShown else { continue }
      // What refers to a row may have been there before it.
      if !source.isView { keys.formUnion(made[source.target.number] ?? []) }
      guard !keys.isEmpty else { continue }
      _ = try await records.show(source, generation.number).run(keys, in: transaction)
    }
    return entries.count
  }
}

extension RecordStore {
  func show(_ source: DerivedSource, _ generation: Int64) -> DerivedShow {
    DerivedShow(
      source: source, generation: generation, path: path, now: ambient.time.now())
  }
}
