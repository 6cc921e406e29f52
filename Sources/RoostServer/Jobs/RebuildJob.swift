import Jobs
import Queries
import Records
import RoostCore

/// Makes derived data anew, a piece at a time, while writes go on.
///
/// What is to be done, and how far it is, stands beside the data: a job that was killed goes on where
/// it was, and one that comes too late finds nothing to do.
struct RebuildJob: JobHandler {
  static let kind = "rebuild"

  let kind: String = RebuildJob.kind
  let limits = JobLimits(concurrency: 1)
  let records: RecordStore
  let ambient: Ambient

  /// The job for whatever there is to do; one at a time.
  static var job: NewJob { NewJob(kind, key: kind) }

  /// What a schedule puts into the queue: to make everything anew.
  static let everything: JSON = ["everything": true]

  /// Somebody asked for more while the job came to its end.
  private struct Unfinished: Error {}

  func run(_ context: JobContext) async throws {
    let records = records
    if context.payload == RebuildJob.everything, context.checkpoint == nil {
      try await context.save([:]) { transaction in
        _ = try await records.beginRebuild(
          collection: nil, field: nil, isCheck: false, in: transaction)
      }
    }
    while true {
      try context.proceed()
      let began = ambient.time.monotonicNanoseconds()
      let step = try await context.save { transaction -> (JSON, RebuildStep) in
        let step = try await records.rebuildStep(in: transaction)
        return (RebuildJob.told(step), step)
      }
      switch step {
      case .busy: try await Task.sleep(nanoseconds: 20_000_000)
      case .worked(let definition, let rows):
        context.progress(rows, of: nil, definition)
        try await context.rest(since: began, by: ambient.time)
      case .done:
        do {
          try await context.complete { transaction in
            guard try await !records.isRebuildDue(in: transaction) else { throw Unfinished() }
          }
          return
        } catch is Unfinished {
          continue
        }
      }
    }
  }

  private static func told(_ step: RebuildStep) -> JSON {
    guard case .worked(let definition, let rows) = step else { return [:] }
    return ["definition": .string(definition), "rows": .int(rows)]
  }
}
