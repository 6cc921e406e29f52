package import RoostCore

/// The ids under which services write that are no persons: each bears a mark, so that whoever reads
/// the log tells them from accounts without a table.
package enum ServiceID {
  private static let mark: UInt64 = 0x5e71_ce1d << 32
  private static let bits: UInt64 = 0xFFFF_FFFF << 32

  /// The same id, marked; nothing else of it is changed.
  package static func make(_ id: UUID) -> UUID {
    UUID(high: id.high & ~bits | mark, low: id.low)
  }

  /// Whether an id has the mark, which no version 7 id of our time begins with.
  package static func isService(_ id: UUID) -> Bool { id.high & bits == mark }
}
