import Accounts
import REST
package import Records
import RoostCore
package import SQLiteDriver
import Sync
package import Transport

/// The machine of an app that does nothing by itself, as the simulation has it: whoever owns it
/// carries every step out, one after the other.
package struct SteppedSurroundings: Sendable {
  /// Where the database lies, where that is SQLite.
  package var disk: MemoryDisk?
  /// Called in the place of the end of the process, when the disk cannot be trusted any more.
  package var exit: @Sendable () -> Void
  /// How long sessions live; nil for what the settings say.
  package var sessionSeconds: Int64?
  /// What the apps of this process share.
  package var compiled: CompiledSchemas?

  package init(
    disk: MemoryDisk?, sessionSeconds: Int64? = nil, compiled: CompiledSchemas? = nil,
    exit: @escaping @Sendable () -> Void
  ) {
    self.disk = disk
    self.compiled = compiled
    self.sessionSeconds = sessionSeconds
    self.exit = exit
  }

  func change(_ configuration: inout SQLiteConfiguration) {
    configuration.disk = disk
    configuration.minimumFreeBytes = 0
    configuration.machine.freeBytes = { _ in nil }
    // Work is bounded by steps alone, which are the same everywhere.
    configuration.machine.threadNanoseconds = { 0 }
    let exit = exit
    configuration.machine.exit = { _ in exit() }
  }
}

extension App {
  /// Has the followers read what is new in the log, in the order of the list.
  package func step() async throws {
    for follower in followers { try await follower.runOnce() }
  }

  /// One round of housekeeping.
  package func tidy() async { await housekeeping.tidy() }

  /// The doors for devices and for records, as the web server has them; `room` are the bytes of
  /// deltas in one answer, nil for as many as ever.
  package func steppedDoor(room: Int?) throws -> any Application {
    var router = Router()
    let authenticator = Authenticator(accounts: accounts)
    RecordRoutes(
      records: records, authenticator: authenticator, signer: try accounts.cursorSigner(),
      bodyBytes: settings.limits.bodyBytes, formers: formers
    ).add(to: &router)
    AppSync.add(
      to: &router, of: self, authenticator: authenticator, room: room ?? SyncRoutes.answerBytes)
    return Pipeline(router: router, logger: ambient.logger)
  }
}
