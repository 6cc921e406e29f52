import REST
import RoostCore
import Synchronization

/// Refuses requests before the queues collapse: by how long those before them have waited.
///
/// Three queues are looked at: that before the event loops, that before the writer and that before the
/// threads of long reads. A queue that stands (see `QueueDelay`) lets in whom it can still serve in
/// time; those that matter less are refused earlier.
final class Overload: Sendable {
  /// The queue for which somebody is refused.
  enum Queue: String, Sendable, CaseIterable {
    case loop, writes, reads

    /// Its place among all.
    var place: Int {
      switch self {
      case .loop: 0
      case .writes: 1
      case .reads: 2
      }
    }

    /// What is said to who is refused.
    var error: RoostError {
      let what =
        switch self {
        case .loop: "Too many requests are waiting"
        case .writes: "Too many writes are waiting"
        case .reads: "Too many long reads are waiting"
        }
      return RoostError(.overloaded, "\(what); try again in a moment.", retryAfterSeconds: 1)
    }
  }

  private let tolerated: UInt64
  private let loop: LoopPressure
  private let database: DatabaseDelays
  private let refused: [Atomic8]

  /// A counter, since an `Atomic` cannot be an array's element.
  private final class Atomic8: Sendable {
    let count = Atomic<Int>(0)
  }

  /// `milliseconds` is the wait that is tolerated; 0 refuses nobody.
  init(milliseconds: Int, database: DatabaseDelays) {
    tolerated = UInt64(milliseconds) * 1_000_000
    loop = LoopPressure(tolerated: tolerated)
    self.database = database
    refused = (0..<(RequestPriority.allCases.count * Queue.allCases.count)).map { _ in Atomic8() }
  }

  /// Tells of a request that has waited for `wait` nanoseconds before its loop at `now`.
  func note(_ wait: UInt64, at now: UInt64) { loop.note(wait, at: now) }

  /// Tells that a loop had nothing to do for a moment.
  func rested() { loop.rested() }

  /// Whether there is any cause to refuse somebody who has waited for so long.
  func isPressed(wait: UInt64, at now: UInt64) -> Bool {
    guard tolerated != 0 else { return false }
    return wait > tolerated * 10 || loop.isStanding(at: now) || database.writes.isStanding(at: now)
      || database.reads.isStanding(at: now)
  }

  /// The queue for which a request is refused that has waited for `wait` nanoseconds at `now`, and is
  /// counted; nil where it is let in.
  func refusal(_ priority: RequestPriority, wait: UInt64, at now: UInt64) -> Queue? {
    guard priority != .health, isPressed(wait: wait, at: now) else { return nil }
    let part = priority.eighths
    var queue: Queue?
    // Beyond ten times the bound nobody waits for the answer any more, standing queue or not.
    if wait > tolerated * 10 || loop.refuses(wait, eighths: part, at: now) {
      queue = .loop
    } else if priority == .writes, database.writes.isStanding(at: now),
      database.writes.wait(at: now) > tolerated / 2 * 3
    {
      queue = .writes
    } else if priority == .exports, database.reads.isStanding(at: now),
      database.reads.wait(at: now) > tolerated / 8 * part
    {
      queue = .reads
    }
    if let queue { counter(priority, queue).count.add(1, ordering: .relaxed) }
    return queue
  }

  /// Whether a queue stands, and the last long wait in seconds.
  func state(of queue: Queue, at now: UInt64) -> (isStanding: Bool, seconds: Double) {
    let (stands, wait) =
      switch queue {
      case .loop: (loop.isStanding(at: now), loop.wait(at: now))
      case .writes: (database.writes.isStanding(at: now), database.writes.wait(at: now))
      case .reads: (database.reads.isStanding(at: now), database.reads.wait(at: now))
      }
    return (stands, Double(wait) / 1_000_000_000)
  }

  private func counter(_ priority: RequestPriority, _ queue: Queue) -> Atomic8 {
    refused[priority.rawValue * Queue.allCases.count + queue.place]
  }

  func metrics(at now: UInt64) -> [Metric] {
    var samples: [(labels: [(String, String)], value: Double)] = []
    for priority in RequestPriority.allCases where priority != .health {
      for queue in Queue.allCases {
        let count = counter(priority, queue).count.load(ordering: .relaxed)
        samples.append(
          ([("priority", priority.name), ("queue", queue.rawValue)], Double(count)))
      }
    }
    let states = Queue.allCases.map { ($0.rawValue, state(of: $0, at: now)) }
    return [
      Metric(
        "roost_http_shed_total", .counter,
        "Requests refused with 503 because a queue was too long.", samples: samples),
      Metric(
        "roost_queue_standing", .gauge, "Whether a queue no longer empties.",
        samples: states.map { ([("queue", $0.0)], $0.1.isStanding ? 1 : 0) }),
      Metric(
        "roost_queue_wait_seconds", .gauge,
        "The last wait in a queue that was longer than it should be; 0 while none is.",
        samples: states.map { ([("queue", $0.0)], $0.1.seconds) }),
    ]
  }
}
