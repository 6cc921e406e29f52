import RoostCore
import Schema

/// What decides in which streams the rows of a collection stand, as text, kept in the database to
/// tell a changed schema from the one before.
enum StreamSignature {
  /// The version of the way from rules to scopes; raised when `AccessRules.scopes(of:)` or the naming
  /// of streams changes, so that every stream is brought in step at the next start.
  private static let version: Int64 = 1

  /// The tier and the rules for READ; the order of the rules, which means nothing, is left out.
  static func of(_ collection: Collection) -> String {
    let rules = collection.allows.filter { $0.operations.contains(.read) }.map { rule in
      JSON.array([
        .string(rule.audience.rawValue), text(rule.owner), text(rule.member), text(rule.having),
        text(rule.when), .array((rule.roles ?? []).sorted().map { .string($0) }),
      ]).text
    }
    return JSON.array([
      .int(version), .string(collection.sync.tier.rawValue),
      .array(Set(rules).sorted().map { .string($0) }),
    ]).text
  }

  private static func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
}
