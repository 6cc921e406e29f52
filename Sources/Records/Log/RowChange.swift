import Queries
import RoostCore
import Rules

/// What one change of a row leaves for the sorted step before the commit: an entry of the log, and
/// the row's moves in the stream index.
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
  /// The scopes that held the row before and that hold it now; both empty where it is not synced.
  let scopesBefore: [Scope]
  let scopesAfter: [Scope]
}
