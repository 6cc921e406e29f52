package import Queries
package import RoostCore

/// The furthest position that each account has written or seen, of as many as there is room for.
///
/// The accounts lie in two halves, and the older half is dropped when the younger one is full. Whoever
/// is not there any more has at least what the dropped ones needed, which is long ago: so forgetting
/// costs a look at the primary at worst, and never somebody's own write.
package struct PositionBook: Sendable {
  private let room: Int
  private var epoch: UInt64
  /// Epochs that are over; what is still told of them is too late.
  private var over: [UInt64] = []
  private static let kept = 16
  /// What everybody needs who is not in a half.
  private var floor: UInt64
  private var young: [UUID: UInt64] = [:]
  private var old: [UUID: UInt64] = [:]
  /// Accounts with a write of which nobody knows how far it came.
  private var lost: Set<UUID> = []
  /// There are more of them than there is room for.
  private var isAllLost = false
  private var youngest: UInt64 = 0
  private var oldest: UInt64 = 0

  /// `room` is for how many accounts a half has places.
  package init(start: DatabasePosition, room: Int = 32_768) {
    self.room = max(1, room)
    epoch = start.epoch
    floor = start.place
  }

  /// What a read of `account` must see.
  package func position(of account: UUID?) -> DatabasePosition {
    if isAllLost || account.map(lost.contains) == true {
      return DatabasePosition(epoch: epoch, place: .max)
    }
    let place = account.flatMap { young[$0] ?? old[$0] } ?? floor
    return DatabasePosition(epoch: epoch, place: max(place, floor))
  }

  /// Nobody knows how far a write of `account` came: only the primary may answer it, until a read of
  /// the primary has told.
  package mutating func lose(_ account: UUID) {
    if lost.count >= room { isAllLost = true }
    lost.insert(account)
  }

  /// A read of `account` that only the primary could answer came so far.
  package mutating func find(_ account: UUID) {
    lost.remove(account)
    if isAllLost, lost.isEmpty { isAllLost = false }
  }

  /// `account` has written or seen what lies before `position`.
  package mutating func raise(_ account: UUID?, to position: DatabasePosition) {
    if position.epoch != epoch {
      guard !over.contains(position.epoch) else { return }
      // Another server: what of the old one is there still came to it before anything else.
      over = over.suffix(PositionBook.kept - 1) + [epoch]
      epoch = position.epoch
      floor = position.place
      young = [:]
      old = [:]
      youngest = 0
      oldest = 0
    }
    guard let account else { return }
    let place = max(position.place, young[account] ?? old[account] ?? 0)
    if young[account] == nil, young.count >= room {
      floor = max(floor, oldest)
      old = young
      oldest = youngest
      young = [:]
      youngest = 0
    }
    young[account] = place
    youngest = max(youngest, place)
  }
}
