import Queries
import RoostCore
import Synchronization

/// What a traced write leaves for the steps around its commit: they note when that was.
final class CommitMark: Effect {
  struct Times: Sendable {
    /// The span of the body, and the monotonic clock at its places; 0 for what did not happen.
    var span: UInt64 = 0
    var body: UInt64 = 0
    var bodyEnd: UInt64 = 0
    var committed: UInt64 = 0
    var told: UInt64 = 0
  }

  private let content = Mutex(Times())

  var times: Times { content.withLock { $0 } }

  /// A body begins, maybe not for the first time; gives the span for what it does.
  func begin(at now: UInt64, in trace: Trace) -> UInt64 {
    let span = trace.newSpan()
    content.withLock { $0 = Times(span: span, body: now, bodyEnd: now) }
    return span
  }

  func endBody(at now: UInt64) { content.withLock { $0.bodyEnd = now } }
  func commit(at now: UInt64) { content.withLock { $0.committed = now } }
  func tell(at now: UInt64) { content.withLock { $0.told = now } }
}

/// The steps before and behind those that publish a commit: they stand there only where requests are
/// traced.
struct CommitWatch: PreCommit {
  enum Place: Sendable { case before, behind }

  let place: Place
  let time: any TimeSource

  func apply(_ effects: [any Effect], in transaction: any Transaction) async throws {}

  func committed(_ effects: [any Effect]) {
    for effect in effects {
      guard let mark = effect as? CommitMark else { continue }
      switch place {
      case .before: mark.commit(at: time.monotonicNanoseconds())
      case .behind: mark.tell(at: time.monotonicNanoseconds())
      }
    }
  }
}
