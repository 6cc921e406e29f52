import Queries
package import Records
package import RoostCore
import SyncProtocol

/// The gate of an app: who may sync, and what they said to the invitation.
///
/// Once its requirements are met they stay met, whatever becomes of the numbers. Devices are let
/// through from the moment at which the person has accepted until they leave.
package struct Gate: Sendable {
  /// Nobody is let through: the answer to a device.
  struct Closed: Error {
    let standing: GateStanding?
  }

  /// How long `later` is where nothing is said.
  static let pauseMilliseconds: Int64 = 7 * 86_400_000

  package let records: RecordStore
  package let eligibility: Eligibility
  package let plan: GatePlan
  let ambient: Ambient

  /// Nil where the app has no gate.
  package init?(_ eligibility: Eligibility, records: RecordStore, ambient: Ambient) {
    guard let plan = eligibility.gate else { return nil }
    self.records = records
    self.eligibility = eligibility
    self.plan = plan
    self.ambient = ambient
  }

  // MARK: Looking

  /// Where `account` stands; requirements that are met for the first time are noted.
  package func standing(of account: UUID?) async throws -> GateStanding {
    let now = ambient.time.now()
    guard let account else {
      let progress = try await records.database.read(.statement) { reader in
        try await self.progress(of: nil, GateRow(), in: reader, now)
      }
      return GateStanding(row: GateRow(), progress: progress, hasAccount: false, now: now)
    }
    let (found, progress, hasPushed) = try await records.database.read(.snapshot) { reader in
      let row = try await GateTable.row(of: account, in: reader)
      let progress = try await self.progress(of: account, row ?? GateRow(), in: reader, now)
      var hasPushed = false
      if (row ?? GateRow()).isUnasked {
        hasPushed = try await records.hasPushed(account, in: reader)
      }
      return (row, progress, hasPushed)
    }
    var row = found ?? GateRow()
    if row.eligibleAt == nil, hasPushed || progress.allSatisfy(\.isMet) {
      row = try await records.database.write { transaction in
        var row = try await GateTable.hold(account, in: transaction)
        try await letThroughIfPushed(account, &row, at: now, in: transaction)
        row.eligibleAt = row.eligibleAt ?? now
        try await GateTable.put(row, of: account, in: transaction)
        return row
      }
    }
    return GateStanding(row: row, progress: progress, now: now)
  }

  /// Has those accept whose devices synced before there was a gate.
  func letThroughIfPushed(
    _ account: UUID, _ row: inout GateRow, at now: Timestamp, in transaction: any Transaction
  ) async throws {
    guard row.isUnasked, try await records.hasPushed(account, in: transaction) else { return }
    row.eligibleAt = now
    row.answer = .accepted
    row.answeredAt = now
  }

  private func progress(
    of account: UUID?, _ row: GateRow, in reader: any Reader, _ now: Timestamp
  ) async throws -> [Progress] {
    try await eligibility.progress(
      plan.requirements, of: account, claims: row.claims, records, in: reader, now: now)
  }

  /// How many accounts stand where, of those that came to the gate.
  package func counts() async throws -> [(answer: GateAnswer?, isEligible: Bool, count: Int64)] {
    try await records.database.read(.statement) { try await GateTable.counts(in: $0) }
  }

  // MARK: Letting through

  /// Throws `Closed` where devices of `caller` are not let through.
  func check(_ caller: Caller) async throws {
    if let account = caller.uid {
      let isOpen = try await records.database.read(.statement) { reader in
        try await GateTable.row(of: account, in: reader)?.isOpen == true
      }
      if isOpen { return }
    }
    let standing = try await standing(of: caller.uid)
    if standing.state != .open { throw Closed(standing: standing) }
  }

  /// The same in the snapshot of a pull: what a person who left no longer holds must not reach their
  /// devices as deletes.
  func check(_ caller: Caller, in reader: any Reader) async throws {
    guard let account = caller.uid,
      try await GateTable.row(of: account, in: reader)?.isOpen == true
    else { throw Closed(standing: nil) }
  }

  /// The same in the transaction of a push, which a person who leaves waits for.
  func admit(_ caller: Caller, in transaction: any Transaction) async throws {
    guard let account = caller.uid,
      try await GateTable.keepOpen(account, in: transaction)
    else { throw Closed(standing: nil) }
  }

  /// What a device is answered that is not let through.
  func refusal(_ closed: Closed, of caller: Caller) async throws -> SyncError {
    let standing: GateStanding
    if let known = closed.standing {
      standing = known
    } else {
      standing = try await self.standing(of: caller.uid)
    }
    return SyncError(
      code: "gate_closed",
      message: standing.next?.message ?? "Sync was closed a moment ago: ask again.",
      details: standing.members)
  }
}
