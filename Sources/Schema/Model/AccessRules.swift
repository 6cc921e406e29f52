package import RoostCore

/// What a rule speaks of.
package enum Operation: String, Sendable, CaseIterable {
  case read = "READ"
  case create = "CREATE"
  case update = "UPDATE"
  case delete = "DELETE"
  case admin = "ADMIN"
}

/// `@allow`: its arguments are joined by AND, several rules by OR.
package struct AllowRule: Sendable {
  package enum Audience: String, Sendable, CaseIterable {
    case everyone = "PUBLIC"
    case anonymous = "ANONYMOUS"
    case user = "USER"
  }

  /// The operations with `WRITE` and `ALL` spelled out.
  package let operations: Set<Operation>
  package let audience: Audience
  package let roles: [String]?
  package let owner: String?
  package let member: String?
  package let having: String?
  package let when: String?
  package let check: String?
  package let fields: [String]?
  package let except: [String]?
  package let location: SourceLocation
  /// Where the values of the arguments begin.
  private let places: [String: SourceLocation]

  package init(
    operations: Set<Operation>, audience: Audience = .user, roles: [String]? = nil,
    owner: String? = nil, member: String? = nil, having: String? = nil, when: String? = nil,
    check: String? = nil, fields: [String]? = nil, except: [String]? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1),
    places: [String: SourceLocation] = [:]
  ) {
    self.operations = operations
    self.audience = audience
    self.roles = roles
    self.owner = owner
    self.member = member
    self.having = having
    self.when = when
    self.check = check
    self.fields = fields
    self.except = except
    self.location = location
    self.places = places
  }

  /// Where the value of an argument begins; the rule where it is not given.
  package func place(of argument: String) -> SourceLocation { places[argument] ?? location }
}

/// `@deny`: wins over every `@allow`.
package struct DenyRule: Sendable {
  package let operations: Set<Operation>
  package let when: String?
  package let exceptRoles: [String]
  package let reason: String?
  package let location: SourceLocation
  /// Where the values of the arguments begin.
  private let places: [String: SourceLocation]

  package init(
    operations: Set<Operation>, when: String?, exceptRoles: [String], reason: String?,
    location: SourceLocation, places: [String: SourceLocation] = [:]
  ) {
    self.operations = operations
    self.when = when
    self.exceptRoles = exceptRoles
    self.reason = reason
    self.location = location
    self.places = places
  }

  /// Where the value of an argument begins; the rule where it is not given.
  package func place(of argument: String) -> SourceLocation { places[argument] ?? location }
}

/// `@check`: an expression over the merged row that must not be false.
package struct CheckRule: Sendable {
  package let name: String
  package let expression: String
  package let message: String?
  package let location: SourceLocation
  /// Where the expression begins.
  package let place: SourceLocation

  package init(
    name: String, expression: String, message: String?, location: SourceLocation,
    place: SourceLocation? = nil
  ) {
    self.name = name
    self.expression = expression
    self.message = message
    self.location = location
    self.place = place ?? location
  }
}

/// `@retention`: how long rows are kept after the time in a field.
package struct RetentionRule: Sendable {
  package enum Action: String, Sendable, CaseIterable {
    case purge = "PURGE"
    case anonymise = "ANONYMISE"
    case archive = "ARCHIVE"
  }

  package let after: String
  package let duration: CalendarDuration
  package let action: Action
  /// Rows of which this is TRUE are left alone.
  package let unless: String?
  package let location: SourceLocation
  /// Where the expression begins.
  package let place: SourceLocation

  package init(
    after: String, duration: CalendarDuration, action: Action, unless: String?,
    location: SourceLocation, place: SourceLocation? = nil
  ) {
    self.after = after
    self.duration = duration
    self.action = action
    self.unless = unless
    self.location = location
    self.place = place ?? location
  }
}
