import Accounts
import HTTPServer
import Jobs
import REST
import Records
import RoostCore
import Schema
import Synchronization
import Transport

/// An app behind its HTTP server.
package final class WebServer: Sendable {
  private let app: App
  private let server: Server
  private let isDraining: DrainFlag

  /// Puts the routes of `app` together; it does not listen yet.
  ///
  /// In development `/docs/` offers to sign in without an account.
  package init(_ app: App, isDevelopment: Bool = false) throws {
    self.app = app
    let drain = DrainFlag()
    isDraining = drain
    let configuration = HTTPServerConfiguration(
      host: app.settings.text(SettingKeys.host), port: app.settings.integer(SettingKeys.port),
      loops: app.settings.integer(SettingKeys.loops), limits: app.settings.limits)
    let statistics = StatisticsSource()
    let description = AppDescription(app)
    let router = try WebServer.router(app, description, drain, statistics, isDevelopment)
    let pipeline = Pipeline(
      router: router, middleware: WebServer.middleware(app), mark: description.negotiation,
      logger: app.ambient.logger)
    server = Server(
      configuration: configuration, application: pipeline, ambient: app.ambient)
    statistics.set(server)
  }

  /// Listens and serves; returns the port.
  package func start() throws -> Int { try server.start() }

  /// Answers what has arrived, closes the connections, and returns.
  package func drain() async {
    isDraining.set()
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
    return steps
  }

  /// Every route of the server.
  private static func router(
    _ app: App, _ description: AppDescription, _ drain: DrainFlag,
    _ statistics: StatisticsSource, _ isDevelopment: Bool
  ) throws -> Router {
    var router = Router()
    let authenticator = Authenticator(accounts: app.accounts)
    let calls = ActionFigures(
      app.records.catalogue.model.actions.map(\.name), time: app.ambient.time)
    ServiceRoutes(
      schema: app.records.catalogue.model.source,
      readiness: {
        if drain.isSet { return .unavailable("The server is shutting down.") }
        return app.isOutdated
          ? .unavailable("The app's schema has been migrated; this server knows an older one.")
          : .ready
      },
      metrics: {
        ServerMetrics.all(app, statistics) + (await FollowerMetrics.all(app))
          + (await JobMetrics.all(app)) + FunctionMetrics.all(app) + calls.metrics
          + (await SyncMetrics.all(app))
      }
    ).add(to: &router)
    description.routes(isDevelopment: isDevelopment).add(to: &router)
    AuthRoutes.add(to: &router, accounts: app.accounts, authenticator: authenticator)
    AdminRoutes(accounts: app.accounts, authenticator: authenticator, claim: app.adminClaim)
      .add(to: &router)
    JobRoutes(app.jobs.queue, on: app.database, authenticator: authenticator).add(to: &router)
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
  private let server = Mutex<Server?>(nil)
  func set(_ server: Server) { self.server.withLock { $0 = server } }
  var statistics: HTTPServerStatistics? { server.withLock { $0 }?.statistics }
}
