package import RoostCore

/// Something that is put into the queue at times of the clock.
package struct Schedule: Sendable {
  /// The name under which its place is kept.
  package let name: String
  package let expression: CronExpression
  package let zone: Zone
  /// What is put into the queue; at most one of a schedule is not finished.
  package let kind: String
  package let payload: JSON

  package init(
    _ name: String, _ expression: CronExpression, in zone: Zone, kind: String,
    payload: JSON = .object(JSONObject())
  ) {
    self.name = name
    self.expression = expression
    self.zone = zone
    self.kind = kind
    self.payload = payload
  }
}
