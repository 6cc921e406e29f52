import RoostCore

/// Knows whether the file system has room for writes; asks it at most once a second.
struct SpaceProbe {
  private let folder: String
  private let minimum: UInt64
  private let machine: Machine
  private let time: any TimeSource
  private var nextLook: UInt64 = 0
  private var wasLacking = false
  /// What the last look found; nil when the system does not say.
  private(set) var freeBytes: UInt64?

  init(_ configuration: SQLiteConfiguration, time: any TimeSource) {
    folder = configuration.folder
    minimum = configuration.minimumFreeBytes
    machine = configuration.machine
    self.time = time
  }

  /// Whether a write may begin; what changes is told in the log, with both figures.
  mutating func hasRoom(_ logger: Logger) -> Bool {
    let now = time.monotonicNanoseconds()
    if now >= nextLook {
      freeBytes = machine.freeBytes(folder)
      nextLook = now + 1_000_000_000
    }
    let lacks = freeBytes.map { $0 < minimum } ?? false
    if lacks != wasLacking {
      wasLacking = lacks
      tell(logger)
    }
    return !lacks
  }

  private func tell(_ logger: Logger) {
    let fields: [(String, JSON)] = [
      ("freeMegabytes", .int(Int64(clamping: (freeBytes ?? 0) >> 20))),
      ("minimumFreeMegabytes", .int(Int64(clamping: minimum >> 20))),
      ("folder", .string(folder)),
    ]
    if wasLacking {
      logger.error(
        "less of the disk is free than database.minimumFreeMegabytes keeps: no writes are taken",
        fields)
    } else {
      logger.notice("the disk has room again: writes are taken", fields)
    }
  }
}
