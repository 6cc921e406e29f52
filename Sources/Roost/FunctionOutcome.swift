import Records
import RoostCore

/// What a function came to: what is to be written, and what the action answers.
///
/// The mutations are carried out in one transaction, once, each judged as one of the caller.
public struct FunctionOutcome: Sendable {
  var core: ActionOutcome

  /// An outcome without mutations; without a result the declared type decides: the first record of
  /// its collection that is written, true for Boolean, or null.
  public init(result: JSONValue? = nil) {
    core = ActionOutcome(mutations: [], result: result.map { .value($0.json) })
  }

  /// Adds a create; without an `id` the record gets one that follows from the operation's.
  public mutating func create(
    _ collection: String, id: RecordID? = nil, _ values: [String: JSONValue]
  ) {
    core.mutations.append(
      ActionMutation(.create, collection, id: id?.uuid, values: values.json))
  }

  /// Adds a change of the fields that `values` names.
  public mutating func update(
    _ collection: String, _ id: RecordID, _ values: [String: JSONValue], version: Int64? = nil
  ) {
    core.mutations.append(
      ActionMutation(.update, collection, id: id.uuid, values: values.json, version: version))
  }

  /// Adds a delete.
  public mutating func delete(_ collection: String, _ id: RecordID, version: Int64? = nil) {
    core.mutations.append(ActionMutation(.delete, collection, id: id.uuid, version: version))
  }
}
