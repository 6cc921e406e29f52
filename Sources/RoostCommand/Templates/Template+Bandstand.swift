extension Template {
  /// The reference app; the same text as `Examples/bandstand/schema.graphql`, which a test keeps.
  static let bandstand = Template(
    name: "bandstand",
    schema: #"""
      # A musician's app: profiles, bands, venues, set lists, performances, bookings, goals and settings.
      #
      # What this release does not enforce yet it refuses, so that nobody relies on a rule that is not
      # kept. Such parts stand here as comments that begin with "Later".

      enum Role @roles {
        musician
        support @inherits(from: ["musician"])
        admin @inherits(from: ["support"])
      }

      enum BandRole { MEMBER LEADER MANAGER }

      # A profile is its musician's own; a public one shows two of its fields to everybody.
      type MusicianProfile @collection @merge(strategy: LAST_WRITE_WINS)
        @allow(ops: [ALL], owner: "user")
        @allow(ops: [READ], to: PUBLIC, when: "isPublic", fields: ["stageName", "instruments"]) {
        user: User! @unique @immutable @relation(onDelete: CASCADE)
        stageName: String! @constraint(minLength: 1, maxLength: 80) @search(weight: 3)
        legalName: String @pii(kind: "name")
        "Later: @encrypted(mode: CLIENT). Until then a phone number is stored as it is sent."
        phone: String @pii(kind: "phone")
        instruments: [String!]! @merge(strategy: SET_UNION)
        genres: [String!]! @default(value: "[]") @merge(strategy: SET_UNION)
        isPublic: Boolean! @default(value: "false")
      }

      # The founder owns the band, its members read it, and those who lead it change it.
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

      # Members see one another; the founder takes them in, and everybody may leave.
      type BandMember @collection @merge(strategy: SERVER_WINS)
        @index(fields: ["band", "user"], unique: true)
        @allow(ops: [READ], member: "band.members.user")
        @allow(ops: [ALL], owner: "band.founder") @allow(ops: [DELETE], owner: "user") {
        band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
        user: User! @immutable @relation(onDelete: CASCADE, refCheck: NONE)
        role: BandRole! @default(value: "MEMBER")
      }

      # Every account, an anonymous one too, may read venues and add one.
      type Venue @collection @merge(strategy: LAST_WRITE_WINS) @sync(tier: DAILY, window: "P90D")
        @allow(ops: [READ, CREATE]) @allow(ops: [UPDATE], roles: ["support"]) {
        name: String! @search
        capacity: Int @constraint(min: 1)
        website: URL @constraint(pattern: "^https://")
      }

      type SetList @collection @merge(strategy: LAST_WRITE_WINS)
        @allow(ops: [ALL], member: "band.members.user") {
        band: Band! @immutable @relation(inverse: "setLists", onDelete: CASCADE)
        title: String!
        songs: [String!]! @constraint(maxItems: 200)
      }

      # Others in the band read a performance without its payment and notes; a locked one stays as it is.
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
        "Later: @encrypted(mode: CLIENT). Until then notes are stored as they are sent."
        notes: String
        locked: Boolean! @default(value: "false") @serverOnly
      }

      # REJECT: an update needs If-Match with the ETag that it was based on.
      type Booking @collection @merge(strategy: REJECT) @check(name: "order", expr: "endsAt > startsAt")
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

      """#)
}
