package import RoostCore

/// Says of each request, as soon as its head is read, whether it is refused for load.
///
/// It is asked once for each request, on the loops' threads: before anything is looked up, decoded or
/// allocated for the request.
package protocol LoadGate: Sendable {
  /// Tells that a loop had nothing to do for a moment, on its thread.
  func rested()

  /// The refusal of a request; nil for one that is let in.
  ///
  /// `path` is undecoded, `wait` is how long the request has waited at most until `now` of the
  /// monotonic clock, in nanoseconds. `isFromPage` is whether it names an origin, so that its answer
  /// may have to carry fields that no prepared one has.
  func refusal(
    _ method: Method, path: UnsafeRawBufferPointer, wait: UInt64, at now: UInt64,
    isFromPage: @autoclosure () -> Bool
  ) -> PreparedRefusal?
}

/// The problem document of an error, made once for all requests that it answers.
package struct PreparedRefusal: Sendable {
  /// The head, without a body.
  package let response: Response
  /// The bytes of the body before and after the id of the request.
  package let beforeID: [UInt8]
  package let afterID: [UInt8]

  package init(_ error: RoostError) {
    var response = Response.problem(error, requestID: "")
    var body: [UInt8] = []
    if case .bytes(let bytes) = response.body { body = bytes }
    // Quotes within a string are escaped, so this is found as the name of the member alone.
    let name = Array(#""requestId":""#.utf8)
    let start = body.indices.first { body[$0...].starts(with: name) } ?? body.count
    let end = min(start + name.count, body.count)
    beforeID = Array(body[..<end])
    afterID = Array(body[end...])
    response.body = .none
    self.response = response
  }

  /// Bytes of the body in answer to the request of that id.
  package func length(requestID: String) -> Int {
    beforeID.count + requestID.utf8.count + afterID.count
  }
}
