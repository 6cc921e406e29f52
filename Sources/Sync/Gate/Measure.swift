package import Records
package import RoostCore

/// A number of an account by which things open: a level, a count of sessions, a streak, its age.
package struct Measure: Sendable {
  package enum Source: Sendable {
    /// Found in the records that the account owns.
    case records(OwnedMeasure)
    /// Whole days since the account was made.
    case age
  }

  package let name: String
  /// The name for people.
  package let label: String
  package let source: Source
  /// What turns the number into a level: how many of these it has reached; empty for the number
  /// itself.
  ///
  /// Ascending.
  package let levels: [Double]
  /// A device may say that the number is greater than the server knows.
  package let takesClaims: Bool

  package init(
    name: String, label: String? = nil, source: Source, levels: [Double] = [],
    takesClaims: Bool = false
  ) {
    self.name = name
    self.label = label ?? name
    self.source = source
    self.levels = levels
    self.takesClaims = takesClaims
  }

  /// What a number that was found comes to.
  func value(of number: Double) -> Double {
    levels.isEmpty ? number : Double(levels.count { $0 <= number })
  }
}

/// What a measure has to be, at least.
package struct Requirement: Sendable, Equatable {
  /// The place of the measure among all.
  package let measure: Int
  package let least: Double

  package init(measure: Int, least: Double) {
    self.measure = measure
    self.least = least
  }
}

/// How far an account is with one requirement.
package struct Progress: Sendable, Equatable {
  package let name: String
  package let label: String
  package let required: Double
  /// Nil for people without an account: nothing is known of them.
  package let current: Double?
  /// A device says so, and the server knows of less.
  package let isClaimed: Bool

  package var isMet: Bool { current.map { $0 >= required } ?? false }

  init(_ measure: Measure, least: Double, found: Double?, claimed: Double?) {
    name = measure.name
    label = measure.label
    required = least
    let own = found.map { measure.value(of: $0) }
    let claim = measure.takesClaims ? claimed : nil
    isClaimed = own.flatMap { own in claim.map { $0 > own } } ?? false
    current = own.map { max($0, claim ?? $0) }
  }

  package var json: JSON {
    [
      "name": .string(name), "label": .string(label),
      "current": current.map { Progress.number($0) } ?? .null,
      "required": Progress.number(required), "met": .bool(isMet), "claimed": .bool(isClaimed),
    ]
  }

  /// A number as JSON: whole ones without a point.
  static func number(_ value: Double) -> JSON {
    Int64(exactly: value).map { .int($0) } ?? .double(value)
  }

  /// What is missing, for a person.
  func message(_ thing: String) -> String {
    let need = Progress.number(required).text
    guard let current else { return "\(thing) opens when \(label) reaches \(need)." }
    return
      "\(thing) opens when \(label) reaches \(need): it is \(Progress.number(current).text) now."
  }
}

/// What comes next before something opens.
package struct Need: Sendable, Equatable {
  package enum Kind: String, Sendable {
    /// A measure has not come so far.
    case measure
    /// The person has not accepted the invitation.
    case invitation
    /// There is no account.
    case account
    /// Another feature comes first.
    case feature
    /// A subscription.
    case tier
  }

  package let kind: Kind
  package let name: String
  package let message: String
  package var current: Double?
  package var required: Double?

  package init(
    _ kind: Kind, _ name: String, _ message: String, current: Double? = nil,
    required: Double? = nil
  ) {
    self.kind = kind
    self.name = name
    self.message = message
    self.current = current
    self.required = required
  }

  init(_ progress: Progress, before thing: String) {
    self.init(
      .measure, progress.name, progress.message(thing), current: progress.current,
      required: progress.required)
  }

  package var json: JSON {
    [
      "kind": .string(kind.rawValue), "name": .string(name), "message": .string(message),
      "current": current.map { Progress.number($0) } ?? .null,
      "required": required.map { Progress.number($0) } ?? .null,
    ]
  }
}
