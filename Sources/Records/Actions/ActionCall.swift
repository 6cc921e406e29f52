import Cryptography
package import RoostCore
package import Schema

/// A call of an action: who calls it, with what, when, and under which id.
package struct ActionCall: Sendable {
  package let action: ActionDeclaration
  package let caller: Caller
  /// The arguments, checked against their types; those that were left out have their defaults.
  package let arguments: JSONObject
  /// The same for every attempt at one operation.
  package let operationID: UUID
  /// When the call was made, by the operation's clamped time; the same in every run of a handler.
  package let time: Timestamp
  let madeAt: OperationTime?
  /// The caller's roles with all that they inherit.
  package let roles: Set<String>

  package var name: String { action.name }

  /// The identifier of the `number`th thing that this operation makes: the same in every attempt.
  package func id(_ number: Int) -> UUID { OperationID.derived(operationID, "id \(number)") }

  /// Throws `.forbidden` unless the caller has `role`, or one that inherits it.
  package func require(role: String) throws(RoostError) {
    guard roles.contains(role) else {
      throw RoostError(.forbidden, "The action \(name) needs the role \(role).")
    }
  }
}

/// The identifiers of operations, and of what they make.
///
/// They are a `NameUUID`. What an operation makes has its first 48 bits, which are a time in an
/// identifier of version 7, so that records of one time lie beside one another in the tables.
package enum OperationID {
  /// The identifier of the operation that a caller names by `key`; that of another caller is
  /// another, and so is that of another `content`.
  package static func named(
    _ key: String, of principal: String, in scope: String, saying content: [UInt8] = []
  ) -> UUID {
    var bytes: [UInt8] = []
    for part in ["roost operation", scope, principal, key] {
      bytes += Array("\(part.utf8.count) ".utf8) + Array(part.utf8)
    }
    return NameUUID.make(bytes + content)
  }

  /// The identifier of something that an operation makes.
  static func derived(_ operation: UUID, _ name: String) -> UUID {
    let made = NameUUID.make(operation.bytes + Array(name.utf8))
    return UUID(high: operation.high & 0xFFFF_FFFF_FFFF_0000 | made.high & 0xFFFF, low: made.low)
  }
}
