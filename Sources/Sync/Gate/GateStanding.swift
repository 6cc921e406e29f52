package import RoostCore

/// Where somebody stands at the gate.
package struct GateStanding: Sendable {
  package enum State: String, Sendable {
    /// A requirement is not met.
    case closed
    /// All are met, and the person has not accepted.
    case invited
    /// Devices are let through.
    case open
  }

  package let row: GateRow
  /// One for each requirement, in the order of the app.
  package let progress: [Progress]
  package let hasAccount: Bool
  /// The app has no gate: everybody's is open, and nobody was asked.
  var isWithoutGate = false
  let now: Timestamp

  package init(row: GateRow, progress: [Progress], hasAccount: Bool = true, now: Timestamp) {
    self.row = row
    self.progress = progress
    self.hasAccount = hasAccount
    self.now = now
  }

  package var state: State {
    if row.isOpen { return .open }
    return row.eligibleAt == nil ? .closed : .invited
  }

  /// What comes next; nil where it is open.
  package var next: Need? {
    if row.isOpen { return nil }
    guard hasAccount else {
      return Need(.account, "account", "Sync needs an account: make one, or sign in.")
    }
    if row.eligibleAt == nil, let unmet = progress.first(where: { !$0.isMet }) {
      return Need(unmet, before: "Sync")
    }
    return Need(
      .invitation, "invitation",
      row.answer == .left
        ? "You have left sync: accept the invitation to join again."
        : "You can sync between your devices now: accept the invitation.")
  }

  /// Whether it is time to show the invitation.
  package var isDue: Bool {
    guard state == .invited else { return false }
    switch row.answer {
    case nil: return true
    case .later: return row.until.map { $0 <= now } ?? true
    case .accepted, .declined, .left: return false
    }
  }

  /// The standing as `GET /v1/sync/gate` answers it.
  package var members: JSONObject {
    func time(_ at: Timestamp?) -> JSON { at.map { .string($0.description) } ?? .null }
    let answer = isWithoutGate ? nil : row.answer
    let invitation: JSON = [
      "answer": answer.map { .string($0.rawValue) } ?? .null, "answeredAt": time(row.answeredAt),
      "until": time(row.until), "due": .bool(isDue),
    ]
    let members: JSON = [
      "state": .string(state.rawValue), "next": next?.json ?? .null,
      "requirements": .array(progress.map(\.json)),
      "eligibleSince": time(isWithoutGate ? nil : row.eligibleAt),
      "invitation": invitation,
    ]
    return members.object ?? JSONObject()
  }
}

/// What somebody says to the gate.
package struct GateReply: Sendable {
  package var answer: GateAnswer?
  /// With `later`.
  package var until: Timestamp?
  /// What their device knows, by the name of the measure.
  package var claims: [String: Double]

  package init(
    answer: GateAnswer? = nil, until: Timestamp? = nil, claims: [String: Double] = [:]
  ) {
    self.answer = answer
    self.until = until
    self.claims = claims
  }
}
