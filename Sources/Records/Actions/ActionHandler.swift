package import RoostCore

/// How an action is carried out.
package enum ActionHandler: Sendable {
  /// In the transaction: awaits nothing but it, has no other effects, and may run again.
  case transaction(@Sendable (ActionCall, ActionTransaction) async throws -> JSON)
  /// Before the transaction: may take its time; what it returns is applied atomically, once.
  ///
  /// It may be called again for the same operation, with the same id, where its answer was lost.
  case function(@Sendable (ActionCall) async throws -> ActionOutcome)
}

/// What a function came to: mutations to be applied in one transaction, and the result.
package struct ActionOutcome: Sendable {
  /// What the action answers.
  package enum Result: Sendable {
    /// A value of the declared type; for records their ids.
    case value(JSON)
    /// A record as it stands after the mutations.
    case record(collection: String, id: UUID)
  }

  /// Applied in their order, each judged as one of the caller.
  package var mutations: [ActionMutation]
  /// Nil where the declared type decides: the first record of its collection that was written,
  /// true, or null.
  package var result: Result?
  /// Whether another server decided on it: what is wrong with it is that one's fault.
  package var isForeign: Bool

  package init(mutations: [ActionMutation], result: Result? = nil, isForeign: Bool = false) {
    self.mutations = mutations
    self.result = result
    self.isForeign = isForeign
  }
}

/// A create, a change or a delete that a function asks for.
package struct ActionMutation: Sendable {
  package var kind: Mutation.Kind
  /// The collection's route name, such as `bandMembers`.
  package var collection: String
  /// Nil for a create whose id follows from the operation's.
  package var id: UUID?
  /// The fields; nothing for a delete.
  package var values: JSONObject
  /// The version that the record must have; nil for any.
  package var version: Int64?

  package init(
    _ kind: Mutation.Kind, _ collection: String, id: UUID? = nil,
    values: JSONObject = JSONObject(), version: Int64? = nil
  ) {
    self.kind = kind
    self.collection = collection
    self.id = id
    self.values = values
    self.version = version
  }
}
