/// A value that must not reach a log, an error or a dump: it prints as `<redacted>`.
package struct Secret<Value: Sendable>: Sendable, CustomStringConvertible,
  CustomDebugStringConvertible, CustomReflectable
{
  private let value: Value

  package init(_ value: Value) { self.value = value }

  /// The value itself; the name makes each use easy to find and review.
  package func reveal() -> Value { value }

  package var description: String { "<redacted>" }
  package var debugDescription: String { "<redacted>" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
