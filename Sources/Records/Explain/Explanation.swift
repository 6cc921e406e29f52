package import Rules
package import Schema

/// Why a caller may do something, or may not.
package struct Explanation: Sendable {
  /// What one rule says.
  package struct Finding: Sendable {
    /// The rule as it is written.
    package let text: String
    package let location: SourceLocation
    /// What keeps it from speaking to the caller at all.
    package let obstacle: AccessRules.Obstacle?
    /// Whether it holds for the row; nil where no row was named, or it does not speak to the caller.
    package let holds: Bool?
    /// The members that it shows and lets change; nil for all of them, and for denials.
    package let members: [String]?
    /// The reason that a denial gives.
    package let reason: String?
  }

  package enum Verdict: String, Sendable {
    case allowed
    case denied
    /// It depends on the row, and none was named.
    case byRow = "depends on the row"
  }

  package let verdict: Verdict
  /// The status that the API answers; nil where it depends on the row.
  package let status: Int?
  /// Which rule decided, in a sentence.
  package let decision: String
  package let roles: [String]
  package let rules: [Finding]
  package let denials: [Finding]
  package let shown: [String]
  package let hidden: [String]
  /// Members that some rows show and others do not; empty where a row was named.
  package let sometimes: [String]
  /// The statement by which records are read, and how the engine runs it; empty for a caller to whom
  /// no rule speaks.
  package let sql: String
  package let plan: [String]
  /// Every table is searched by an index; false where one is read from end to end.
  package let usesIndex: Bool
}
