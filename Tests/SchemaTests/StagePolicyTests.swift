import Schema
import Testing

@Suite struct StagePolicyTests {
  /// Each refused feature: where it stands is marked.
  @Test(arguments: [
    Misuse.type(
      "@index(fields: [\"title\"], §where: \"a\")", "argument where of @index",
      good: "@index(fields: [\"title\"], unique: true)"),
    .field(
      "x: String @encrypted(§mode: CLIENT)", "@encrypted(mode: CLIENT) is not enforced",
      good: "x: String @encrypted(mode: SERVER)"),
    .field(
      "x: String §@encrypted", "@encrypted(mode: CLIENT) is not enforced",
      good: "x: String @encrypted(mode: SERVER)"),
    .field(
      "x: Int @default(§expr: \"1\")", "argument expr of @default",
      good: "x: Int @default(value: \"1\")"),
  ])
  func whatProtectsIsRefusedRatherThanIgnored(_ misuse: Misuse) throws {
    let marked = MarkedSchema(misuse.bad)
    let found = faults(marked.source, stage: .current)
    #expect(found.count == 1, "\(found)")
    #expect(found.first?.hasPrefix((marked.place ?? "") + " ") == true, "\(found)")
    #expect(found.first?.contains(misuse.says) == true, "\(found)")
    #expect(found.first?.contains("must not look as if it were") == true)
    #expect(faults(marked.source, stage: .everything) == [])
    #expect(faults(try #require(misuse.good), stage: .current) == [])
  }

  @Test func personalDataAreActedOn() throws {
    let schema = MarkedSchema(Misuse.gig("x: String §@pii(kind: \"name\")"))
    let notices = try SchemaModel.load(source: schema.source).notices
    #expect(notices.allSatisfy { $0.code != "not_acted_on" })
  }

  @Test(arguments: [
    (Misuse.gig(header: "@sync(tier: DAILY, §window: \"P90D\")"), "window of @sync"),
    (Misuse.gig(header: "@sync(§priority: 2)"), "priority of @sync"),
    (Misuse.gig(header: "§@analytics(events: [CREATE])"), "@analytics"),
    (Misuse.gig(header: "§@activity(type: \"gig\")"), "@activity"),
    (Misuse.gig("x: String @search(§weight: 2)"), "weight of @search"),
    (Misuse.gig("x: String @search(§language: \"fi\")"), "language of @search"),
    (Misuse.gig("x: String @sync(tier: DAILY, §priority: 2)"), "priority of @sync"),
  ])
  func whatIsNotActedOnIsListed(_ marked: String, _ feature: String) throws {
    let schema = MarkedSchema(marked)
    let model = try SchemaModel.load(source: schema.source)
    let notices = model.notices.filter { $0.code == "not_acted_on" }
    #expect(notices.map(\.location.description) == [schema.place])
    #expect(notices.first?.message.contains(feature) == true)
    #expect(
      try SchemaModel.load(source: schema.source, stage: .everything).notices
        .allSatisfy { $0.code != "not_acted_on" })
  }

  @Test func everythingElseIsActedOnWithoutANotice() throws {
    let source = """
      enum Role @roles { user admin @inherits(from: ["user"]) }
      type Band @collection(name: "groups") @merge(strategy: SERVER_WINS)
        @allow(ops: [ALL], owner: "founder") @allow(ops: [READ], to: PUBLIC)
        @index(fields: ["name", "founder"], unique: true) {
        name: String! @constraint(minLength: 1, pattern: "^[a-z]") @unique @immutable
        founder: User! @relation(onDelete: CASCADE, refCheck: NONE)
        plays: Int! @merge(strategy: COUNTER) @default(value: "0")
        tags: [String!] @merge(strategy: SET_UNION) @constraint(maxItems: 3)
        data: JSON @merge(strategy: MERGE_DEEP)
        best: Date @merge(strategy: MAX)
        first: Date @merge(strategy: MIN)
        rank: Int @merge(strategy: REJECT) @serverOnly
        gigs: [Gig!]! @relation(inverse: "band")
      }
      type Gig @collection @merge(strategy: REJECT) @allow(ops: [ALL]) {
        band: Band! @relation(inverse: "gigs")
      }
      """
    #expect(try SchemaModel.load(source: source).notices == [])
  }

  @Test func theListNamesFeaturesOfThePreludeOnly() {
    // A use of each feature that is listed must be possible, or the line is a typing error.
    for feature in StagePolicy.current.features.keys {
      let name = feature.dropFirst().prefix { $0.isLetter }
      let unknown = faults("type A @\(name) { x: Int @\(name) }").filter { $0.contains("unknown") }
      #expect(unknown == [], "\(feature)")
      if let start = feature.firstIndex(of: "("), let end = feature.firstIndex(of: ":") {
        let argument = feature[feature.index(after: start)..<end]
        let found = faults("type A @\(name)(\(argument): 1) { x: Int @\(name)(\(argument): 1) }")
        #expect(found.allSatisfy { !$0.contains("has no argument") }, "\(feature)")
      }
    }
  }

  @Test(arguments: [
    ("", "no_allow"), ("@allow(ops: [CREATE])", "write_without_read"),
    ("@allow(ops: [READ, UPDATE])", "update_without_create"),
  ])
  func adviceIsGiven(_ rule: String, _ code: String) throws {
    let model = try SchemaModel.load(source: "type A @collection \(rule) { x: Int }")
    #expect(model.notices.map(\.code) == [code])
    #expect(model.notices.map(\.location.description) == ["1:6"])
    let open = try SchemaModel.load(source: "type A @collection @allow(ops: [ALL]) { x: Int }")
    #expect(open.notices == [])
  }

  @Test func anEmptySchemaIsServedWithAdvice() throws {
    #expect(try SchemaModel.load(source: "").notices.map(\.code) == ["no_collections"])
    #expect(
      try SchemaModel.load(source: ReferenceSchema.prelude).notices.map(\.code) == [
        "no_collections"
      ])
  }
}
