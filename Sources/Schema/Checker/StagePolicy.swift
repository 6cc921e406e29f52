/// What this version of Roost understands, but does not act on yet: one list.
///
/// A feature is named as it is written: `@deny` (any use), `@allow(member:)` (the argument is
/// given), `@merge(strategy: APPEND)` (the argument has that value), `@allow on FIELD_DEFINITION`
/// (a use in that place), and `@allow(owner: path)` (a path of several hops). To act on a feature,
/// implement it and remove its line here.
package struct StagePolicy: Sendable {
  package enum Treatment: Sendable {
    /// The feature protects data, or changes what is stored: a schema that uses it is refused.
    case refused
    /// The feature is checked, and listed among the notices as `not_acted_on`.
    case noted
  }

  /// How each feature that is not acted on is treated.
  package let features: [String: Treatment]

  package init(features: [String: Treatment]) { self.features = features }

  /// The policy of this version.
  package static let current = StagePolicy(features: [
    "@encrypted(mode: CLIENT)": .refused,
    "@index(where:)": .refused,
    "@default(expr:)": .refused,
    "@sync(window:)": .noted,
    "@sync(priority:)": .noted,
    "@analytics": .noted,
    "@activity": .noted,
    "@search(weight:)": .noted,
    "@search(language:)": .noted,
  ])

  /// Every feature is taken as acted on: for tests of the checker, and for tools.
  package static let everything = StagePolicy(features: [:])

  static func refusal(of feature: String) -> String {
    "\(feature) is not enforced by this version of Roost, and a rule that is not enforced must not "
      + "look as if it were: remove it, or wait for a version that enforces it"
  }

  static func note(on feature: String) -> String {
    "\(feature) is checked, but not acted on by this version of Roost"
  }
}
