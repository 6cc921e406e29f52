import Records
import RoostCore
import Schema

/// The app of every world: small, with each strategy, several tiers, masks, and each kind of scope.
package enum WorldSchema {
  /// Values of fields that stay on their device begin so, wherever they should not turn up.
  package static let secret = "stays-on-the-device"

  /// The schema; `second` is the version that is deployed while devices still have the first one.
  ///
  /// With `linked`, who has made a band holds the entries about its gigs too: by an edge that each gig
  /// gives, and that moves with it. With `renamed` it is another major version: see `WorldWords`.
  package static func text(
    second: Bool = false, linked: Bool = false, renamed: Bool = false
  ) -> String {
    func name(_ field: String) -> String { renamed ? WorldWords.fields[field] ?? field : field }
    func was(_ name: String) -> String { renamed ? " @was(name: \"\(name)\")" : "" }
    return """
      enum Role @roles { reader editor @inherits(from: ["reader"]) }
      enum Level { BRONZE SILVER GOLD }
      type Band @collection @allow(ops: [ALL], owner: "founder")
        @allow(ops: [READ], member: "members.user") {
        founder: User!
        name: String! @constraint(maxLength: 60)
        members: [Member!]! @relation(inverse: "band")
      }
      type Member @collection @allow(ops: [READ, CREATE, DELETE], owner: "band.founder")
        @allow(ops: [READ], owner: "user") {
        band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
        user: User! @immutable @relation(refCheck: NONE)
      }
      type Gig @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], owner: "helper")
        @allow(ops: [READ, UPDATE], member: "band.members.user", except: ["fee"])
        @allow(ops: [READ], to: PUBLIC, when: "shown", fields: ["title", "level"])
        @deny(ops: [UPDATE], when: "locked", reason: "The gig is over.") {
        owner: User! @immutable
        helper: User @relation(refCheck: NONE)
        band: Band @relation(onDelete: SET_NULL)
        shown: Boolean! @default(value: "false")
        locked: Boolean! @default(value: "false")
        title: String! @constraint(maxLength: 40)
        fee: \(renamed ? "String" : "Int")
        \(name("plays")): Int!\(was("plays")) @merge(strategy: COUNTER) @default(value: "0") @constraint(max: 1000000)
        best: Int @merge(strategy: MAX)
        least: Int @merge(strategy: MIN)
        level: Level @merge(strategy: MAX)
        \(name("tags")): [String!]\(was("tags")) @merge(strategy: SET_UNION)
        \(name("notes")): JSON\(was("notes")) @merge(strategy: MERGE_DEEP)
        trail: [String!] @merge(strategy: APPEND)
        streak: Int @merge(strategy: LATEST_VALID, validWhen: "streak >= 0")
        price: Int @merge(strategy: REJECT)
        \(name("poster")): String\(was("poster")) @merge(strategy: USER_CHOICE)
        stage: String @merge(strategy: SERVER_WINS)
        plan: String @merge(strategy: CLIENT_WINS, staleAfter: "PT1H")
        place: String @serverOnly
        sketch: String @sync(tier: LOCAL_ONLY)\(second ? "\n  mood: String" : "")
      }
      type \(renamed ? "Bulletin" : "News") \
      @collection(name: "\(renamed ? "bulletins" : "news")")\(was("News")) @sync(tier: DAILY) @allow(ops: [ALL], owner: "owner")
        @allow(ops: [READ], roles: ["reader"]) {
        owner: User! @immutable
        text: String!
        reads: Int! @merge(strategy: COUNTER) @default(value: "0")
      }
      type Entry @collection(name: "entries") @sync(tier: HOURLY) @allow(ops: [ALL], owner: "owner")
        @allow(ops: [READ], roles: ["editor"])\(linked ? WorldSchema.link : "") {
        owner: User! @immutable
        gig: Gig @relation(onDelete: SET_NULL)
        text: String!
      }
      type Photo @collection @sync(tier: ON_DEMAND) @allow(ops: [ALL], owner: "owner")
        @allow(ops: [READ]) {
        owner: User! @immutable
        text: String!
      }
      type Scrap @collection @sync(tier: LOCAL_ONLY) @allow(ops: [ALL], owner: "owner") {
        owner: User! @immutable
        text: String!
      }
      type Deep @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL]) { text: String! }
      extend type Mutation {
        cheer(gig: ID!, by: Int!): Boolean! @action
      }
      """
  }

  private static let link = "\n  @allow(ops: [READ], owner: \"gig.band.founder\")"

  /// The names of the collections that devices hold, as they travel.
  package static let synced = ["bands", "members", "gigs", "news", "entries", "photos"]

  /// What carries out the actions, in the words of `schema`.
  static func actions(_ schema: SchemaModel) -> ActionRegistry {
    let isRenamed = schema.collections.contains { $0.name == "bulletins" }
    let plays = isRenamed ? WorldWords.fields["plays"] ?? "" : "plays"
    var registry = ActionRegistry()
    registry.bind(
      "cheer",
      .transaction { call, transaction in
        let id = call.arguments["gig"]?.string.flatMap { UUID($0) } ?? .zero
        let count = call.arguments["by"] ?? 0
        try await transaction.update("gigs", id, [plays: ["$increment": count]])
        return true
      })
    return registry
  }
}
