import Accounts
import REST
import RoostCore
import Synchronization
import Transport

/// The doors of an app's routes, and what they share.
final class AppDoors: DoorMaker {
  /// What stands at each door.
  struct Watch: Sendable {
    let overload: Overload
    let limits: RequestLimits?
    let tracer: Tracer?
    /// Whether there is anybody to whom the trace of a caller can be handed on.
    let passesTraces: Bool
    let time: any TimeSource
  }

  private let watch: Watch
  private let figures: Mutex<[RouteFigures]>
  /// Whatever no route answers.
  private let unmatched: Door

  init(_ watch: Watch) {
    self.watch = watch
    unmatched = Door(RouteFigures(route: "none", method: "any"), .reads, watch)
    figures = Mutex([unmatched.figures])
  }

  func door(_ route: RouteName?) -> any RouteDoor {
    guard let route else { return unmatched }
    let door = Door(
      RouteFigures(route: AppDoors.label(route.pattern), method: route.method.rawValue),
      RequestPriority.of(route), watch)
    figures.withLock { $0.append(door.figures) }
    return door
  }

  /// Braces would end the labels for some who read them.
  private static func label(_ pattern: String) -> String {
    pattern.split(separator: "/", omittingEmptySubsequences: false).map { segment in
      segment.hasPrefix("{")
        ? ":" + segment.dropFirst().dropLast().prefix { $0 != "." } : String(segment)
    }.joined(separator: "/")
  }

  var metrics: [Metric] {
    let histograms = figures.withLock { $0 }.flatMap(\.histograms)
    return [
      Metric(
        "roost_http_request_duration_seconds",
        "From the door to the head of the answer, by route and status, without what a sync waits "
          + "because it asked to.", histograms: histograms)
    ] + watch.overload.metrics(at: watch.time.monotonicNanoseconds())
      + (watch.limits?.metrics ?? [])
  }
}

/// The door of one route: counts, refuses for load and for limits, and traces.
final class Door: RouteDoor {
  let figures: RouteFigures
  private let priority: RequestPriority
  private let watch: AppDoors.Watch

  init(_ figures: RouteFigures, _ priority: RequestPriority, _ watch: AppDoors.Watch) {
    self.figures = figures
    self.priority = priority
    self.watch = watch
  }

  func enter(_ request: Request) -> DoorEntry {
    let read = request.readNanoseconds
    let now = read == 0 ? watch.time.monotonicNanoseconds() : read
    var entry = DoorEntry(began: now)
    if let tracer = watch.tracer {
      let begun = tracer.begin(
        parent: request.header("traceparent"), state: request.header("tracestate"), at: now)
      if let begun { (entry.scope, entry.parent) = begun }
    }
    if watch.passesTraces, entry.scope == nil {
      entry.passed = PassedTrace(
        parent: request.header("traceparent"), state: request.header("tracestate"))
    }
    let arrived = request.arrivedNanoseconds
    let wait = arrived == 0 || arrived > now ? 0 : now - arrived
    if let queue = watch.overload.refusal(priority, wait: wait, at: now) {
      entry.refusal = .problem(queue.error, requestID: request.requestID)
      return entry
    }
    if priority != .health, let limits = watch.limits {
      let verdict = limits.take(request)
      entry.fields = verdict.fields
      if let error = verdict.error {
        entry.refusal = .problem(error, requestID: request.requestID)
      }
    }
    return entry
  }

  func leave(_ entry: DoorEntry, _ request: Request, _ response: inout Response) {
    for field in entry.fields { response.headers.set(field.name, field.value) }
    end(entry, request, response.status, waited: response.waitedNanoseconds)
  }

  func abandon(_ entry: DoorEntry, _ request: Request) {
    // What others write for a client that has left.
    end(entry, request, 499, waited: 0)
  }

  private func end(_ entry: DoorEntry, _ request: Request, _ status: Int, waited: UInt64) {
    let now = watch.time.monotonicNanoseconds()
    let taken = now &- entry.began
    figures.count(
      status, nanoseconds: taken - min(waited, taken),
      trace: entry.scope.map { ($0.trace.id, watch.time.now()) })
    guard let scope = entry.scope, let tracer = watch.tracer else { return }
    scope.trace.record(
      figures.method + " " + figures.route, .server, id: scope.span, in: entry.parent,
      from: entry.began, to: now,
      attributes: [
        ("http.request.method", .string(request.method.rawValue)),
        ("http.route", .string(figures.route)),
        ("http.response.status_code", .int(Int64(status))),
        ("roost.request_id", .string(request.requestID)),
      ], hasFailed: status >= 500)
    tracer.end(scope.trace)
  }
}
