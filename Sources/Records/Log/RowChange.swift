import Queries
import RoostCore

/// What one change of a row leaves for the sorted step before the commit: an entry of the log, and
/// the row's moves in the stream index, with the grants and edges that it gives.
///
/// A class, because it is passed on several times on the writer's thread, and a struct of this size
/// is dear to copy.
final class RowChange: Effect {
  let kind: Mutation.Kind
  let collection: CompiledCollection
  let id: UUID
  /// The row's version after the change.
  let version: Int64
  let at: Timestamp
  let actor: UUID?
  /// JSON for followers as the log holds it: the whole record of a create, the changed fields of an
  /// update, null for a delete.
  let mutation: Value
  /// Of a create whose scopes are resolved from other rows this is known inside the transaction only.
  let moves: ScopeMoves

  init(
    kind: Mutation.Kind, collection: CompiledCollection, id: UUID, version: Int64, at: Timestamp,
    actor: UUID?, mutation: Value, moves: ScopeMoves
  ) {
    self.kind = kind
    self.collection = collection
    self.id = id
    self.version = version
    self.at = at
    self.actor = actor
    self.mutation = mutation
    self.moves = moves
  }

  /// The same with other moves.
  func moving(_ moves: ScopeMoves) -> RowChange {
    RowChange(
      kind: kind, collection: collection, id: id, version: version, at: at, actor: actor,
      mutation: mutation, moves: moves)
  }
}
