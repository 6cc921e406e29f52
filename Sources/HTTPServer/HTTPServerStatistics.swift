import Synchronization

/// What a server has done since it started, summed over its loops.
package struct HTTPServerStatistics: Sendable, Equatable {
  /// Connections accepted, those beyond the limit included.
  package var accepted = 0
  /// Connections refused because too many were open.
  package var refused = 0
  /// Connections open now.
  package var openConnections = 0
  /// Requests whose head was read.
  package var requests = 0
  /// Handlers running now.
  package var activeRequests = 0
  package var bytesIn = 0
  package var bytesOut = 0
  /// Bytes of answers that clients have not taken yet.
  package var queuedOutputBytes = 0
  /// Answers by the first digit of their status, from 1xx at index 0 to 5xx at index 4.
  package var answersByClass = [0, 0, 0, 0, 0]
  /// Malformed heads and bodies.
  package var parseErrors = 0
  /// Slow heads, slow bodies, idle connections and answers that were not taken.
  package var timeouts = 0
  /// Handshakes of TLS that were done, and that failed.
  package var handshakes = 0
  package var failedHandshakes = 0
}

/// The counters of one loop.
///
/// Only the loop's thread writes, hence a load and a store instead of an atomic addition; any
/// thread reads.
final class LoopCounters: Sendable {
  let accepted = Atomic<Int>(0)
  let refused = Atomic<Int>(0)
  let openConnections = Atomic<Int>(0)
  let requests = Atomic<Int>(0)
  let activeRequests = Atomic<Int>(0)
  let bytesIn = Atomic<Int>(0)
  let bytesOut = Atomic<Int>(0)
  let queuedOutputBytes = Atomic<Int>(0)
  let parseErrors = Atomic<Int>(0)
  let timeouts = Atomic<Int>(0)
  let handshakes = Atomic<Int>(0)
  let failedHandshakes = Atomic<Int>(0)
  private let informational = Atomic<Int>(0)
  private let successful = Atomic<Int>(0)
  private let redirecting = Atomic<Int>(0)
  private let refusing = Atomic<Int>(0)
  private let failing = Atomic<Int>(0)

  func countAnswer(_ status: Int) {
    switch status {
    case ..<200: informational.increase()
    case ..<300: successful.increase()
    case ..<400: redirecting.increase()
    case ..<500: refusing.increase()
    default: failing.increase()
    }
  }

  func add(to sum: inout HTTPServerStatistics) {
    sum.accepted += accepted.load(ordering: .relaxed)
    sum.refused += refused.load(ordering: .relaxed)
    sum.openConnections += openConnections.load(ordering: .relaxed)
    sum.requests += requests.load(ordering: .relaxed)
    sum.activeRequests += activeRequests.load(ordering: .relaxed)
    sum.bytesIn += bytesIn.load(ordering: .relaxed)
    sum.bytesOut += bytesOut.load(ordering: .relaxed)
    sum.queuedOutputBytes += queuedOutputBytes.load(ordering: .relaxed)
    sum.parseErrors += parseErrors.load(ordering: .relaxed)
    sum.timeouts += timeouts.load(ordering: .relaxed)
    sum.handshakes += handshakes.load(ordering: .relaxed)
    sum.failedHandshakes += failedHandshakes.load(ordering: .relaxed)
    sum.answersByClass[0] += informational.load(ordering: .relaxed)
    sum.answersByClass[1] += successful.load(ordering: .relaxed)
    sum.answersByClass[2] += redirecting.load(ordering: .relaxed)
    sum.answersByClass[3] += refusing.load(ordering: .relaxed)
    sum.answersByClass[4] += failing.load(ordering: .relaxed)
  }
}

extension Atomic where Value == Int {
  /// Adds without an atomic read-modify-write, for counters that one thread writes.
  @inline(__always)
  func increase(by amount: Int = 1) {
    store(load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }
}
