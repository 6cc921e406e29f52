import Queries
import RoostCore
import Synchronization

/// Logs statements that took long, with the plan that the engine makes for them.
///
/// The text has placeholders, and the plan is made without the values: nothing of what people stored
/// is in either. Some lines a minute are written, the rest is counted; each statement is explained
/// once an hour, one at a time, and never by the thread that ran it.
final class SlowStatements: Sendable {
  /// Makes the plan of a statement with so many values.
  typealias Planner = @Sendable (_ sql: SQL, _ values: Int) async throws -> String

  private struct State {
    var count = 0
    var logged = 0
    var minute: UInt64 = 0
    var inMinute = 0
    /// When a statement was explained last, by its text.
    var explained: [String: UInt64] = [:]
    var task: Task<Void, Never>?
    var isBusy = false
    var isStopped = false
  }

  static let linesPerMinute = 10
  private static let hour: UInt64 = 3_600_000_000_000
  private static let mostKnown = 256

  /// From when on a statement is slow.
  let nanoseconds: UInt64
  private let time: any TimeSource
  private let logger: Logger
  private let planner: Planner
  private let state = Mutex(State())

  init(milliseconds: Int, _ ambient: Ambient, planner: @escaping Planner) {
    nanoseconds = UInt64(milliseconds) * 1_000_000
    time = ambient.time
    logger = ambient.logger
    self.planner = planner
  }

  /// Slow statements so far, and how many of them the log has.
  var figures: (count: Int, logged: Int) { state.withLock { ($0.count, $0.logged) } }

  /// Takes note of a statement that was slow; does not wait for anything.
  func note(_ sql: SQL, values: Int, nanoseconds: UInt64) {
    let now = time.monotonicNanoseconds()
    let milliseconds = Int64(clamping: nanoseconds / 1_000_000)
    let isLogged = state.withLock { state in
      state.count += 1
      guard !state.isStopped else { return false }
      let minute = now / 60_000_000_000
      if state.minute != minute {
        state.minute = minute
        state.inMinute = 0
      }
      guard state.inMinute < SlowStatements.linesPerMinute else { return false }
      state.inMinute += 1
      state.logged += 1
      return true
    }
    guard isLogged else { return }
    guard SlowStatements.hasPlan(sql.text), explains(sql.text, now) else {
      return log(sql, milliseconds, plan: nil)
    }
    let task = Task {
      let plan: String
      do { plan = try await self.planner(sql, values) } catch { plan = "none: \(error)" }
      self.log(sql, milliseconds, plan: plan)
      self.state.withLock { $0.isBusy = false }
    }
    state.withLock { $0.task = task }
  }

  /// Lets what is being explained come to its end.
  func stop() async {
    let task = state.withLock { state in
      state.isStopped = true
      return state.task
    }
    await task?.value
  }

  /// Whether an engine makes a plan for it: not for what changes the schema.
  private static func hasPlan(_ text: String) -> Bool {
    let verb = text.prefix { $0.isLetter }.uppercased()
    return ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES"].contains(verb)
  }

  private func explains(_ text: String, _ now: UInt64) -> Bool {
    state.withLock { state in
      if state.isBusy { return false }
      if let last = state.explained[text], now &- last < SlowStatements.hour { return false }
      if state.explained.count >= SlowStatements.mostKnown { state.explained = [:] }
      state.explained[text] = now
      state.isBusy = true
      return true
    }
  }

  private func log(_ sql: SQL, _ milliseconds: Int64, plan: String?) {
    var metadata: [(String, JSON)] = [
      ("milliseconds", .int(milliseconds)), ("statement", .string(String(sql.text.prefix(4000)))),
    ]
    if let plan { metadata.append(("plan", .string(String(plan.prefix(4000))))) }
    logger.warning("a statement was slow", metadata)
  }
}
