import Jobs
import Records
import RoostCommand
import RoostCore
import RoostServer

/// A server of your own: the command line of `roost` with your handlers in it.
///
///     import Roost
///
///     RoostApp.run { app in
///       app.action("finishTask") { call, transaction in
///         try await transaction.update("tasks", call.recordID("id"), ["done": true])
///       }
///     }
///
/// The program takes the same commands and options as `roost`: `dev`, `serve`, `doctor`, `migrate`
/// …
public struct RoostApp {
  /// What carries an action out inside its transaction; it awaits nothing else.
  public typealias ActionHandler =
    @Sendable (ActionCall, ServerTransaction) async throws -> JSONValue
  /// What carries an action out before its transaction; it may take its time.
  public typealias FunctionHandler = @Sendable (ActionCall) async throws -> FunctionOutcome
  /// What is done about a change; it awaits nothing but the transaction.
  public typealias FollowerHandler =
    @Sendable (RecordChange, ServerTransaction) async throws -> Void
  /// What is done at times of the clock; it may take its time.
  public typealias ScheduleHandler = @Sendable (ScheduleContext) async throws -> Void

  private var extensions = AppExtensions()
  /// What was registered under a name, so that nothing is by mistake registered twice.
  private var taken: Set<String> = []

  private init() {}

  private mutating func take(_ name: String, as what: String) {
    let isNew = taken.insert("\(what) \(name)").inserted
    precondition(isNew, "the \(what) \(name) is registered twice")
  }

  /// Runs the command that the program was started with, and ends the program.
  ///
  /// To be called on the main thread, first of all; `main` is not async.
  public static func run(_ build: (inout RoostApp) -> Void) -> Never {
    var app = RoostApp()
    build(&app)
    Program.run(app.extensions)
  }

  /// Binds a handler to the action of that name in the schema.
  ///
  /// It runs in the transaction of the call, on behalf of the caller, and may run again. It returns
  /// a value of the declared type; for a record the record itself or its id. `isPublic` lets in
  /// people without an account.
  public mutating func action(
    _ name: String, isPublic: Bool = false, _ handler: @escaping ActionHandler
  ) {
    take(name, as: "action")
    extensions.actions.bind(
      name, isPublic: isPublic,
      .transaction { call, transaction in
        try await translating {
          try await handler(ActionCall(call), ServerTransaction(transaction)).json
        }
      })
  }

  /// Binds a function to the action of that name: it may await what it likes, such as other
  /// servers.
  ///
  /// It runs before the transaction, in which its outcome is carried out. Where its process ends in
  /// between, a repeat of the request calls it again, with the same `operationID`.
  public mutating func function(
    _ name: String, isPublic: Bool = false, _ handler: @escaping FunctionHandler
  ) {
    take(name, as: "action")
    extensions.actions.bind(
      name, isPublic: isPublic,
      .function { call in try await translating { try await handler(ActionCall(call)).core } })
  }

  /// Adds a follower: it is told of every change of `collections` (of all, where there are none
  /// named), in order, and its effects are committed together with its place, so each happens once.
  ///
  /// `name` never changes. A new follower begins at the oldest change that is still kept. One that
  /// throws is tried again; a change at which it keeps failing is set aside with the reason
  /// (`roost followers`), and the others go on. Its own changes are told to it too: see that it comes
  /// to an end.
  ///
  /// With `isReplayable` an operator may have it take old changes again (`roost followers replay`):
  /// only where taking a change twice does no harm.
  public mutating func follower(
    name: String, of collections: [String]? = nil, isReplayable: Bool = false,
    _ handler: @escaping FollowerHandler
  ) {
    take(name, as: "follower")
    extensions.followers.append { records in
      try HandlerFollower(name, collections, isReplayable, records, handler)
    }
  }

  /// Adds a function that runs at times of the clock: `cron` has five fields, `zone` is the name of
  /// a time zone such as `Europe/Berlin`.
  ///
  /// `name` never changes. At most one run is in progress, over all processes; one that throws is
  /// tried again.
  public mutating func schedule(
    _ name: String, cron: String, zone: String = "UTC", _ handler: @escaping ScheduleHandler
  ) {
    take(name, as: "schedule")
    extensions.jobs.append { ScheduledFunction(name: name, records: $0, handler: handler) }
    let others = extensions.schedules
    extensions.schedules = {
      let expression: CronExpression
      do throws(CronError) {
        expression = try CronExpression(cron)
      } catch {
        throw AppFolder.Failure(description: "the schedule \(name), cron \"\(cron)\": \(error)")
      }
      let place: Zone
      do throws(ZoneError) {
        place = try ZoneFolder.system.zone(zone)
      } catch {
        throw AppFolder.Failure(description: "the schedule \(name), zone \(zone): \(error)")
      }
      let kind = ScheduledFunction.kind(name)
      return try others() + [Schedule(kind, expression, in: place, kind: kind)]
    }
  }
}
