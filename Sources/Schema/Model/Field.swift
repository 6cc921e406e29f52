package import RoostCore

/// A stored field of a collection.
///
/// A class, because fields are passed around on every write and a struct of this size is dear to
/// copy.
package final class Field: Sendable {
  package let name: String
  package let type: FieldType
  /// `!` on the field: a value must be given on create (or by `default`) and cannot become null.
  package let isRequired: Bool
  /// A list: `[String!]!`; `type` is then the type of its elements.
  package let isList: Bool
  /// `!` on the elements of a list.
  package let elementsAreRequired: Bool
  /// The field's own `@merge`, else nil (the collection's applies).
  package let merge: MergeStrategy?
  package let constraint: Constraint?
  /// The relation that a reference makes; nil for other types.
  package let relation: Relation?
  /// The value of `@default(value:)`, decoded and valid for this field.
  package let defaultValue: FieldValue?
  /// The expression of `@default(expr:)`.
  package let defaultExpression: String?
  package let isImmutable: Bool
  package let isServerOnly: Bool
  package let isUnique: Bool
  package let isSearchable: Bool
  package let personalData: PersonalData?
  /// The former name given by `@was`.
  package let formerName: String?
  /// `@deprecated`, or nil.
  package let deprecation: Deprecation?
  package let description: String?
  package let location: SourceLocation
  /// The options of the field's own `@merge`.
  package let mergeOptions: MergeOptions
  /// `@encrypted`, or nil.
  package let encryption: Encryption?
  /// `@search`, or nil.
  package let search: SearchPolicy?
  /// The field's own `@sync`, else nil (the collection's applies).
  package let sync: SyncPolicy?
  /// `@allow` on the field itself.
  package let allows: [AllowRule]
  /// `@derived`, or nil: then the server keeps the value.
  package let derivation: Derivation?
  /// `@group`, or nil.
  package let grouping: Grouping?
  /// How its values are cut out of those of `formerName`; nil where it is the same field.
  package let split: FieldSplit?

  package init(
    name: String, type: FieldType, isRequired: Bool, isList: Bool = false,
    elementsAreRequired: Bool = false, merge: MergeStrategy? = nil, constraint: Constraint? = nil,
    relation: Relation? = nil, defaultValue: FieldValue? = nil, defaultExpression: String? = nil,
    isImmutable: Bool = false, isServerOnly: Bool = false, isUnique: Bool = false,
    isSearchable: Bool = false, personalData: PersonalData? = nil, formerName: String? = nil,
    deprecation: Deprecation? = nil, description: String? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1),
    mergeOptions: MergeOptions = MergeOptions(), encryption: Encryption? = nil,
    search: SearchPolicy? = nil, sync: SyncPolicy? = nil, allows: [AllowRule] = [],
    derivation: Derivation? = nil, grouping: Grouping? = nil, split: FieldSplit? = nil
  ) {
    self.name = name
    self.type = type
    self.isRequired = isRequired
    self.isList = isList
    self.elementsAreRequired = elementsAreRequired
    self.merge = merge
    self.constraint = constraint
    self.relation = relation
    self.defaultValue = defaultValue
    self.defaultExpression = defaultExpression
    self.isImmutable = isImmutable
    self.isServerOnly = isServerOnly
    self.isUnique = isUnique
    self.isSearchable = isSearchable
    self.personalData = personalData
    self.formerName = formerName
    self.deprecation = deprecation
    self.description = description
    self.location = location
    self.mergeOptions = mergeOptions
    self.encryption = encryption
    self.search = search
    self.sync = sync
    self.allows = allows
    self.derivation = derivation
    self.grouping = grouping
    self.split = split
  }
}

/// `@was(name:, expr:)`: a field whose values are cut out of those of a former one.
package struct FieldSplit: Sendable {
  /// A text of the former field.
  package let expression: TextTemplate
  /// The former field as a text of the fields that it was split into, where it is stated here.
  package let back: TextTemplate?

  package init(expression: TextTemplate, back: TextTemplate? = nil) {
    self.expression = expression
    self.back = back
  }
}

/// The type of a field or of a list's elements.
package enum FieldType: Sendable, Hashable {
  case boolean
  /// 32-bit, as GraphQL defines it.
  case int
  case int64
  case float
  case string
  case id
  case date
  case dateTime
  case duration
  case money
  case email
  case url
  case json
  case geoPoint
  case file
  case enumeration(name: String, values: [String])
  /// A row of another collection, by its id.
  case reference(typeName: String)
  /// An account, by its id.
  case user
}

/// `@relation` on a reference.
package struct Relation: Sendable {
  package enum OnDelete: String, Sendable, CaseIterable {
    case cascade = "CASCADE"
    case restrict = "RESTRICT"
    case setNull = "SET_NULL"
  }

  package enum ReferenceCheck: String, Sendable, CaseIterable {
    case visibleOnChange = "VISIBLE_ON_CHANGE"
    case none = "NONE"
  }

  /// The field on the other side, if it names one.
  package let inverse: String?
  package let onDelete: OnDelete
  package let referenceCheck: ReferenceCheck

  package init(
    inverse: String? = nil, onDelete: OnDelete = .restrict,
    referenceCheck: ReferenceCheck = .visibleOnChange
  ) {
    self.inverse = inverse
    self.onDelete = onDelete
    self.referenceCheck = referenceCheck
  }
}

/// `@pii`: what kind of personal data a field holds, and what erasing a person does to it.
package struct PersonalData: Sendable {
  package enum OnErase: String, Sendable, CaseIterable {
    case delete = "DELETE"
    case nullify = "NULLIFY"
    case pseudonymise = "PSEUDONYMISE"
    case keep = "KEEP"
  }

  package let kind: String
  package let onErase: OnErase

  package init(kind: String, onErase: OnErase) {
    self.kind = kind
    self.onErase = onErase
  }
}

/// The value of a field in memory, in the form in which it is compared and stored.
package enum FieldValue: Sendable {
  case null
  /// Boolean.
  case bool(Bool)
  /// Int, Int64, Money; DateTime as milliseconds since 1970; Duration as milliseconds.
  case int(Int64)
  /// Float.
  case double(Double)
  /// String, ID, Email, URL, enum values, and Date as `2026-01-31`.
  case text(String)
  /// References.
  case uuid(UUID)
  /// JSON, GeoPoint, File, and every list.
  case json(JSON)
}

extension FieldValue: Equatable {
  /// Equal as they are stored: texts byte by byte, also inside of JSON.
  ///
  /// Swift takes texts for equal that Unicode calls canonically equivalent (a letter with its accent
  /// in one scalar or in two), and a change from one to the other would be lost.
  package static func == (left: FieldValue, right: FieldValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.int(let left), .int(let right)): left == right
    case (.double(let left), .double(let right)): left == right
    case (.text(let left), .text(let right)): left.utf8.elementsEqual(right.utf8)
    case (.uuid(let left), .uuid(let right)): left == right
    case (.json(let left), .json(let right)): isSame(left, right)
    default: false
    }
  }

  private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
    switch (left, right) {
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)):
      left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
    case (.object(let left), .object(let right)): isSame(left, right)
    default: left == right
    }
  }

  private static func isSame(_ left: JSONObject, _ right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    return left.members.allSatisfy { member in
      guard let other = right.members.first(where: { $0.key == member.key }),
        other.key.utf8.elementsEqual(member.key.utf8)
      else { return false }
      return isSame(member.value, other.value)
    }
  }
}

extension Field {
  /// Whether the server stores its values sealed.
  package var isSealed: Bool { encryption?.mode == .server }
}
