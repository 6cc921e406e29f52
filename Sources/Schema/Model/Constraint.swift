/// `@constraint` on a field; the bounds of a Duration are in seconds.
package struct Constraint: Sendable {
  package enum Temporal: String, Sendable, CaseIterable {
    case past = "PAST"
    case pastOrPresent = "PAST_OR_PRESENT"
    case future = "FUTURE"
    case futureOrPresent = "FUTURE_OR_PRESENT"
  }

  package var min: Double?
  package var max: Double?
  package var exclusiveMin: Double?
  /// Unicode scalars.
  package var minLength: Int?
  package var maxLength: Int?
  package var pattern: Pattern?
  package var temporal: Temporal?
  package var minItems: Int?
  package var maxItems: Int?
  /// Replaces the built-in message.
  package var message: String?

  package init() {}
}
