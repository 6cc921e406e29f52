/// The trace of a request that is not traced here: its `traceparent` and `tracestate`, as they came.
///
/// Whoever is asked on behalf of the request gets both unchanged, as one who takes no part in a trace
/// hands it on (<https://www.w3.org/TR/trace-context/>, section 4).
package struct PassedTrace: Sendable {
  package let parent: String
  package let state: String?

  /// That of the request in work; nil where there is none, and where the request is traced.
  @TaskLocal package static var current: PassedTrace?

  /// Nil for a parent that is missing or malformed.
  package init?(parent: String?, state: @autoclosure () -> String?) {
    guard let parent, TraceContext(parent) != nil else { return nil }
    self.parent = parent
    self.state = TraceContext.checkedState(state())
  }
}
