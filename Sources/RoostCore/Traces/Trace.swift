import Synchronization

/// One part of the work on a request: what was done, and from when to when.
package struct Span: Sendable {
  /// As OTLP numbers them.
  package enum Kind: Int64, Sendable {
    case inside = 1
    case server = 2
    case client = 3
  }

  package let id: UInt64
  /// The span that it is a part of; 0 for none.
  package let parent: UInt64
  package let name: String
  package let kind: Kind
  /// Nanoseconds since 1970.
  package let start: UInt64
  package let end: UInt64
  package let attributes: [(key: String, value: JSON)]
  package let hasFailed: Bool
}

/// The spans of one request that is traced; made for nothing else.
package final class Trace: Sendable {
  private struct State {
    var spans: [Span] = []
    var random: UInt64
    var dropped = 0
  }

  /// Spans that one request may have beside its own; later ones are counted.
  package static let mostSpans = 256

  package let high: UInt64
  package let low: UInt64
  /// The `tracestate` that came, for those who are asked next.
  package let state: String?
  private let time: any TimeSource
  /// What turns the monotonic clock into nanoseconds since 1970, as it was at the start.
  private let offset: UInt64
  private let content: Mutex<State>

  init(high: UInt64, low: UInt64, state: String?, seed: UInt64, time: any TimeSource) {
    self.high = high
    self.low = low
    self.state = state
    self.time = time
    let wall = UInt64(clamping: time.now().milliseconds) &* 1_000_000
    offset = wall &- time.monotonicNanoseconds()
    content = Mutex(State(random: seed))
  }

  /// The time of the monotonic clock, for starts and ends.
  package var now: UInt64 { time.monotonicNanoseconds() }

  /// The trace as 32 digits.
  package var id: String { TraceContext.hexadecimal(high) + TraceContext.hexadecimal(low) }

  /// A name for a span that is still to be recorded.
  package func newSpan() -> UInt64 { content.withLock { Trace.next(&$0) } }

  /// Adds a span that has ended; `start` and `end` are of the monotonic clock.
  package func record(
    _ name: String, _ kind: Span.Kind = .inside, id: UInt64? = nil, in parent: UInt64,
    from start: UInt64, to end: UInt64, attributes: [(key: String, value: JSON)] = [],
    hasFailed: Bool = false
  ) {
    content.withLock { state in
      guard state.spans.count < Trace.mostSpans || kind == .server else {
        state.dropped += 1
        return
      }
      let id = id ?? Trace.next(&state)
      state.spans.append(
        Span(
          id: id, parent: parent, name: name, kind: kind, start: start &+ offset,
          end: max(start, end) &+ offset, attributes: attributes, hasFailed: hasFailed))
    }
  }

  /// What was recorded so far, and how much there was no room for.
  package func take() -> (spans: [Span], dropped: Int) {
    content.withLock { state in
      defer { state.spans = [] }
      return (state.spans, state.dropped)
    }
  }

  /// SplitMix64: a name needs to differ from the others of its trace, and to be hard to guess for
  /// nobody.
  private static func next(_ state: inout State) -> UInt64 {
    state.random &+= 0x9E37_79B9_7F4A_7C15
    let mixed = SplitMix.mix(state.random)
    return mixed == 0 ? 1 : mixed
  }
}

/// The finisher of SplitMix64 (Steele, Lea and Flood, 2014).
enum SplitMix {
  static func mix(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// A traced request and the span that is open: what is recorded now is a part of it.
package struct TraceScope: Sendable {
  package let trace: Trace
  package let span: UInt64

  /// That of the request in work; nil where it is not traced.
  @TaskLocal package static var current: TraceScope?

  package init(_ trace: Trace, _ span: UInt64) {
    self.trace = trace
    self.span = span
  }

  package var now: UInt64 { trace.now }

  /// Adds a part that began at `start` and ends now.
  package func record(
    _ name: String, _ kind: Span.Kind = .inside, since start: UInt64,
    attributes: [(key: String, value: JSON)] = [], hasFailed: Bool = false
  ) {
    trace.record(
      name, kind, in: span, from: start, to: now, attributes: attributes, hasFailed: hasFailed)
  }

  /// What others are told when they are asked, with `span` as their parent.
  package func context(of span: UInt64) -> TraceContext {
    TraceContext(high: trace.high, low: trace.low, span: span, isSampled: true)
  }
}
