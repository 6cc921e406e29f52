import Records
import RoostCore
import SyncProtocol
package import Transport

/// Keeps the records of an app behind the gate over REST too, for apps that declare it.
///
/// Stands in the pipeline only where there is such a gate. People without an account are judged by
/// the rules alone: they own nothing.
package struct GateGuard: Middleware {
  private let gate: Gate
  /// What is no record.
  ///
  /// Everything else is behind the gate, by whichever name or spelling a collection is asked for.
  private static let open: Set<String> = [
    "auth", "sync", "devices", "features", "explain", "admin",
  ]
  private let identify: SyncRoutes.Identify

  package init(_ gate: Gate, identify: @escaping SyncRoutes.Identify) {
    self.gate = gate
    self.identify = identify
  }

  package func handle(_ request: Request, next: Handler) async throws -> Response {
    let parts = request.path.split(separator: "/", maxSplits: 2)
    guard parts.count >= 2, parts[0] == "v1", !GateGuard.open.contains(String(parts[1])) else {
      return try await next(request)
    }
    let caller = try identify(request)
    guard caller.uid != nil, !caller.isService else { return try await next(request) }
    do {
      try await gate.check(caller)
    } catch let closed as Gate.Closed {
      let need = try await gate.refusal(closed, of: caller).message
      throw RoostError(
        .forbidden, need,
        issues: [FieldIssue(pointer: "", code: "gate_closed", message: need)])
    }
    return try await next(request)
  }
}
