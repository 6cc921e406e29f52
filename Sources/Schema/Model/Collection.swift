package import RoostCore

/// A type marked `@collection`: a table with rules, merges and a route.
package struct Collection: Sendable {
  /// The GraphQL type, such as `BandMember`.
  package let typeName: String
  /// The route and sync name, such as `bandMembers`.
  package let name: String
  /// Fields that are stored, in the order of the file; without `id` and the other system fields.
  package let fields: [Field]
  /// Fields that are the other side of a relation: lists that are read from the related collection.
  package let inverses: [InverseField]
  package let merge: MergeStrategy
  package let sync: SyncPolicy
  package let allows: [AllowRule]
  package let denies: [DenyRule]
  package let checks: [CheckRule]
  package let indexes: [IndexDeclaration]
  package let retentions: [RetentionRule]
  /// The former type name given by `@was`.
  package let formerName: String?
  package let description: String?
  package let location: SourceLocation
  package let mergeOptions: MergeOptions
  package let analytics: AnalyticsPolicy?
  package let activity: ActivityPolicy?
  /// `@deprecated`, or nil.
  package let deprecation: Deprecation?
  /// `@view`, or nil: then the server keeps the rows.
  package let view: ViewDeclaration?

  package init(
    typeName: String, name: String, fields: [Field], inverses: [InverseField] = [],
    merge: MergeStrategy = .lastWriteWins, sync: SyncPolicy = SyncPolicy(),
    allows: [AllowRule] = [], denies: [DenyRule] = [], checks: [CheckRule] = [],
    indexes: [IndexDeclaration] = [], retentions: [RetentionRule] = [], formerName: String? = nil,
    description: String? = nil, location: SourceLocation = SourceLocation(line: 1, column: 1),
    mergeOptions: MergeOptions = MergeOptions(), analytics: AnalyticsPolicy? = nil,
    activity: ActivityPolicy? = nil, deprecation: Deprecation? = nil,
    view: ViewDeclaration? = nil
  ) {
    self.typeName = typeName
    self.name = name
    self.fields = fields
    self.inverses = inverses
    self.merge = merge
    self.sync = sync
    self.allows = allows
    self.denies = denies
    self.checks = checks
    self.indexes = indexes
    self.retentions = retentions
    self.formerName = formerName
    self.description = description
    self.location = location
    self.mergeOptions = mergeOptions
    self.analytics = analytics
    self.activity = activity
    self.deprecation = deprecation
    self.view = view
  }

  package func field(named name: String) -> Field? { fields.first { $0.name == name } }
}

/// The other side of a relation: `members: [BandMember!]! @relation(inverse: "band")`.
package struct InverseField: Sendable {
  package let name: String
  /// The related type, whose `field` refers back to this collection.
  package let typeName: String
  package let field: String
  package let location: SourceLocation

  package init(
    name: String, typeName: String, field: String,
    location: SourceLocation = SourceLocation(line: 1, column: 1)
  ) {
    self.name = name
    self.typeName = typeName
    self.field = field
    self.location = location
  }
}

/// How two writes of one field become one value.
package enum MergeStrategy: String, Sendable, CaseIterable {
  case lastWriteWins = "LAST_WRITE_WINS"
  case clientWins = "CLIENT_WINS"
  case serverWins = "SERVER_WINS"
  case mergeDeep = "MERGE_DEEP"
  case max = "MAX"
  case min = "MIN"
  case counter = "COUNTER"
  case setUnion = "SET_UNION"
  case append = "APPEND"
  case latestValid = "LATEST_VALID"
  case userChoice = "USER_CHOICE"
  case reject = "REJECT"
}

/// When and how far back a collection or field is synced.
package struct SyncPolicy: Sendable {
  package enum Tier: String, Sendable, CaseIterable {
    case live = "LIVE"
    case hourly = "HOURLY"
    case daily = "DAILY"
    case onDemand = "ON_DEMAND"
    case localOnly = "LOCAL_ONLY"
    case serverOnly = "SERVER_ONLY"

    /// The place among the tiers that travel, the most urgent first; nil for the others.
    package var rank: Int? {
      switch self {
      case .live: 0
      case .hourly: 1
      case .daily: 2
      case .onDemand: 3
      case .localOnly, .serverOnly: nil
      }
    }
  }

  package let tier: Tier
  package let window: CalendarDuration?
  package let priority: Int?

  package init(tier: Tier = .live, window: CalendarDuration? = nil, priority: Int? = nil) {
    self.tier = tier
    self.window = window
    self.priority = priority
  }
}

/// `@index`: a plain or unique index over fields, among live rows.
package struct IndexDeclaration: Sendable {
  package let fields: [String]
  package let isUnique: Bool
  /// A rule expression that limits the index; nil for all live rows.
  package let predicate: String?
  package let location: SourceLocation

  package init(
    fields: [String], isUnique: Bool, predicate: String? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1)
  ) {
    self.fields = fields
    self.isUnique = isUnique
    self.predicate = predicate
    self.location = location
  }
}
