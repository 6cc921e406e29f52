import Queries
import Records
package import RoostCore

extension Gate {
  /// What leaving removed.
  package struct Removal: Sendable {
    package var removed = 0
    /// Records that others' records hold, which stay.
    package var held = 0
  }

  /// Takes what `account` says; `accepted` opens sync.
  ///
  /// Throws 409 for an answer where there is no invitation.
  package func take(_ reply: GateReply, from account: UUID) async throws -> GateStanding {
    // What was left is removed to its end before anything new comes.
    if reply.answer == .accepted { _ = try await finishLeaving(account) }
    let now = ambient.time.now()
    let standing = try await records.database.write { transaction in
      var row = try await GateTable.hold(account, in: transaction)
      row.claims.merge(reply.claims) { $1 }
      try await letThroughIfPushed(account, &row, at: now, in: transaction)
      let progress = try await eligibility.progress(
        plan.requirements, of: account, claims: row.claims, records, in: transaction, now: now)
      if row.eligibleAt == nil, progress.allSatisfy(\.isMet) { row.eligibleAt = now }
      if let answer = reply.answer {
        try Gate.check(answer, row, progress)
        if answer != row.answer || answer == .later {
          row.answeredAt = now
          row.until =
            answer == .later
            ? reply.until ?? now.adding(milliseconds: Gate.pauseMilliseconds) : nil
        }
        row.answer = answer
      }
      try await GateTable.put(row, of: account, in: transaction)
      return GateStanding(row: row, progress: progress, now: now)
    }
    note(standing, account)
    return standing
  }

  private static func check(
    _ answer: GateAnswer, _ row: GateRow, _ progress: [Progress]
  ) throws {
    guard row.eligibleAt != nil else {
      let need = progress.first { !$0.isMet }?.message("Sync") ?? ""
      throw RoostError(.conflict, "There is no invitation yet. \(need)")
    }
    guard !row.isOpen || answer == .accepted else {
      throw RoostError(
        .conflict, "You have joined sync: leave it with DELETE /v1/sync/gate, or stay.")
    }
    guard !row.isLeaving else {
      throw RoostError(
        .conflict, "What you left is still being removed: try again.", retryAfterSeconds: 5)
    }
  }

  /// Closes sync for `account`, and removes its copy: the records that it owns in synced
  /// collections, and what is known of its devices.
  ///
  /// Closed first, so that no device of theirs hears of the removal. What a stop interrupts goes on
  /// at the next start, or when it is asked for again. Throws 409 where they never joined.
  package func leave(_ account: UUID) async throws -> (GateStanding, Removal) {
    let now = ambient.time.now()
    let before = try await standing(of: account)
    guard before.row.isOpen || before.row.answer == .left else {
      throw RoostError(.conflict, "You have not joined sync: there is no copy to remove.")
    }
    if before.row.isOpen {
      try await records.database.write { transaction in
        var row = try await GateTable.hold(account, in: transaction)
        guard row.isOpen else { return }
        row.answer = .left
        row.answeredAt = now
        row.until = nil
        row.isLeaving = true
        // What their devices said goes with the copy.
        row.claims = [:]
        try await GateTable.put(row, of: account, in: transaction)
      }
    }
    let removal = try await finishLeaving(account)
    let standing = try await standing(of: account)
    note(standing, account)
    return (standing, removal)
  }

  /// Removes to its end what was left.
  package func finishLeavings() async throws {
    let accounts = try await records.database.read(.statement) {
      try await GateTable.leaving(in: $0)
    }
    for account in accounts { _ = try await finishLeaving(account) }
  }

  private func finishLeaving(_ account: UUID) async throws -> Removal {
    let row = try await records.database.read(.statement) {
      try await GateTable.row(of: account, in: $0)
    }
    guard let row, row.isLeaving, let left = row.answeredAt else { return Removal() }
    var removal = Removal()
    // Records that hold one another go in several rounds.
    while true {
      let round = try await removeOnce(account, until: left)
      removal.removed += round.removed
      removal.held = round.held
      if round.held == 0 || round.removed == 0 { break }
    }
    // Another one may have come to the end before, and they may have joined again since.
    let stillLeaves: @Sendable (any Transaction) async throws -> Bool = { transaction in
      let row = try await GateTable.hold(account, in: transaction)
      return row.isLeaving && row.answeredAt == left
    }
    try await records.forgetDevices(of: account, while: stillLeaves)
    try await records.database.write { transaction in
      guard try await stillLeaves(transaction) else { return }
      _ = try await transaction.execute("DELETE FROM roost_device WHERE \"user\" = \(account)")
      var row = try await GateTable.hold(account, in: transaction)
      row.isLeaving = false
      try await GateTable.put(row, of: account, in: transaction)
    }
    return removal
  }

  private func removeOnce(_ account: UUID, until left: Timestamp) async throws -> Removal {
    var removal = Removal()
    var place: OwnedPlace?
    repeat {
      let from = place
      let step = try await records.database.write { transaction in
        try await records.removeOwned(by: account, until: left, after: from, in: transaction)
      }
      removal.removed += step.removed
      removal.held += step.held
      place = step.place
    } while place != nil
    return removal
  }

  private func note(_ standing: GateStanding, _ account: UUID) {
    ambient.logger.info(
      "somebody answered at the gate of sync",
      [
        ("account", .string(account.description)), ("state", .string(standing.state.rawValue)),
        ("answer", .string(standing.row.answer?.rawValue ?? "none")),
      ])
  }
}
