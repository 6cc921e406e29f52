import Queries
import RoostCore
import RoostServer
import SQLiteDriver
import SyncClient
import SyncProtocol

extension World {
  /// Rounds of all devices after which every queue has to be empty.
  private static let rounds = 80

  /// Ends every fault, and lets arrive what is still on its way.
  func heal() async throws {
    isCalm = true
    note(Worlds.calm)
    server.disk.faults.heal()
    if !server.isUp { try await recover() }
    for device in devices {
      device.sendsNothing = false
      device.hearsNothing = false
    }
    while !letters.isEmpty {
      let letter = letters.removeFirst()
      if let reply = try await handle(letter) { replies.append(reply) }
    }
    while !replies.isEmpty { receive(replies.removeFirst()) }
    renewThoseBelow()
    try await server.app?.step()
    try await noteRevoked()
  }

  /// A device may have been signed out by a request whose answer was lost.
  private func noteRevoked() async throws {
    let ids = try await server.look { reader in
      try await reader.all("SELECT id FROM roost_device WHERE revoked_at IS NOT NULL") {
        $0.uuid(0)
      }
    }
    for device in devices {
      if let id = device.live.core.device?.id, ids.contains(id) { device.isRevoked = true }
    }
  }

  /// Lets all devices sync until nothing is left, and everybody has seen what the others brought.
  ///
  /// What others brought may show a device that it is a copy, which then forks, or bring rows for
  /// which changes of its own have waited: it has something to bring then, and all look once more.
  func drain() async throws {
    var isNews = true
    // Each can learn both only so often of a few others.
    for _ in 0...2 * devices.count where isNews || !isDrained {
      try await settle()
      guard breaches.isEmpty else { return }
      isNews = try await look()
    }
    guard breaches.isEmpty else { return }
    if isNews { breach(.liveness, "at each look somebody has something to bring") }
    for device in devices where !device.isRevoked {
      let core = device.live.core
      if core.unacknowledgedCount > 0 || core.pendingCount > 0 {
        breach(
          .liveness,
          "\(device.name) still has \(core.unacknowledgedCount) unacknowledged and "
            + "\(core.pendingCount) pending changes, and is \(core.state)")
      }
    }
  }

  private func settle() async throws {
    for _ in 0..<World.rounds {
      if isDrained || !breaches.isEmpty { break }
      time.pass(1000)
      for device in devices where !isDrained(device) {
        guard let letter = compose(device), let reply = try await handle(letter) else { continue }
        receive(reply)
      }
    }
  }

  /// A look of everybody, one after the other; says whether one of them brought something meanwhile.
  private func look() async throws -> Bool {
    time.pass(1000)
    var isNews = false
    for device in devices where !device.isRevoked {
      for _ in 0..<World.rounds {
        guard let letter = compose(device), let reply = try await handle(letter) else { break }
        if letter.bringsChanges { isNews = true }
        if receive(reply) { break }
      }
    }
    return isNews
  }

  private var isDrained: Bool { devices.allSatisfy(isDrained) }

  /// Whether a device has nothing to bring.
  private func isDrained(_ device: WorldDevice) -> Bool {
    device.isRevoked
      || (device.live.core.unacknowledgedCount == 0 && device.live.core.pendingCount == 0)
  }
}

extension MemoryDisk.Faults {
  /// Ends those that somebody would mend; a disk that lies goes on.
  mutating func heal() {
    isFull = false
    failsSync = false
    failsWrite = false
    cutAt = nil
  }
}
