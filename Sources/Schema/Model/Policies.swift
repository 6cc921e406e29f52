package import RoostCore

/// The options of `@merge` beside its strategy.
package struct MergeOptions: Sendable {
  /// With `CLIENT_WINS`: how old an edit may be before it becomes a conflict.
  package let staleAfter: CalendarDuration?
  /// With `LATEST_VALID`: the rule that a value must satisfy.
  package let validWhen: String?
  /// `@elements`: how the objects of a list are told apart and merged; nil where nothing says it.
  package let elements: ElementOptions?

  package init(
    staleAfter: CalendarDuration? = nil, validWhen: String? = nil, elements: ElementOptions? = nil
  ) {
    self.staleAfter = staleAfter
    self.validWhen = validWhen
    self.elements = elements
  }
}

/// `@elements`: the member that tells the objects of a list apart, and members that go one way.
package struct ElementOptions: Sendable, Equatable {
  /// A member of an element that only rises or falls.
  package struct Ordered: Sendable, Equatable {
    package let member: String
    /// The values of an enum from the least to the greatest; nil for numbers and texts as they are.
    package let values: [String]?
    package let isRising: Bool

    package init(member: String, values: [String]?, isRising: Bool) {
      self.member = member
      self.values = values
      self.isRising = isRising
    }
  }

  package let idMember: String
  /// In the order of the schema.
  package let ordered: [Ordered]

  package init(idMember: String = "id", ordered: [Ordered] = []) {
    self.idMember = idMember
    self.ordered = ordered
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

  /// Whose key a field under SERVER has.
  package enum KeyScope: String, Sendable, CaseIterable {
    /// The row's owner; the collection's where the row has none.
    case owner
    /// One key for all rows of the collection.
    case collection
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
