package import Accounts
import Jobs
package import Queries
import REST
package import Records
package import RoostCore
package import Schema
import Sync

/// One app with everything that it is made of: its schema, its database, its people, its records.
///
/// There are no globals: two apps can live in one process.
package final class App: Sendable {
  package let settings: Settings
  let engine: AppDatabase
  package let database: any Database
  /// Where the database stood at the start; nil where no copies of it answer reads.
  let start: DatabasePosition?
  package let accounts: AccountStore
  package let records: RecordStore
  /// What carries out the app's actions.
  package let actions: ActionRunner
  package let ambient: Ambient
  /// The versions of the app's API that were served, the current one last.
  package let versions: [SchemaHistory.Entry]
  /// The older ones whose clients are still answered in their own words.
  let formers: FormerVersions
  /// When that was first served which the schema calls deprecated without a day.
  let retirements: Retirements
  /// The one-time claim by which the first administrator is made.
  package let adminClaim: AdminClaimFile
  package let followers: [FollowerRunner]
  /// The functions that the app calls over HTTP.
  package let functions: AppFunctions
  /// What the app does by itself; it begins with `startJobs`.
  package let jobs: AppJobs
  /// The door for devices.
  let sync: AppSync
  /// What looks at the requests: their traces, slow statements and the queues before the database.
  let traces: AppTraces
  let slow: SlowStatements?
  let delays: DatabaseDelays
  let housekeeping: Housekeeping
  let watch: LogWatch
  private let migration: MigrationKeeper
  private let recorder: ChangeRecorder

  /// Whether the database has come to hold a schema that this process does not know.
  package var isOutdated: Bool { recorder.isOutdated }

  private init(
    settings: Settings, engine: AppDatabase, database: any Database,
    start: DatabasePosition?, accounts: AccountStore, records: RecordStore,
    actions: ActionRunner, versions: [SchemaHistory.Entry], formers: FormerVersions,
    retirements: Retirements, followers: [FollowerRunner],
    jobs: AppJobs, functions: AppFunctions, ambient: Ambient, adminClaim: AdminClaimFile,
    recorder: ChangeRecorder, epochs: SyncEpochs, eligibility: Eligibility,
    watching: (traces: AppTraces, slow: SlowStatements?, delays: DatabaseDelays)
  ) {
    (traces, slow, delays) = watching
    sync = AppSync(
      epochs: epochs, devices: DeviceStore(on: database, time: ambient.time),
      watch: recorder.watch, eligibility: eligibility,
      gate: Gate(eligibility, records: records, ambient: ambient), ambient: ambient)
    sync.listen(to: accounts)
    self.jobs = jobs
    self.settings = settings
    self.engine = engine
    self.database = database
    self.start = start
    self.accounts = accounts
    self.records = records
    self.actions = actions
    self.versions = versions
    self.formers = formers
    self.retirements = retirements
    self.followers = followers
    self.ambient = ambient
    self.adminClaim = adminClaim
    self.recorder = recorder
    self.functions = functions
    let waiting = recorder.watch
    watch = LogWatch(database, time: ambient.time, notice: { recorder.notice($0) }) { length in
      for follower in followers { follower.wake() }
      waiting.heard(length)
    }
    migration = MigrationKeeper(records: records, logger: ambient.logger)
    housekeeping = Housekeeping(
      accounts: accounts, records: records, queue: jobs.queue, logger: ambient.logger,
      followers: followers.map(\.name)
        + settings.functions.filter(\.isTrigger).map { FunctionSetting.followerName($0.name) },
      time: ambient.time)
  }

  /// Opens the database in the folder `data`, brings its tables in step with `schema`, and starts
  /// what reads the log.
  ///
  /// `over` puts something between the app and its database; `extensions` are those of a server
  /// that is built around the app. Without `followers` what reads the log waits for the next start.
  /// `isBulk` is for imports, for whose answers nobody waits. `onlyAsServed` refuses a schema that differs from what was served last, before anything changes.
  /// With `stepped` nothing that serves runs by itself: see `step`.
  /// Throws `DatabaseOpenError`, `SchemaChangeError` or `RoostError`, each with what to do.
  package static func open(
    _ schema: SchemaModel, data: String, settings: Settings, ambient: Ambient,
    extensions: AppExtensions = AppExtensions(), functions: AppFunctions? = nil,
    over: (any Database) -> any Database = { $0 }, followers startsFollowers: Bool = true,
    onlyAsServed: Bool = false, isBulk: Bool = false, stepped: SteppedSurroundings? = nil
  ) async throws -> App {
    let eligibility = try EligibilityReader.eligibility(settings, schema)
    let recorder = ChangeRecorder(time: ambient.time)
    let signal = JobSignal()
    let traces = try AppTraces(settings, ambient: ambient)
    let engine = try AppDatabase.open(
      data, settings, ambient: ambient,
      preCommit: PreCommitSteps(traces.steps([recorder, signal], time: ambient.time)),
      isBulk: isBulk, stepped: stepped)
    let watching = watching(engine, settings, traces, ambient)
    // An import has nobody who waits, and runs the same few statements a million times; an app that
    // is stepped has no time of its own.
    let database = over(
      isBulk || stepped != nil
        ? engine.database
        : WatchedDatabase(
          engine.database, delays: watching.delays, slow: watching.slow,
          isTraced: traces.tracer != nil, time: ambient.time))
    do {
      try await Migrator.run(RoostMigrations.all, on: database, time: ambient.time)
      try await MoveMark.check(database)
      var configuration = accountsConfiguration(settings)
      if let seconds = stepped?.sessionSeconds { configuration.live(seconds) }
      let accounts = AccountStore(
        database: database, ambient: ambient, configuration: configuration,
        roles: AppRoles(names: schema.roles?.names ?? [], closure: schema.roles?.closure ?? [:]))
      try await accounts.start(watches: stepped == nil)
      let history = SchemaHistory(database: database, compiled: stepped?.compiled)
      if onlyAsServed { try await history.requireServed(schema) }
      try await MigrationKeeper.finish(schema, on: database, ambient: ambient)
      let wasServed = try await !history.entries().isEmpty
      // Others may be serving another schema: who only looks changes nothing of what they follow.
      let isServing = startsFollowers || !wasServed
      let keys = try await EncryptionKeys.load(settings, on: database, ambient: ambient)
      let records = try await MigrationKeeper.opening(schema, on: database) {
        try await RecordStore.open(
          schema, on: database, ambient: ambient, people: accounts, listWork: listWork(settings),
          receiptBytes: receiptBytes(settings), reconcilesDerived: isServing, keys: keys,
          compiled: stepped?.compiled,
          before: { try await MigrationKeeper.before(schema, compiled: stepped?.compiled, in: $0) }
        ) { transaction in
          let entries =
            isServing
            ? try await SchemaHistory.take(
              in: schema, at: ambient.time.now(), compiled: stepped?.compiled, in: transaction)
            : try await SchemaHistory.entries(in: transaction)
          return { try await SchemaHistory.isNewest(entries.last, in: $0) }
        }
      }
      recorder.writes(by: records.catalogue.generation)
      try await PolicyKeeper(settings).run(schema, on: database)
      let versions = try await history.entries()
      try await LensBook(database: database).keep(history)
      let retirements = try await Retirements(of: schema, in: history)
      let jobs = try AppJobs(
        records, settings, signal: signal, ambient: ambient,
        handlers: extensions.jobs.map { $0(records) }, schedules: try extensions.schedules(),
        backups: BackupMaker(engine: engine, settings: settings, data: data, ambient: ambient))
      try await jobs.begin(records)
      let functions = functions ?? AppFunctions.none(ambient)
      try await functions.begin(records)
      let all = try Followers.all(records) + extensions.followers.map { try $0(records) }
      let followers = all.map {
        FollowerRunner($0, records: records, logger: ambient.logger)
      }
      for follower in followers where startsFollowers {
        // Not kept: a follower holds the records, these the database, and that the recorder.
        recorder.onCommit { [weak follower] in follower?.wake() }
        if stepped == nil { follower.start() }
      }
      let app = App(
        settings: settings, engine: engine, database: database,
        start: try await database.position(isExact: true), accounts: accounts, records: records,
        actions: ActionRunner(records, extensions.actions), versions: versions,
        formers: try await history.formers(versions), retirements: retirements,
        followers: followers, jobs: jobs, functions: functions, ambient: ambient,
        adminClaim: AdminClaimFile(folder: data), recorder: recorder,
        epochs: try await SyncEpochs.begin(
          on: database, ambient: ambient, signer: try accounts.cursorSigner(),
          isServing: startsFollowers), eligibility: eligibility, watching: watching)
      if startsFollowers, stepped == nil {
        app.sync.start()
        app.housekeeping.start()
        app.migration.start()
        app.watch.start()
        app.traces.start()
      }
      return app
    } catch {
      await database.close()
      throw AppDatabase.told(error)
    }
  }

  /// Begins to run jobs: for a process that serves, and not for one that looks or imports.
  package func startJobs() { jobs.start() }

  /// Stops the jobs and the followers, finishes what is queued and closes the database.
  package func close() async {
    await sync.stop()
    await jobs.stop()
    functions.stop()
    await migration.stop()
    await housekeeping.stop()
    await watch.stop()
    for follower in followers { await follower.stop() }
    accounts.stop()
    await slow?.stop()
    await traces.stop()
    await database.close()
  }

  private static func watching(
    _ engine: AppDatabase, _ settings: Settings, _ traces: AppTraces, _ ambient: Ambient
  ) -> (traces: AppTraces, slow: SlowStatements?, delays: DatabaseDelays) {
    let milliseconds = settings.integer(SettingKeys.slowMilliseconds)
    let slow =
      milliseconds == 0
      ? nil
      : SlowStatements(milliseconds: milliseconds, ambient) { sql, values in
        try await engine.plan(of: sql, values: values)
      }
    let delays = DatabaseDelays(milliseconds: settings.integer(SettingKeys.queueMilliseconds))
    return (traces, slow, delays)
  }

  private static func listWork(_ settings: Settings) -> WorkLimit? {
    let milliseconds = settings.integer(SettingKeys.listMilliseconds)
    return milliseconds == 0 ? nil : WorkLimit(milliseconds: milliseconds)
  }

  private static func receiptBytes(_ settings: Settings) -> Int64? {
    let megabytes = settings.integer(SettingKeys.receiptMegabytes)
    return megabytes == 0 ? nil : Int64(megabytes) << 20
  }

  /// Waits until the followers have done all that there is to do, and stops them and whatever else
  /// writes by itself.
  func settle() async throws {
    await housekeeping.stop()
    await watch.stop()
    try await migration.settle()
    while try await !isCaughtUp() {
      for follower in followers { follower.wake() }
      try await Task.sleep(nanoseconds: 50_000_000)
    }
    for follower in followers { await follower.stop() }
  }

  private func isCaughtUp() async throws -> Bool {
    let head = try await database.read(.statement) { try await LogLength.read(in: $0) }
    return followers.allSatisfy { $0.position >= head }
  }

  static func accountsConfiguration(_ settings: Settings) -> AccountsConfiguration {
    var configuration = AccountsConfiguration()
    configuration.accessTokenSeconds =
      Int64(settings.integer(SettingKeys.accessTokenMinutes)) * 60
    if !settings.boolean(SettingKeys.authRateLimits) { configuration.liftRateLimits() }
    return configuration
  }
}
