package import RoostCore

/// When a change was made, by the clock of the device that brings it.
///
/// Temporal constraints are tested against it, so that a booking made offline while it lay in the
/// future stays valid when it arrives. What a device claims is held between the last time that was
/// accepted from it and a minute from now.
package struct OperationTime: Sendable {
  /// How far ahead of the server's clock a device may be.
  private static let aheadMilliseconds: Int64 = 60_000

  let claimed: Timestamp
  let lastAccepted: Timestamp

  /// `lastAccepted` is the time of the last change that was accepted from the device, or of its
  /// registration.
  package init(claimed: Timestamp, lastAccepted: Timestamp) {
    self.claimed = claimed
    self.lastAccepted = lastAccepted
  }

  /// The time that counts; a claim behind both bounds counts as the later one of what is allowed.
  package func clamped(now: Timestamp) -> Timestamp {
    let (latest, overflow) = now.milliseconds.addingReportingOverflow(
      OperationTime.aheadMilliseconds)
    let limit = overflow ? now : Timestamp(milliseconds: latest)
    return min(max(claimed, lastAccepted), limit)
  }
}
