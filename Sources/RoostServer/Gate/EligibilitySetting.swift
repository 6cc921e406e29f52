import Schema

/// What `roost.yaml` says of measures, the gate, tiers and features, as it stands there.
///
/// What it means hangs on the schema: `EligibilityReader` checks it.
package struct EligibilitySetting: Sendable {
  /// The groups of the file that are read here.
  static let groups = ["measures", "gate", "tiers", "features"]

  let file: String
  private(set) var members: [YAMLMember] = []

  init(file: String) { self.file = file }

  /// Takes a group of the file; false for another one.
  mutating func take(_ group: YAMLMember) -> Bool {
    guard EligibilitySetting.groups.contains(group.key) else { return false }
    members.append(group)
    return true
  }

  func member(_ name: String) -> YAMLMember? { members.first { $0.key == name } }
}
