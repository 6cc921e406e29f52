import Queries
package import RoostCore
import Schema

extension RecordStore {
  /// How long a read waits for derived data that are older than they may be, in milliseconds.
  package static let derivedPatienceMilliseconds: UInt64 = 2000

  /// As of when derived data of `collection` are: every change up to then is in them.
  ///
  /// Call it before the read. Where they are older than the schema's `maxAge` it waits for them to be
  /// brought in step, so that the answer is one of now, but at most `patience` milliseconds. Nil
  /// where they are being made for the first time.
  package func freshness(
    of collection: CompiledCollection, patience: UInt64 = derivedPatienceMilliseconds
  ) async throws -> Timestamp? {
    let first = try await derivedState(collection)
    guard !first.isMaking else { return nil }
    guard let waiting = first.waitingSince else { return first.now }
    guard let maxAge = collection.model.maxAge, derivedProgress.isBegun,
      first.now.milliseconds - waiting.milliseconds > maxAge.milliseconds
    else { return waiting }
    await derivedProgress.wait(for: first.head, milliseconds: patience)
    if derivedProgress.covers(first.head) { return first.now }
    return try await derivedState(collection).waitingSince ?? first.now
  }

  private struct DerivedState: Sendable {
    let now: Timestamp
    let head: LogPlace
    let waitingSince: Timestamp?
    let isMaking: Bool
  }

  private func derivedState(_ collection: CompiledCollection) async throws -> DerivedState {
    let now = ambient.time.now()
    let progress = derivedProgress
    let keeper = DerivedKeeper(self)
    let name = collection.name
    let gathering = DerivedGeneration.State.gathering.rawValue
    let live = DerivedGeneration.State.live.rawValue
    return try await database.read(.statement) { reader in
      let head = try await LogPlace.head(in: reader)
      let isMaking = try await reader.first(
        """
        SELECT 1 FROM roost_derived d WHERE d.target = \(name) AND d.is_check = 0 \
        AND (d.state = \(gathering) OR d.state = \(gathering + 1)) AND NOT EXISTS (SELECT 1 FROM \
        roost_derived o WHERE o.definition = d.definition AND o.is_check = 0 \
        AND (o.state = \(live) OR o.number < d.number))
        """
      ) { _ in true }
      var waiting: Timestamp?
      if !progress.covers(head) {
        var place = try await FollowerPlace.read(DerivedKeeper.followerName, in: reader)
        if let seen = progress.place { place.advance(to: seen) }
        waiting = try await LogEntry.oldest(for: keeper, after: place, upTo: head, in: reader)
      }
      return DerivedState(
        now: now, head: head, waitingSince: waiting, isMaking: isMaking ?? false)
    }
  }
}
