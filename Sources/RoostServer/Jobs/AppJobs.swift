package import Jobs
import Queries
import Records
import RoostCore

/// The work that an app does by itself: its jobs, and when they are due.
package final class AppJobs: Sendable {
  let runner: JobRunner
  let scheduler: Scheduler
  let retention = RetentionFigures()
  package let queue: JobQueue
  let backups: BackupFigures

  /// `handlers` and `schedules` are those of a server that is built around the app.
  init(
    _ records: RecordStore, _ settings: Settings, signal: JobSignal, ambient: Ambient,
    handlers: [any JobHandler], schedules: [Schedule], backups maker: BackupMaker
  ) throws {
    backups = BackupFigures(
      maker.settings.folder, isScheduled: !settings.text(SettingKeys.backupSchedule).isEmpty,
      time: maker.ambient.time)
    queue = JobQueue(ambient)
    let retentionJob = RetentionJob(records: records, figures: retention, ambient: ambient)
    var configuration = RunnerConfiguration()
    configuration.leaseMilliseconds =
      Int64(settings.integer(SettingKeys.jobLeaseSeconds)) * 1000
    configuration.heartbeatMilliseconds = configuration.leaseMilliseconds / 6
    configuration.drainSeconds = settings.integer(SettingKeys.drainSeconds)
    runner = JobRunner(
      [
        retentionJob, RebuildJob(records: records, ambient: ambient),
        BackupJob(maker: maker, figures: backups),
        RotateKeysJob(records: records, ambient: ambient),
      ] + handlers,
      on: records.database, signal: signal, ambient: ambient,
      configuration: configuration)
    var all = schedules
    if !records.retentionTasks.isEmpty {
      all.append(
        Schedule(
          RetentionJob.kind,
          try CronExpression(settings.text(SettingKeys.retentionSchedule)),
          in: try ZoneFolder.system.zone(settings.text(SettingKeys.retentionZone)),
          kind: RetentionJob.kind))
    }
    let rebuilding = settings.text(SettingKeys.derivedSchedule)
    if !rebuilding.isEmpty {
      all.append(
        Schedule(
          RebuildJob.kind, try CronExpression(rebuilding), in: try ZoneFolder.system.zone("UTC"),
          kind: RebuildJob.kind, payload: RebuildJob.everything))
    }
    let backingUp = settings.text(SettingKeys.backupSchedule)
    if !backingUp.isEmpty {
      // Without a key each backup would fail in the night; here somebody looks.
      _ = try maker.settings.key()
      all.append(
        Schedule(
          BackupJob.kind, try CronExpression(backingUp), in: try ZoneFolder.system.zone("UTC"),
          kind: BackupJob.kind))
    }
    scheduler = Scheduler(all, on: records.database, ambient: ambient)
  }

  /// Puts what a change of the schema left to be rebuilt into the queue.
  func begin(_ records: RecordStore) async throws {
    let queue = queue
    try await records.database.write { transaction in
      if try await records.isRewrapDue(in: transaction) {
        _ = try await queue.enqueue(RotateKeysJob.job(values: false), in: transaction)
      }
      guard try await records.isRebuildDue(in: transaction) else { return }
      _ = try await queue.enqueue(RebuildJob.job, in: transaction)
    }
  }

  func start() {
    runner.start()
    scheduler.start()
  }

  func stop() async {
    await scheduler.stop()
    await runner.stop()
  }
}
