import RoostCore
import Synchronization

/// Finished traces that wait to be exported: bounded, and whoever hands one in never waits.
final class SpanQueue: TraceSink {
  /// A trace whose request was answered.
  struct Finished: Sendable {
    let id: String
    let state: String?
    let spans: [Span]
  }

  /// What became of spans.
  struct Figures: Sendable {
    var exported = 0
    /// No room in the queue, or in their trace.
    var dropped = 0
    /// The collector could not be reached, or did not take them.
    var failed = 0
  }

  private struct State {
    var finished: [Finished] = []
    var spans = 0
    var figures = Figures()
  }

  private let most: Int
  private let state = Mutex(State())

  init(most: Int = 8192) { self.most = most }

  var figures: Figures { state.withLock { $0.figures } }
  /// Spans that wait.
  var count: Int { state.withLock { $0.spans } }

  func take(_ trace: Trace) {
    let (spans, dropped) = trace.take()
    state.withLock { state in
      state.figures.dropped += dropped
      guard state.spans + spans.count <= most else {
        state.figures.dropped += spans.count
        return
      }
      state.spans += spans.count
      state.finished.append(Finished(id: trace.id, state: trace.state, spans: spans))
    }
  }

  /// The oldest traces, with about so many spans.
  func next(_ spans: Int) -> [Finished] {
    state.withLock { state in
      var count = 0
      var traces = 0
      while traces < state.finished.count, traces == 0 || count < spans {
        count += state.finished[traces].spans.count
        traces += 1
      }
      defer {
        state.finished.removeFirst(traces)
        state.spans -= count
      }
      return Array(state.finished.prefix(traces))
    }
  }

  func count(exported: Int = 0, failed: Int = 0) {
    state.withLock { state in
      state.figures.exported += exported
      state.figures.failed += failed
    }
  }
}
