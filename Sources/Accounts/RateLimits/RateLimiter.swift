package import RoostCore
import Synchronization

/// Refuses what comes too often, for each key by itself.
///
/// The generic cell rate algorithm (ITU-T I.371): for each key one number, the time at which the
/// next event would be due if all came evenly; an event may come early by the burst. The clock is
/// the monotonic one, so that setting the wall clock neither frees nor locks anybody.
package final class RateLimiter: Sendable {
  /// How a key stands after an event was counted, or refused.
  package struct Standing: Sendable, Equatable {
    /// Whole seconds after which one will be let through; nil where this one was.
    package let waitSeconds: Int?
    /// How many would be let through now.
    package let remaining: Int
    /// Whole seconds until the whole burst is there again.
    package let resetSeconds: Int
  }

  private let rate: Rate
  private let capacity: Int
  private let time: any TimeSource
  private let dueTimes = Mutex<[String: UInt64]>([:])

  package init(_ rate: Rate, capacity: Int, time: any TimeSource) {
    self.rate = rate
    self.capacity = max(4, capacity)
    self.time = time
  }

  /// Counts an event of `key`; throws `RoostError` with `.rateLimited` when there were too many.
  func take(_ key: String) throws {
    guard let seconds = count(key).waitSeconds else { return }
    throw RoostError(
      .rateLimited, "Too many attempts: try again in \(seconds) seconds.",
      retryAfterSeconds: seconds)
  }

  /// The keys that are remembered now.
  var count: Int { dueTimes.withLock { $0.count } }

  /// Counts an event of `key`, unless there were too many.
  package func count(_ key: String) -> Standing {
    let now = time.monotonicNanoseconds()
    let tolerance = rate.intervalNanoseconds * UInt64(rate.burst - 1)
    return dueTimes.withLock { dueTimes in
      let due = max(dueTimes[key] ?? 0, now)
      guard due - now <= tolerance else {
        return standing(due - now, wait: due - now - tolerance)
      }
      if dueTimes[key] == nil, dueTimes.count >= capacity {
        RateLimiter.makeRoom(in: &dueTimes, now: now, capacity: capacity)
      }
      dueTimes[key] = due + rate.intervalNanoseconds
      return standing(due + rate.intervalNanoseconds - now, wait: nil)
    }
  }

  /// What is left to a key that is `ahead` nanoseconds before its time.
  private func standing(_ ahead: UInt64, wait: UInt64?) -> Standing {
    let whole = rate.intervalNanoseconds * UInt64(rate.burst)
    return Standing(
      waitSeconds: wait.map { RateLimiter.seconds($0) },
      remaining: ahead >= whole || rate.intervalNanoseconds == 0
        ? 0 : Int((whole - ahead) / rate.intervalNanoseconds),
      resetSeconds: RateLimiter.seconds(ahead))
  }

  private static func seconds(_ nanoseconds: UInt64) -> Int {
    Int((nanoseconds + 999_999_999) / 1_000_000_000)
  }

  /// Forgets the keys at rest, which are as good as unknown, and, where that is not a quarter of the
  /// table, those nearest to it: a flood of new keys does not free the ones that are refused.
  private static func makeRoom(in dueTimes: inout [String: UInt64], now: UInt64, capacity: Int) {
    dueTimes = dueTimes.filter { $0.value > now }
    let allowed = capacity - capacity / 4
    guard dueTimes.count > allowed else { return }
    let ordered = dueTimes.sorted { ($0.value, $0.key) > ($1.value, $1.key) }
    dueTimes = Dictionary(uniqueKeysWithValues: ordered.prefix(allowed).map { ($0.key, $0.value) })
  }
}
