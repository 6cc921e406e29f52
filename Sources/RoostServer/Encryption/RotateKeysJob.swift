import Jobs
import Queries
import Records
import RoostCore

/// Wraps data keys anew under the master key of now and, where it is asked to, makes new ones and
/// seals every value anew, a few rows at a time while the server answers.
///
/// Each step is one transaction with the place that the job has reached: one that was killed goes on
/// where it was.
struct RotateKeysJob: JobHandler {
  static let kind = "rotate-keys"

  let kind: String = RotateKeysJob.kind
  let limits = JobLimits(concurrency: 1)
  let records: RecordStore
  let ambient: Ambient

  /// The job; one at a time.
  ///
  /// `values` has every value sealed anew under new data keys.
  static func job(values: Bool) -> NewJob {
    NewJob(kind, values ? ["values": true] : [:], key: values ? "values" : "keys")
  }

  func run(_ context: JobContext) async throws {
    var rotation =
      context.checkpoint.flatMap { KeyRotation($0) }
      ?? KeyRotation(sealsValues: context.payload["values"]?.bool == true)
    while !rotation.isDone {
      try context.proceed()
      let began = ambient.time.monotonicNanoseconds()
      let (records, before) = (records, rotation)
      rotation = try await context.save { transaction in
        let next = try await records.step(before, in: transaction)
        return (next.json, next)
      }
      context.progress(rotation.keys + rotation.rows, of: nil, rotation.text)
      try await context.rest(since: began, by: ambient.time)
    }
    ambient.logger.info(
      "keys were rotated", [("keys", .int(rotation.keys)), ("rows", .int(rotation.rows))])
    try await context.complete()
  }
}
