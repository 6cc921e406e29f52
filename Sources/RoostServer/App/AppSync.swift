import Accounts
import Cryptography
import Queries
import REST
import Records
import RoostCore
import Schema
import Sync
import Synchronization
import Transport

/// An app's door for devices: epochs, devices, and those who wait for something new.
package final class AppSync: Sendable {
  private static let pauseNanoseconds: UInt64 = 1_000_000_000

  let epochs: SyncEpochs
  let devices: DeviceStore
  let watch: StreamWatch
  let eligibility: Eligibility
  /// Nil where sync is open to everybody.
  let gate: Gate?
  let wakes = WakeFigures()
  private let ambient: Ambient
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(
    epochs: SyncEpochs, devices: DeviceStore, watch: StreamWatch, eligibility: Eligibility,
    gate: Gate?, ambient: Ambient
  ) {
    self.eligibility = eligibility
    self.gate = gate
    self.ambient = ambient
    self.epochs = epochs
    self.devices = devices
    self.watch = watch
  }

  /// Has those answered who wait, when what they may do has changed.
  func listen(to accounts: AccountStore) {
    accounts.onNews { [watch, devices] news in
      switch news {
      case .of(let account): watch.wake(account)
      case .ofAnybody:
        devices.noteOthers()
        watch.wakeAll()
      }
    }
  }

  /// Begins to end waits that have become too long, and goes on with what was left at the gate.
  func start() {
    task.withLock { $0 = Task { await self.run() } }
  }

  /// Lets nobody wait any more.
  func drain() { watch.close() }

  func stop() async {
    watch.close()
    let running = task.withLock { $0 }
    running?.cancel()
    await running?.value
  }

  private func run() async {
    // Beside each other: what was left may be much, and nobody's wait is to last as long.
    await withTaskGroup { group in
      group.addTask { await self.finishLeavings() }
      group.addTask { await self.expireWaits() }
    }
  }

  private func finishLeavings() async {
    do {
      try await gate?.finishLeavings()
    } catch {
      ambient.logger.warning(
        "what was left at the gate of sync is not removed yet", [("cause", .string("\(error)"))])
    }
  }

  private func expireWaits() async {
    while true {
      do { try await Task.sleep(nanoseconds: AppSync.pauseNanoseconds) } catch { return }
      watch.expire(ambient.time.monotonicNanoseconds())
    }
  }

  /// The routes of devices; `room` are the bytes of deltas in one answer.
  static func add(
    to router: inout Router, of app: App, authenticator: Authenticator,
    room: Int = SyncRoutes.answerBytes
  ) {
    let identify: SyncRoutes.Identify = { try authenticator.caller(of: $0) }
    SyncRoutes(
      records: app.records, epochs: app.sync.epochs, devices: app.sync.devices,
      watch: app.sync.watch, actions: app.actions,
      versions: ServedVersions(
        current: app.versions.last?.version ?? .first, formers: app.formers),
      gate: app.sync.gate, ambient: app.ambient, wakes: app.sync.wakes, room: room,
      identify: identify
    ).add(to: &router)
    GateRoutes(
      app.sync.eligibility, app.sync.gate, accounts: app.accounts, ambient: app.ambient,
      identify: identify
    ).add(to: &router)
    FeatureRoutes(
      app.sync.eligibility, app.sync.gate, records: app.records, ambient: app.ambient,
      identify: identify
    ).add(to: &router)
    DeviceRoutes(
      records: app.records, devices: app.sync.devices, accounts: app.accounts, identify: identify
    ).add(to: &router)
  }
}
