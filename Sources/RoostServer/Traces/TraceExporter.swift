import HTTPClient
import RoostCore
import Synchronization

/// Sends finished traces to a collector, in batches, beside the requests.
///
/// What it cannot send it drops and counts: a collector that is away costs nobody an answer, and no
/// more memory than the queue has room for.
final class TraceExporter: Sendable {
  /// Spans of one batch, about.
  static let batchSpans = 512
  private static let pauseNanoseconds: UInt64 = 500_000_000
  private static let attempts = 3
  private static let secondsBetweenMessages: UInt64 = 60

  let queue: SpanQueue
  private let url: OutgoingURL
  private let headers: [(name: String, value: String)]
  private let resource: [(String, JSON)]
  private let client: OutgoingClient
  private let ambient: Ambient
  private let task = Mutex<Task<Void, Never>?>(nil)
  private let isStopping = Atomic<Bool>(false)
  /// When the log was told last, and what it was not told since.
  private let told = Mutex((at: UInt64(0), silent: 0))

  init(
    to url: OutgoingURL, headers: [(name: String, value: String)], queue: SpanQueue,
    resource: [(String, JSON)], ambient: Ambient
  ) {
    self.url = url
    self.headers = headers
    self.queue = queue
    self.resource = resource
    self.ambient = ambient
    // The operator names the collector, which is on the same machine or network more often than not.
    client = OutgoingClient(.everything, time: ambient.time, threads: 1)
  }

  func start() {
    task.withLock { $0 = Task { await self.run() } }
  }

  /// Sends what is there, once, and ends.
  func stop() async {
    isStopping.store(true, ordering: .releasing)
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
    if running != nil { await send(queue.next(.max), within: 2000) }
    client.stop()
  }

  private func run() async {
    while !isStopping.load(ordering: .acquiring) {
      do { try await Task.sleep(nanoseconds: TraceExporter.pauseNanoseconds) } catch { return }
      while queue.count > 0, !isStopping.load(ordering: .acquiring) {
        await deliver(queue.next(TraceExporter.batchSpans))
      }
    }
  }

  /// Sends a batch, again after a moment where the collector may take it later.
  private func deliver(_ traces: [SpanQueue.Finished]) async {
    for attempt in 0..<TraceExporter.attempts {
      if attempt > 0 {
        let seconds = UInt64(1) << UInt64(attempt - 1)
        do { try await Task.sleep(nanoseconds: seconds * 1_000_000_000) } catch { break }
      }
      let isLast = attempt == TraceExporter.attempts - 1
      if await send(traces, within: 10_000, isLast: isLast) { return }
    }
  }

  /// Whether the batch is done with: taken, or lost for good.
  @discardableResult
  private func send(
    _ traces: [SpanQueue.Finished], within milliseconds: Int64, isLast: Bool = true
  ) async -> Bool {
    let count = traces.reduce(0) { $0 + $1.spans.count }
    guard count > 0 else { return true }
    var request = OutgoingRequest(
      "POST", url,
      headers: [("Content-Type", "application/json"), ("User-Agent", "Roost")] + headers,
      body: TraceDocument.bytes(traces, resource: resource))
    request.timeoutMilliseconds = milliseconds
    let reason: String
    var isPassing = true
    do throws(OutgoingFailure) {
      let response = try await client.send(request)
      if (200..<300).contains(response.status) {
        let refused = TraceExporter.refused(response.body)
        queue.count(exported: max(0, count - refused), failed: min(count, refused))
        return true
      }
      reason = "the collector answered \(response.status)"
      isPassing = [429, 502, 503, 504].contains(response.status)
    } catch {
      reason = error.reason
    }
    guard isLast || !isPassing || isStopping.load(ordering: .acquiring) else { return false }
    queue.count(failed: count)
    tell(reason, count)
    return true
  }

  /// Spans that a collector did not take of a batch that it took.
  private static func refused(_ body: [UInt8]) -> Int {
    guard let json = try? JSON.parse(body), let part = json["partialSuccess"],
      let rejected = part["rejectedSpans"]
    else { return 0 }
    return Int(clamping: rejected.int ?? rejected.string.flatMap { Int64($0) } ?? 0)
  }

  /// Writes a line a minute at most.
  private func tell(_ reason: String, _ spans: Int) {
    let now = ambient.time.monotonicNanoseconds()
    let silent: Int? = told.withLock { told in
      guard told.at == 0 || now &- told.at >= TraceExporter.secondsBetweenMessages * 1_000_000_000
      else {
        told.silent += spans
        return nil
      }
      defer { told = (now, 0) }
      return told.silent
    }
    guard let silent else { return }
    ambient.logger.warning(
      "traces cannot be exported",
      [
        ("endpoint", .string(url.description)), ("cause", .string(reason)),
        ("spansLost", .int(Int64(spans + silent))),
      ])
  }
}
