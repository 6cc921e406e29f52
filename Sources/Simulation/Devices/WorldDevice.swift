import RoostCore
import SyncClient
import SyncProtocol

/// A device of a world: a client core with a disk, a clock and a place in the network.
final class WorldDevice {
  /// What its disk holds: all of it is stored at once, as an app does it in one transaction.
  struct Memory: Sendable {
    var core: ClientCore
    /// The operations that it made, in order, and those that a copy of it had made.
    var made: [ChainHash] = []
    /// Those whose results were shown to its person.
    var shown: Set<ChainHash> = []
    /// Conflicts that its person was told of.
    var conflicts: [UUID] = []
  }

  let number: Int
  let person: Int
  let token: String
  /// What the app works with.
  var live: Memory
  /// What is on its disk.
  private(set) var stored: Memory
  /// Backups of the device.
  var copies: [Memory] = []
  /// By how much its clock is ahead, in milliseconds, and by how much more in each thousand.
  var skew: Int64
  var drift: Int64
  /// Answers to requests of former lives reach nobody.
  var life = 0
  /// Requests do not get through, answers do not.
  var sendsNothing = false
  var hearsNothing = false
  /// It was signed out by its owner.
  var isRevoked = false

  init(number: Int, person: Int, token: String, core: ClientCore, skew: Int64, drift: Int64) {
    self.number = number
    self.person = person
    self.token = token
    live = Memory(core: core)
    stored = live
    self.skew = skew
    self.drift = drift
  }

  var name: String { "d\(number)" }

  /// What its clock shows.
  func wall(_ time: WorldTime) -> Int64 {
    max(1, time.wall + skew + (time.wall - WorldTime.begin) / 1000 * drift)
  }

  func store() { stored = live }

  /// Ends the app and starts it from what was stored.
  func crash() {
    live = stored
    life += 1
  }

  /// Puts an older copy in the place of what there is, as a restored backup does.
  func restore(_ copy: Memory) {
    live = copy
    store()
    life += 1
  }
}
