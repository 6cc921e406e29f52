import Synchronization

/// Where finished traces go; must not block.
package protocol TraceSink: Sendable {
  func take(_ trace: Trace)
}

/// Decides which requests are traced, before anything is made for them.
///
/// A caller that is in a trace decides for us (its `traceparent`), others by chance; and whatever they
/// decide, no more than so many requests a second are traced.
package final class Tracer: Sendable {
  private let threshold: UInt64
  private let mostPerSecond: Int
  private let ambient: Ambient
  private let sink: any TraceSink
  private let random: Atomic<UInt64>
  private let second = Atomic<UInt64>(0)
  private let inSecond = Atomic<Int>(0)
  private let started = Atomic<Int>(0)
  private let beyond = Atomic<Int>(0)

  /// `share` of the requests that no caller decided about are traced, from 0 to 1.
  package init(share: Double, perSecond: Int, ambient: Ambient, sink: any TraceSink) {
    threshold =
      share >= 1 ? .max : share <= 0 ? 0 : UInt64(share * 18_446_744_073_709_549_568)
    mostPerSecond = perSecond
    self.ambient = ambient
    self.sink = sink
    random = Atomic(ambient.random.next())
  }

  /// Requests that were traced.
  package var traced: Int { started.load(ordering: .relaxed) }
  /// Requests that were chosen and not traced, because too many were in that second.
  package var refused: Int { beyond.load(ordering: .relaxed) }

  /// Begins the trace of a request that came at `now`; nil for one that is not traced, for which
  /// nothing is made.
  ///
  /// `parent` and `state` are the headers `traceparent` and `tracestate`; a parent that is malformed
  /// is none, and then its state is none too.
  package func begin(
    parent: String?, state: @autoclosure () -> String?, at now: UInt64
  ) -> (scope: TraceScope, parent: UInt64)? {
    guard let parent, let context = TraceContext(parent) else {
      guard threshold != 0, isChosen, hasRoom(now) else { return nil }
      return begin(high: ambient.random.next(), low: ambient.random.next() | 1, 0, nil)
    }
    guard context.isSampled, hasRoom(now) else { return nil }
    return begin(
      high: context.high, low: context.low, context.span, TraceContext.checkedState(state()))
  }

  /// Hands a finished trace on.
  package func end(_ trace: Trace) { sink.take(trace) }

  private func begin(
    high: UInt64, low: UInt64, _ parent: UInt64, _ state: String?
  ) -> (TraceScope, UInt64) {
    let trace = Trace(
      high: high, low: low, state: state, seed: ambient.random.next(), time: ambient.time)
    return (TraceScope(trace, trace.newSpan()), parent)
  }

  private var isChosen: Bool {
    if threshold == .max { return true }
    let next = random.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    return SplitMix.mix(next) < threshold
  }

  private func hasRoom(_ now: UInt64) -> Bool {
    let current = now / 1_000_000_000 + 1
    if second.load(ordering: .relaxed) != current {
      second.store(current, ordering: .relaxed)
      inSecond.store(0, ordering: .relaxed)
    }
    guard inSecond.add(1, ordering: .relaxed).newValue <= mostPerSecond else {
      beyond.add(1, ordering: .relaxed)
      return false
    }
    started.add(1, ordering: .relaxed)
    return true
  }
}
