import Accounts
import Records
import RoostCore

/// Times that a line brings along, held to what the clock allows.
///
/// One that lies further ahead than a device's may becomes that of the import, as sync does it: a
/// record that was changed in the future would win over every change until then.
struct TimeBound {
  private static let aheadMilliseconds: Int64 = 60_000

  private let now: Timestamp
  private let latest: Timestamp
  /// How many lines had such a time.
  private(set) var replaced = 0

  init(now: Timestamp) {
    self.now = now
    let (latest, overflow) = now.milliseconds.addingReportingOverflow(TimeBound.aheadMilliseconds)
    self.latest = overflow ? now : Timestamp(milliseconds: latest)
  }

  private func held(_ time: Timestamp) -> Timestamp { time > latest ? now : time }

  mutating func held(_ stamp: RecordStamp?) -> RecordStamp? {
    guard let stamp, stamp.updatedAt > latest else { return stamp }
    replaced += 1
    let created = held(stamp.createdAt)
    return RecordStamp(
      version: stamp.version, createdAt: created, updatedAt: max(created, held(stamp.updatedAt)))
  }

  mutating func held(_ given: AccountRecord) -> AccountRecord {
    var account = given
    account.createdAt = held(given.createdAt)
    account.updatedAt = held(given.updatedAt)
    account.deletedAt = given.deletedAt.map { held($0) }
    account.roles = given.roles.map { held($0) }
    account.claims = given.claims.map { held($0) }
    if account != given { replaced += 1 }
    return account
  }

  private func held(_ grant: AccountRecord.Grant) -> AccountRecord.Grant {
    AccountRecord.Grant(name: grant.name, by: grant.by, at: held(grant.at))
  }
}
