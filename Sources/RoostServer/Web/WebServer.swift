import Accounts
import HTTPServer
import Jobs
import REST
import Records
import RoostCore
import Schema
import Sync
import Synchronization
import Transport

/// An app behind its HTTP server.
package final class WebServer: Sendable {
  private let app: App
  private let server: Server
  private let isDraining: DrainFlag
  private let certificates: CertificateKeeper?

  /// Puts the routes of `app` together; it does not listen yet.
  ///
  /// In development `/docs/` offers to sign in without an account. `isAskedToReload` is asked each
  /// second whether the certificates shall be read again, changed or not.
  package init(
    _ app: App, isDevelopment: Bool = false,
    isAskedToReload: @escaping @Sendable () -> Bool = { false }
  ) throws {
    self.app = app
    let drain = DrainFlag()
    isDraining = drain
    let door = try WebDoor(app.settings)
    let statistics = StatisticsSource()
    let description = AppDescription(app)
    let overload = Overload(
      milliseconds: app.settings.integer(SettingKeys.queueMilliseconds), database: app.delays)
    let doors = AppDoors(
      AppDoors.Watch(
        overload: overload,
        limits: RequestLimits(
          app.settings, authenticator: Authenticator(accounts: app.accounts),
          time: app.ambient.time),
        tracer: app.traces.tracer, passesTraces: !app.functions.lines.isEmpty,
        time: app.ambient.time))
    let health = AppHealth(
      app, doors: doors, overload: overload, drain: drain, statistics: statistics)
    let router = try WebServer.router(app, description, health, isDevelopment)
    var marks: [any AnswerMark] = [description.negotiation]
    marks += door.marks
    if app.settings.boolean(SettingKeys.gzip) { marks.append(PackedAnswers()) }
    let pipeline = Pipeline(
      router: router, middleware: WebServer.middleware(app), marks: marks, doors: doors,
      logger: app.ambient.logger)
    var configuration = door.configuration
    configuration.gate = AppGate(
      overload, isLogged: app.settings.boolean(SettingKeys.accessLog))
    let server = Server(
      configuration: configuration, application: pipeline, ambient: app.ambient)
    self.server = server
    certificates = door.certificates.map { files in
      CertificateKeeper(
        files, now: door.configuration.tls, ambient: app.ambient, isAsked: isAskedToReload,
        use: { server.replaceTLS($0) })
    }
    statistics.set(server, certificates)
  }

  /// Listens and serves; returns the port.
  package func start() throws -> Int {
    let port = try server.start()
    certificates?.start()
    return port
  }

  /// Answers what has arrived, closes the connections, and returns.
  package func drain() async {
    isDraining.set()
    certificates?.stop()
    app.sync.drain()
    await server.drain()
  }

  /// The steps around every handler, outermost first.
  private static func middleware(_ app: App) -> [any Middleware] {
    var steps: [any Middleware] = []
    if app.settings.boolean(SettingKeys.accessLog) {
      steps.append(AccessLog(logger: app.ambient.logger, time: app.ambient.time))
    }
    if let start = app.start {
      steps.append(
        ReadPositions(
          database: app.database, start: start,
          authenticator: Authenticator(accounts: app.accounts)))
    }
    if let gate = app.sync.gate, gate.plan.guardsREST {
      let authenticator = Authenticator(accounts: app.accounts)
      steps.append(GateGuard(gate) { try authenticator.caller(of: $0) })
    }
    return steps
  }

  /// Every route of the server.
  private static func router(
    _ app: App, _ description: AppDescription, _ health: AppHealth, _ isDevelopment: Bool
  ) throws -> Router {
    var router = Router()
    let authenticator = Authenticator(accounts: app.accounts)
    let calls = ActionFigures(
      app.records.catalogue.model.actions.map(\.name), time: app.ambient.time)
    ServiceRoutes(
      schema: app.records.catalogue.model.source,
      status: { health.report() },
      metrics: {
        ServerMetrics.all(app, health) + (await FollowerMetrics.all(app))
          + (await JobMetrics.all(app)) + FunctionMetrics.all(app) + calls.metrics
          + (await SyncMetrics.all(app)) + app.jobs.backups.metrics
      }
    ).add(to: &router)
    description.routes(isDevelopment: isDevelopment).add(to: &router)
    AuthRoutes.add(to: &router, accounts: app.accounts, authenticator: authenticator)
    AdminRoutes(accounts: app.accounts, authenticator: authenticator, claim: app.adminClaim)
      .add(to: &router)
    JobRoutes(app.jobs.queue, on: app.database, authenticator: authenticator).add(to: &router)
    let folder = app.jobs.backups.folder
    BackupRoutes(
      app.jobs.queue, on: app.database, authenticator: authenticator, job: { BackupJob.job },
      list: { folder.entries.map(\.json) }
    ).add(to: &router)
    let keeper = app.records
    KeyRoutes(
      app.jobs.queue, on: app.database, authenticator: authenticator,
      job: { RotateKeysJob.job(values: $0) },
      destroy: { try await keeper.destroyKeys(of: $0, in: $1) }
    ).add(to: &router)
    FunctionRoutes(FunctionMetrics.source(app), authenticator: authenticator).add(to: &router)
    let queue = app.jobs.queue
    FollowerRoutes(
      app.followers, of: app.records, authenticator: authenticator, time: app.ambient.time
    ) { try await queue.enqueue(RebuildJob.job, in: $0).id }.add(to: &router)
    ExplainRoutes(records: app.records, accounts: app.accounts, authenticator: authenticator)
      .add(to: &router)
    let records = RecordRoutes(
      records: app.records, authenticator: authenticator,
      signer: try app.accounts.cursorSigner(), bodyBytes: app.settings.limits.bodyBytes,
      formers: app.formers)
    records.add(to: &router)
    BatchRoutes(
      records, bodyBytes: app.settings.limits.bodyBytes, logger: app.ambient.logger
    ).add(to: &router)
    ActionRoutes(
      records, app.actions, bodyBytes: app.settings.limits.bodyBytes, figures: calls
    ).add(to: &router)
    AppSync.add(to: &router, of: app, authenticator: authenticator)
    return router
  }
}

/// Whether the shutdown has begun.
final class DrainFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .acquiring) }
  func set() { flag.store(true, ordering: .releasing) }
}

/// The server's figures for a route that is made before the server.
final class StatisticsSource: Sendable {
  private let sources = Mutex<(server: Server?, certificates: CertificateKeeper?)>((nil, nil))

  func set(_ server: Server, _ certificates: CertificateKeeper?) {
    sources.withLock { $0 = (server, certificates) }
  }

  var statistics: HTTPServerStatistics? { sources.withLock { $0.server }?.statistics }
  /// When the first certificate expires, in seconds since 1970; nil without TLS.
  var certificateExpiry: Int64? { sources.withLock { $0.certificates }?.expiry }
}
