/// The definitions that every schema has: Roost's scalars, enums and directives.
enum Prelude {
  /// The contract of the schema language; a schema file may contain it verbatim.
  static let source = #"""
    scalar Date
    scalar DateTime
    scalar Duration
    scalar JSON
    scalar Money
    scalar Email
    scalar URL
    scalar GeoPoint
    scalar File
    scalar Int64
    type User { id: ID! }
    enum Op { READ CREATE UPDATE DELETE WRITE ADMIN ALL }
    enum Merge {
      LAST_WRITE_WINS CLIENT_WINS SERVER_WINS MERGE_DEEP MAX MIN
      COUNTER SET_UNION APPEND LATEST_VALID USER_CHOICE REJECT
    }
    enum Temporal { PAST PAST_OR_PRESENT FUTURE FUTURE_OR_PRESENT }
    enum RefCheck { VISIBLE_ON_CHANGE NONE }
    enum OnDelete { CASCADE RESTRICT SET_NULL }
    enum Tier { LIVE HOURLY DAILY ON_DEMAND LOCAL_ONLY SERVER_ONLY }
    enum Erase { DELETE NULLIFY PSEUDONYMISE KEEP }
    enum Retain { PURGE ANONYMISE ARCHIVE }
    enum To { PUBLIC ANONYMOUS USER }
    enum CryptMode { CLIENT SERVER }
    enum CalendarPart { DAY WEEK MONTH YEAR }

    directive @collection(name: String) on OBJECT
    directive @merge(strategy: Merge!, staleAfter: Duration, validWhen: String)
      on OBJECT | FIELD_DEFINITION
    directive @elements(id: String! = "id", rising: [String!], falling: [String!])
      on FIELD_DEFINITION
    directive @sync(tier: Tier! = LIVE, window: Duration, priority: Int)
      on OBJECT | FIELD_DEFINITION
    directive @allow(
      ops: [Op!]!, to: To = USER, roles: [String!], owner: String, member: String,
      having: String, when: String, check: String, fields: [String!], except: [String!]
    ) repeatable on OBJECT | FIELD_DEFINITION
    directive @deny(ops: [Op!]!, when: String!, exceptRoles: [String!], reason: String)
      repeatable on OBJECT
    directive @roles on ENUM
    directive @inherits(from: [String!]!) on ENUM_VALUE
    directive @constraint(
      min: Float, max: Float, exclusiveMin: Float, minLength: Int, maxLength: Int,
      pattern: String, temporal: Temporal, minItems: Int, maxItems: Int, message: String
    ) on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION
    directive @check(name: String!, expr: String!, message: String) repeatable on OBJECT
    directive @relation(
      inverse: String, onDelete: OnDelete! = RESTRICT, refCheck: RefCheck! = VISIBLE_ON_CHANGE
    ) on FIELD_DEFINITION
    directive @index(fields: [String!]!, unique: Boolean = false, where: String)
      repeatable on OBJECT
    directive @unique on FIELD_DEFINITION
    directive @search(weight: Int = 1, language: String) on FIELD_DEFINITION
    directive @default(value: String, expr: String) on FIELD_DEFINITION
    directive @immutable on FIELD_DEFINITION
    directive @serverOnly on FIELD_DEFINITION
    directive @pii(kind: String!, onErase: Erase! = NULLIFY) on FIELD_DEFINITION
    directive @encrypted(mode: CryptMode! = CLIENT, keyScope: String = "owner") on FIELD_DEFINITION
    directive @retention(after: String!, for: Duration!, action: Retain! = PURGE, unless: String)
      repeatable on OBJECT
    directive @activity(type: String, static: [String!], dynamic: [String!]) on OBJECT
    directive @analytics(events: [Op!], measures: [String!], dimensions: [String!]) on OBJECT
    directive @action on FIELD_DEFINITION
    directive @derived(
      from: String, count: Boolean, sum: String, min: String, max: String, latest: String,
      order: String, where: String, maxAge: Duration
    ) on FIELD_DEFINITION
    directive @view(of: String!, where: String, maxAge: Duration) on OBJECT
    directive @group(by: String!, part: CalendarPart) on FIELD_DEFINITION
    directive @was(name: String!, expr: String, back: String) on OBJECT | FIELD_DEFINITION
    type Query { _x: ID }
    type Mutation { _x: ID }
    """#

  /// The directives of the GraphQL specification that a schema may use.
  ///
  /// `@deprecated` stands on types too here, and says since when, until when, and what comes instead.
  static let standardSource = #"""
    directive @deprecated(
      reason: String = "No longer supported", since: Date, sunset: Date, successor: String
    ) on OBJECT | FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
    directive @specifiedBy(url: String!) on SCALAR
    """#

  static let document = parsed(source + "\n" + standardSource)

  /// Every directive by its name without `@`.
  static let directives = Dictionary(
    uniqueKeysWithValues: document.directives.map { ($0.name.text, $0) })

  static let directiveNames = document.directives.map(\.name.text)

  /// Every type by its name.
  static let types = Dictionary(uniqueKeysWithValues: document.types.map { ($0.name.text, $0) })

  /// The values of each enum.
  static let enums = types.filter { $0.value.kind == .enumeration }
    .mapValues { $0.values.map(\.name.text) }

  /// The scalars of the GraphQL specification, which need no definition.
  static let specifiedScalars: Set<String> = ["Int", "Float", "String", "Boolean", "ID"]

  /// Types that a schema may define and extend as it likes, though the prelude names them.
  static let openTypes: Set<String> = ["Query", "Mutation", "Subscription"]

  private static func parsed(_ source: String) -> Document {
    do throws(SyntaxFault) {
      return try Parser.document(source)
    } catch {
      preconditionFailure("the prelude does not parse: \(error.fault)")
    }
  }
}
