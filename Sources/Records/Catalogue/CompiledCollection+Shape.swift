import Schema

extension CompiledCollection {
  /// The names and types of the fields in their order, as text: equal where records are rendered
  /// alike.
  package var shape: String {
    fields.map { "\($0.name) \(TypeSignature.of($0))" }.joined(separator: "\n")
  }
}
