import Records
import RoostCore

/// A call of an action: who calls it, with what, when, and under which id.
public struct ActionCall: Sendable {
  let core: Records.ActionCall

  init(_ core: Records.ActionCall) { self.core = core }

  /// The action's name in the schema.
  public var name: String { core.name }

  /// The account that calls; nil for somebody without one, whom only public actions let in.
  public var userID: RecordID? { core.caller.uid.map { RecordID($0) } }

  /// The account was made without an e-mail address.
  public var isAnonymous: Bool { core.caller.isAnonymous }

  /// The caller's roles with all that they inherit.
  public var roles: Set<String> { core.roles }

  /// The same for every attempt at one operation: `Idempotency-Key` decides it.
  public var operationID: RecordID { RecordID(core.operationID) }

  /// When the call was made, in milliseconds since 1970; the same in every run of a handler.
  public var milliseconds: Int64 { core.time.milliseconds }

  /// When the call was made, as records write times: `2026-01-31T20:00:00.000Z`.
  public var time: String { core.time.description }

  /// An argument, checked against its type in the schema; null where it was left out.
  public subscript(name: String) -> JSONValue {
    core.arguments[name].map { JSONValue($0) } ?? .null
  }

  /// An argument that is the id of a record.
  ///
  /// Throws 422 where it is none.
  public func recordID(_ name: String) throws -> RecordID {
    guard let id = self[name].id else {
      throw ActionError.invalid(name, "\(name) is the id of a record, which is a UUID.")
    }
    return id
  }

  /// The identifier of the `number`th thing that this operation makes: the same in every attempt.
  public func id(_ number: Int) -> RecordID { RecordID(core.id(number)) }

  /// Throws 403 unless the caller has `role`, or one that inherits it.
  public func require(role: String) throws { try core.require(role: role) }
}

/// An error by which a handler says what the caller is answered; nothing of the action remains.
///
/// Messages are shown to the caller. Any other error is answered 500, and the log tells it.
public struct ActionError: Error, Sendable {
  let core: RoostError

  /// 422: an argument does not do; `code` is a stable name for programs.
  public static func invalid(
    _ argument: String, _ message: String, code: String = "invalid"
  ) -> ActionError {
    ActionError(core: .invalid("/" + argument, code, message))
  }

  /// 403: the caller may not do this.
  public static func forbidden(_ message: String) -> ActionError {
    ActionError(core: RoostError(.forbidden, message))
  }

  /// 404: what the action is about is not there, or may not be seen.
  public static func notFound(_ message: String) -> ActionError {
    ActionError(core: RoostError(.notFound, message))
  }

  /// 409: something stands against it that may change.
  public static func conflict(_ message: String) -> ActionError {
    ActionError(core: RoostError(.conflict, message))
  }
}

/// Runs `work`; what a handler threw is thrown as the rest of Roost knows it.
func translating<Value>(_ work: () async throws -> Value) async throws -> Value {
  do {
    return try await work()
  } catch let error as ActionError {
    throw error.core
  }
}
