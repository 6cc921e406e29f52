import RoostCore

/// Knows whether the file system has room for writes; asks it at most once a second.
struct SpaceProbe {
  private let folder: String
  private let minimum: UInt64
  private let machine: Machine
  private let time: any TimeSource
  private var nextLook: UInt64 = 0
  /// What the last look found; nil when the system does not say.
  private(set) var freeBytes: UInt64?

  init(_ configuration: SQLiteConfiguration, time: any TimeSource) {
    folder = configuration.folder
    minimum = configuration.minimumFreeBytes
    machine = configuration.machine
    self.time = time
  }

  /// Whether a write may begin.
  mutating func hasRoom() -> Bool {
    let now = time.monotonicNanoseconds()
    if now >= nextLook {
      freeBytes = machine.freeBytes(folder)
      nextLook = now + 1_000_000_000
    }
    return freeBytes.map { $0 >= minimum } ?? true
  }
}
