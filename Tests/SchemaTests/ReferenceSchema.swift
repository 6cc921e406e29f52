/// The reference schema of the language, which uses every directive that the contract names.
enum ReferenceSchema {
  static let bandstand = #"""
    enum Role @roles { musician support @inherits(from: ["musician"]) admin @inherits(from:
      ["support"]) }
    enum BandRole { MEMBER LEADER MANAGER }

    type MusicianProfile @collection @merge(strategy: LAST_WRITE_WINS)
      @allow(ops: [ALL], owner: "user")
      @allow(ops: [READ], to: PUBLIC, when: "isPublic", fields: ["stageName", "instruments"]) {
      user: User! @unique @immutable @relation(onDelete: CASCADE)
      stageName: String! @constraint(minLength: 1, maxLength: 80) @search(weight: 3)
      legalName: String @pii(kind: "name")
      phone: String @pii(kind: "phone") @encrypted(mode: CLIENT)
      instruments: [String!]! @merge(strategy: SET_UNION)
      genres: [String!]! @default(value: "[]") @merge(strategy: SET_UNION)
      isPublic: Boolean! @default(value: "false")
    }
    type Band @collection @merge(strategy: LAST_WRITE_WINS)
      @allow(ops: [READ, CREATE, DELETE], owner: "founder")
      @allow(ops: [READ], member: "members.user")
      @allow(ops: [UPDATE], member: "members.user", having: "role in [LEADER, MANAGER]") {
      name: String! @constraint(maxLength: 120) @search
      founder: User! @immutable
      members: [BandMember!]! @relation(inverse: "band")
      setLists: [SetList!]! @relation(inverse: "band")
      performances: [Performance!]! @relation(inverse: "band")
    }
    type BandMember @collection @merge(strategy: SERVER_WINS) @index(fields: ["band", "user"],
      unique: true)
      @allow(ops: [READ], member: "band.members.user")
      @allow(ops: [ALL], owner: "band.founder") @allow(ops: [DELETE], owner: "user") {
      band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
      user: User! @immutable @relation(onDelete: CASCADE, refCheck: NONE)
      role: BandRole! @default(value: "MEMBER")
    }
    type Venue @collection @merge(strategy: LAST_WRITE_WINS) @sync(tier: DAILY, window: "P90D")
      @allow(ops: [READ, CREATE]) @allow(ops: [UPDATE], roles: ["support"]) {
      name: String! @search
      capacity: Int @constraint(min: 1)
      website: URL @constraint(pattern: "^https://")
    }
    type SetList @collection @merge(strategy: LAST_WRITE_WINS) @allow(ops: [ALL], member:
      "band.members.user") {
      band: Band! @immutable @relation(inverse: "setLists", onDelete: CASCADE)
      title: String!
      songs: [String!]! @constraint(maxItems: 200)
    }
    type Performance @collection @merge(strategy: LAST_WRITE_WINS) @sync(tier: LIVE, window: "P2Y")
      @index(fields: ["owner", "date"]) @index(fields: ["band", "date"])
      @allow(ops: [ALL], owner: "owner")
      @allow(ops: [READ], member: "band.members.user", except: ["payment", "notes"])
      @deny(ops: [UPDATE, DELETE], when: "locked", exceptRoles: ["admin"])
      @retention(after: "deletedAt", for: "P30D", action: PURGE)
      @analytics(events: [CREATE], measures: ["payment", "audienceSize"], dimensions: ["venue"]) {
      owner: User! @immutable @relation(onDelete: CASCADE)
      band: Band @relation(inverse: "performances", onDelete: SET_NULL)
      date: DateTime! @constraint(temporal: PAST)
      venue: Venue! @relation(onDelete: RESTRICT)
      setList: SetList @relation(onDelete: SET_NULL)
      duration: Duration! @constraint(exclusiveMin: 0)
      payment: Money @constraint(min: 0) @pii(kind: "financial", onErase: DELETE)
      audienceSize: Int @constraint(min: 0)
      notes: String @encrypted(mode: CLIENT)
      locked: Boolean! @default(value: "false") @serverOnly
    }
    type Booking @collection @merge(strategy: REJECT)
      @check(name: "order", expr: "endsAt > startsAt")
      @allow(ops: [READ], member: "band.members.user")
      @allow(ops: [WRITE], member: "band.members.user", having: "role in [LEADER, MANAGER]") {
      band: Band! @immutable @relation(onDelete: CASCADE)
      venue: Venue!
      startsAt: DateTime! @constraint(temporal: FUTURE)
      endsAt: DateTime!
      fee: Money @constraint(min: 0)
    }
    type Goal @collection @merge(strategy: CLIENT_WINS) @allow(ops: [ALL], owner: "owner")
      @allow(ops: [READ, UPDATE], member: "band.members.user") {
      owner: User! @immutable @relation(onDelete: CASCADE)
      band: Band @relation(onDelete: SET_NULL)
      title: String! @constraint(maxLength: 140)
      progress: Int! @merge(strategy: COUNTER) @default(value: "0")
    }
    type Settings @collection @merge(strategy: MERGE_DEEP) @allow(ops: [ALL], owner: "owner") {
      owner: User! @unique @immutable @relation(onDelete: CASCADE)
      data: JSON! @default(value: "{}")
    }
    """#

  static let prelude = #"""
    scalar Date scalar DateTime scalar Duration scalar JSON scalar Money scalar Email scalar URL
      scalar GeoPoint scalar File scalar Int64
    type User { id: ID! }
    enum Op { READ CREATE UPDATE DELETE WRITE ADMIN ALL }
    enum Merge { LAST_WRITE_WINS CLIENT_WINS SERVER_WINS MERGE_DEEP MAX MIN COUNTER SET_UNION
      APPEND LATEST_VALID USER_CHOICE REJECT }
    enum Temporal { PAST PAST_OR_PRESENT FUTURE FUTURE_OR_PRESENT }
    enum RefCheck { VISIBLE_ON_CHANGE NONE }
    enum OnDelete { CASCADE RESTRICT SET_NULL }
    enum Tier { LIVE HOURLY DAILY ON_DEMAND LOCAL_ONLY SERVER_ONLY }
    enum Erase { DELETE NULLIFY PSEUDONYMISE KEEP }
    enum Retain { PURGE ANONYMISE ARCHIVE }
    enum To { PUBLIC ANONYMOUS USER }
    enum CryptMode { CLIENT SERVER }

    directive @collection(name: String) on OBJECT
    directive @merge(strategy: Merge!, staleAfter: Duration, validWhen: String) on OBJECT |
      FIELD_DEFINITION
    directive @sync(tier: Tier! = LIVE, window: Duration, priority: Int) on OBJECT |
      FIELD_DEFINITION
    directive @allow(ops: [Op!]!, to: To = USER, roles: [String!], owner: String, member:
      String, having: String, when: String, check: String, fields: [String!], except: [String!])
      repeatable on OBJECT | FIELD_DEFINITION
    directive @deny(ops: [Op!]!, when: String!, exceptRoles: [String!], reason: String)
      repeatable on OBJECT
    directive @roles on ENUM
    directive @inherits(from: [String!]!) on ENUM_VALUE
    directive @constraint(min: Float, max: Float, exclusiveMin: Float, minLength: Int,
      maxLength: Int, pattern: String, temporal: Temporal, minItems: Int, maxItems: Int,
      message: String) on FIELD_DEFINITION
    directive @check(name: String!, expr: String!, message: String) repeatable on OBJECT
    directive @relation(inverse: String, onDelete: OnDelete! = RESTRICT, refCheck: RefCheck! =
      VISIBLE_ON_CHANGE) on FIELD_DEFINITION
    directive @index(fields: [String!]!, unique: Boolean = false, where: String) repeatable on
      OBJECT
    directive @unique on FIELD_DEFINITION
    directive @search(weight: Int = 1, language: String) on FIELD_DEFINITION
    directive @default(value: String, expr: String) on FIELD_DEFINITION
    directive @immutable on FIELD_DEFINITION
    directive @serverOnly on FIELD_DEFINITION
    directive @pii(kind: String!, onErase: Erase! = NULLIFY) on FIELD_DEFINITION
    directive @encrypted(mode: CryptMode! = CLIENT, keyScope: String = "owner") on FIELD_DEFINITION
    directive @retention(after: String!, for: Duration!, action: Retain! = PURGE, unless:
      String) repeatable on OBJECT
    directive @activity(type: String, static: [String!], dynamic: [String!]) on OBJECT
    directive @analytics(events: [Op!], measures: [String!], dimensions: [String!]) on OBJECT
    directive @action on FIELD_DEFINITION
    directive @was(name: String!) on OBJECT | FIELD_DEFINITION
    type Query { _x: ID }
    type Mutation { _x: ID }
    """#
}
