package import RoostCore

/// A request on its way through: what its door noted about it.
package struct DoorEntry: Sendable {
  /// The monotonic clock when it came, in nanoseconds.
  package var began: UInt64
  /// Set where the request is traced, with the span of the caller or 0.
  package var scope: TraceScope?
  package var parent: UInt64 = 0
  /// Set where it is not traced and the trace of its caller is to be handed on.
  package var passed: PassedTrace?
  /// The answer to a request that is not let through.
  package var refusal: Response?
  /// Fields for the answer, whatever it is.
  package var fields: [(name: String, value: String)] = []

  package init(began: UInt64) { self.began = began }
}
