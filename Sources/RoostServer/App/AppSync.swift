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
  private let time: any TimeSource
  private let task = Mutex<Task<Void, Never>?>(nil)

  init(epochs: SyncEpochs, devices: DeviceStore, watch: StreamWatch, time: any TimeSource) {
    self.epochs = epochs
    self.devices = devices
    self.watch = watch
    self.time = time
  }

  /// Begins to end waits that have become too long.
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
    while true {
      do { try await Task.sleep(nanoseconds: AppSync.pauseNanoseconds) } catch { return }
      watch.expire(time.monotonicNanoseconds())
    }
  }

  /// The routes of devices.
  static func add(to router: inout Router, of app: App, authenticator: Authenticator) {
    let identify: SyncRoutes.Identify = { try authenticator.caller(of: $0) }
    SyncRoutes(
      records: app.records, epochs: app.sync.epochs, devices: app.sync.devices,
      watch: app.sync.watch, actions: app.actions,
      versions: ServedVersions(current: app.versions.last?.version ?? .first),
      ambient: app.ambient, identify: identify
    ).add(to: &router)
    DeviceRoutes(
      records: app.records, devices: app.sync.devices, accounts: app.accounts, identify: identify
    ).add(to: &router)
  }
}
