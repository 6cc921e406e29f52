import Jobs
import Queries
import Records
import RoostCore
import Schema
import Synchronization

/// Carries out every `@retention` of the schema, a few rows at a time.
///
/// Each step is one transaction with the place that the job has reached, so that one that was killed
/// goes on where it was. A rule that fails keeps none of the others from being carried out.
struct RetentionJob: JobHandler {
  static let kind = "retention"
  private static let rowsAtOnce = 100

  let kind: String = RetentionJob.kind
  let limits = JobLimits(concurrency: 1)
  let records: RecordStore
  let figures: RetentionFigures
  let ambient: Ambient

  /// What is written down between two steps.
  private struct Progress {
    var rule = 0
    var signature = ""
    var place: RetentionPlace?
    var rows: Int64 = 0
    var faults: [String] = []

    init() {}

    init(_ json: JSON) {
      rule = Int(clamping: json["rule"]?.int ?? 0)
      signature = json["signature"]?.string ?? ""
      place = RetentionPlace(json["place"])
      rows = json["rows"]?.int ?? 0
      faults = (json["faults"]?.array ?? []).compactMap(\.string)
    }

    var json: JSON {
      [
        "rule": .int(Int64(rule)), "signature": .string(signature),
        "place": place?.json ?? .null, "rows": .int(rows),
        "faults": .array(faults.map { .string($0) }),
      ]
    }
  }

  func run(_ context: JobContext) async throws {
    let tasks = records.retentionTasks
    var progress = context.checkpoint.map { Progress($0) } ?? Progress()
    // The schema may have changed since: what is done twice changes nothing.
    if progress.rule < 0
      || progress.rule < tasks.count
        && tasks[progress.rule].signature != progress.signature
    {
      progress = Progress()
    }
    while progress.rule < tasks.count {
      let task = tasks[progress.rule]
      progress.signature = task.signature
      do {
        try await carryOut(task, &progress, context)
      } catch  where RetentionJob.isOfRule(error) {
        ambient.logger.error(
          "a retention failed", [("rule", .string(task.signature)), ("cause", .string("\(error)"))])
        let reason = (error as? RoostError)?.detail ?? "\(error)"
        progress.faults.append(String("\(task.signature): \(reason)".prefix(300)))
      }
      progress.rule += 1
      progress.place = nil
    }
    guard progress.faults.isEmpty else {
      throw JobFailure.permanent(progress.faults.joined(separator: "; "))
    }
    context.progress(progress.rows, of: progress.rows)
    try await context.complete()
    figures.ran(ambient.time.now())
  }

  /// Whether the rule is what is wrong; else the whole job has to wait.
  private static func isOfRule(_ error: any Error) -> Bool {
    if error is ConstraintViolation { return true }
    switch (error as? RoostError)?.code {
    case nil, .storageFull, .overloaded, .draining, .timeout: return false
    default: return true
    }
  }

  private func carryOut(
    _ task: RetentionTask, _ progress: inout Progress, _ context: JobContext
  ) async throws {
    repeat {
      try context.proceed()
      let began = ambient.time.monotonicNanoseconds()
      let before = progress
      let records = records
      let (step, next) = try await context.save { transaction in
        let step = try await records.retain(
          task, after: before.place, limit: RetentionJob.rowsAtOnce, in: transaction)
        var next = before
        next.place = step.place
        next.rows += Int64(step.rows)
        let reached = next
        return (next.json, (step, reached))
      }
      progress = next
      figures.add(task, step)
      context.progress(progress.rows, of: nil, task.signature)
      guard step.place != nil else { return }
      try await context.rest(since: began, by: ambient.time)
    } while true
  }
}

/// What retention did since the process started.
final class RetentionFigures: Sendable {
  struct Row: Sendable {
    let collection: String
    let action: String
    var rows = 0
    var held = 0
  }

  private struct State {
    var rows: [String: Row] = [:]
    var ranAt: Timestamp?
  }

  private let state = Mutex(State())

  func add(_ task: RetentionTask, _ step: RetentionStep) {
    let action = task.declaration.action.rawValue
    let key = task.collection.name + " " + action
    state.withLock { state in
      var row = state.rows[key] ?? Row(collection: task.collection.name, action: action)
      row.rows += step.rows
      row.held += step.held
      state.rows[key] = row
    }
  }

  func ran(_ time: Timestamp) { state.withLock { $0.ranAt = time } }

  var rows: [Row] { state.withLock { $0.rows.sorted { $0.key < $1.key }.map(\.value) } }
  /// When it last came to its end here.
  var ranAt: Timestamp? { state.withLock { $0.ranAt } }
}
