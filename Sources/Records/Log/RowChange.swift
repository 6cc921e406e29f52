import Queries
import RoostCore

/// What one change of a row leaves for the sorted step before the commit: an entry of the log, and
/// the row's moves in the stream index, with the grants and edges that it gives.
struct RowChange: Effect {
  let kind: Mutation.Kind
  let collection: CompiledCollection
  let id: UUID
  /// The row's version after the change.
  let version: Int64
  let at: Timestamp
  let actor: UUID?
  /// JSON for followers: the whole record of a create, the changed fields of an update.
  let mutation: [UInt8]?
  /// Of a create whose scopes are resolved from other rows this is known inside the transaction only.
  var moves: ScopeMoves
}
