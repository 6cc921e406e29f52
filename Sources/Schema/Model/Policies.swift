package import RoostCore

/// The options of `@merge` beside its strategy.
package struct MergeOptions: Sendable {
  /// With `CLIENT_WINS`: how old an edit may be before it becomes a conflict.
  package let staleAfter: CalendarDuration?
  /// With `LATEST_VALID`: the rule that a value must satisfy.
  package let validWhen: String?

  package init(staleAfter: CalendarDuration? = nil, validWhen: String? = nil) {
    self.staleAfter = staleAfter
    self.validWhen = validWhen
  }
}

/// `@encrypted`: who holds the key of a field.
package struct Encryption: Sendable {
  package enum Mode: String, Sendable, CaseIterable {
    /// Devices only; the server stores what it cannot read.
    case client = "CLIENT"
    /// The server, with a key for each person.
    case server = "SERVER"
  }

  package let mode: Mode
  package let keyScope: String

  package init(mode: Mode, keyScope: String) {
    self.mode = mode
    self.keyScope = keyScope
  }
}

/// `@search`: how much a field counts in full-text search, and its language.
package struct SearchPolicy: Sendable {
  package let weight: Int
  package let language: String?

  package init(weight: Int = 1, language: String? = nil) {
    self.weight = weight
    self.language = language
  }
}

/// `@analytics`: which operations are measured, by which fields.
package struct AnalyticsPolicy: Sendable {
  package let events: Set<Operation>
  package let measures: [String]
  package let dimensions: [String]

  package init(events: Set<Operation>, measures: [String], dimensions: [String]) {
    self.events = events
    self.measures = measures
    self.dimensions = dimensions
  }
}

/// `@activity`: the shape of a Live Activity.
package struct ActivityPolicy: Sendable {
  package let type: String?
  package let staticFields: [String]
  package let dynamicFields: [String]

  package init(type: String?, staticFields: [String], dynamicFields: [String]) {
    self.type = type
    self.staticFields = staticFields
    self.dynamicFields = dynamicFields
  }
}

/// `@deprecated`: what is on its way out, since when, and until when it stays.
package struct Deprecation: Sendable, Hashable {
  package let reason: String
  /// The day from which it is discouraged; nil for the day on which a server first served it so.
  package let since: CalendarDate?
  /// The day from which it may be gone; nil where none is set.
  package let sunset: CalendarDate?
  /// The collection or field of the same type that takes its place.
  package let successor: String?

  package init(
    reason: String, since: CalendarDate? = nil, sunset: CalendarDate? = nil,
    successor: String? = nil
  ) {
    self.reason = reason
    self.since = since
    self.sunset = sunset
    self.successor = successor
  }
}
