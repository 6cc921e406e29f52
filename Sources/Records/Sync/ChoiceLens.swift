package import RoostCore

/// How the value by which a person decides a conflict becomes one of the server's schema, and what
/// stands there one of the device's.
///
/// Apart from the operations, since a choice names a conflict: of which field that is, the transaction
/// finds.
package struct ChoiceLens: Sendable {
  /// A value of a field of now, named by its collection and its name there; throws `RoostError` where
  /// there is none.
  package let forward:
    @Sendable (_ value: JSON, _ collection: String, _ field: String) throws -> JSON
  /// What a person is shown of a value of such a field: the device's name for it, and the value; nil
  /// where the device does not know the field.
  package let backward:
    @Sendable (_ value: JSON, _ collection: String, _ field: String) -> (name: String, value: JSON)?

  package init(
    forward: @escaping @Sendable (JSON, String, String) throws -> JSON,
    backward: @escaping @Sendable (JSON, String, String) -> (name: String, value: JSON)?
  ) {
    self.forward = forward
    self.backward = backward
  }

  /// For devices that have the server's schema.
  package static let none = ChoiceLens(
    forward: { value, _, _ in value }, backward: { value, _, name in (name, value) })
}
