import RoostCore
import Testing

@testable import Schema

@Suite("An older schema, seen from the one that is served")
struct FormerSchemaTests {
  private static let first = """
    enum Mood { CALM WILD }
    type Note @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      text: String!
      size: Int
      mood: Mood
      gone: String!
      links: [Link!]! @relation(inverse: "note")
    }
    type Link @collection { note: Note @relation(inverse: "links", onDelete: SET_NULL) }
    type Left @collection { text: String }
    """
  private static let second = """
    enum Mood { CALM WILD }
    type Memo @collection @was(name: "Note") @allow(ops: [ALL], owner: "owner") {
      owner: User!
      body: String! @was(name: "text")
      size: Int
      mood: Mood
      gone: String!
      stars: Int! @default(value: "3")
      anchors: [Link!]! @relation(inverse: "memo")
    }
    type Link @collection {
      memo: Memo @was(name: "note") @relation(inverse: "anchors", onDelete: SET_NULL)
    }
    """
  private static let third = """
    enum Mood { CALM }
    type Memo @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      words: String! @was(name: "body")
      size: String
      mood: Mood
      stars: Int! @default(value: "3")
      anchors: [Link!]! @relation(inverse: "memo")
    }
    type Link @collection { memo: Memo @relation(inverse: "anchors", onDelete: SET_NULL) }
    """

  private static func tree(_ sources: [String]) throws -> LensTree {
    var releases: [(version: APIVersion, model: SchemaModel)] = []
    for (index, source) in sources.enumerated() {
      releases.append((APIVersion(index + 1, 0, 0), try SchemaModel.load(source: source)))
    }
    return LensTree(releases)
  }

  private func former(_ major: Int, _ sources: [String]) throws -> FormerSchema {
    try #require(try FormerSchemaTests.tree(sources).former(APIVersion(major, 0, 0)))
  }

  private let three = [first, second, third]

  @Test func renamesAreFollowedThroughEveryVersionBetween() throws {
    let schema = try former(1, three)
    let notes = try #require(schema.collection(named: "notes"))
    #expect(notes.now?.name == "memos")
    #expect(notes.field(named: "text")?.now?.name == "words")
    #expect(notes.field(now: "words")?.old.name == "text")
    #expect(notes.field(now: "stars") == nil)
    #expect(schema.collection(named: "memos") == nil)
  }

  @Test func whatIsGoneSaysSinceWhen() throws {
    let schema = try former(1, three)
    #expect(schema.collection(named: "lefts")?.now == nil)
    #expect(schema.collection(named: "lefts")?.goneSince == APIVersion(2, 0, 0))
    let gone = try #require(schema.collection(named: "notes")?.field(named: "gone"))
    #expect(gone.now == nil)
    #expect(gone.changedSince == APIVersion(3, 0, 0))
  }

  @Test func valuesGoThroughTheTypesBetween() throws {
    let notes = try #require(try former(1, three).collection(named: "notes"))
    let size = try #require(notes.field(named: "size"))
    #expect(size.isRetyped && !size.keepsOrder)
    #expect(try size.forward(5, pointer: "/size").get() == "5")
    #expect(size.backward("5").value == 5)
    let lost = size.backward("five")
    #expect(lost.value == .null && lost.isLost)
    #expect(!size.backward(.null).isLost)
    // What was no value of the older type is none now either, though text takes everything.
    #expect(throws: FieldIssue.self) { try size.forward("five", pointer: "/size").get() }
  }

  @Test func aValueThatIsNoneAnyMoreSaysSinceWhen() throws {
    let mood = try #require(try former(1, three).collection(named: "notes")?.field(named: "mood"))
    #expect(mood.keepsOrder)
    #expect(try mood.forward("CALM", pointer: "/mood").get() == "CALM")
    guard case .failure(let issue) = mood.forward("WILD", pointer: "/mood") else {
      Issue.record("WILD was taken")
      return
    }
    #expect(issue.code == "enum" && issue.pointer == "/mood")
    #expect(issue.message.contains("since version 3.0.0"))
  }

  @Test func aRelationIsKnownByTheReferenceThatMakesIt() throws {
    let schema = try former(1, three)
    let notes = try #require(schema.collection(named: "notes"))
    let links = try #require(notes.old.inverses.first)
    #expect(schema.currentName(of: links, in: notes) == "anchors")
  }

  @Test func aRollbackIsTheWayBackAndNoChangeOfItsOwn() throws {
    // The text of the second came back: by its words alone it would drop `words` and add `body`.
    let sources = three + [FormerSchemaTests.second]
    let later = try #require(try former(3, sources).collection(named: "memos"))
    #expect(later.field(named: "words")?.now?.name == "body")
    #expect(later.field(named: "size")?.backward(5).value == "5")
    let earliest = try #require(try former(1, sources).collection(named: "notes"))
    #expect(earliest.field(named: "gone")?.now?.name == "gone")
    #expect(earliest.field(named: "size")?.isRetyped == false)
  }

  @Test func aVersionThatNeverWasHasNoSchema() throws {
    #expect(try FormerSchemaTests.tree(three).former(APIVersion(1, 1, 0)) == nil)
    let current = try former(3, three)
    #expect(current.collections.allSatisfy { $0.fields.allSatisfy { !$0.isRetyped } })
  }

  @Test func whatMustNotBeNullInTheOlderSchemaIsNot() throws {
    let old = "type Note @collection { text: String! count: Int! other: String }"
    let new = "type Note @collection { text: String count: Int other: String }"
    let notes = try #require(try former(1, [old, new]).collection(named: "notes"))
    #expect(notes.field(named: "text")?.backward(.null).value == "")
    #expect(notes.field(named: "count")?.backward(.null).value == 0)
    #expect(notes.field(named: "other")?.backward(.null).value == .null)
  }

  @Test func aFieldThatIsGoneIsNullWhereItNeedNotBeMore() throws {
    let old = """
      type A @collection @allow(ops: [READ], except: ["phone"]) @allow(ops: [ALL], owner: "by") {
        by: User! n: Int @default(value: "3") m: Int! @default(value: "4") phone: String
        played: Int @derived(from: "gigs", count: true) gigs: [G!] @relation(inverse: "a")
      }
      type G @collection { a: A @relation(inverse: "gigs") }
      """
    let new = "type A @collection { by: User! } type G @collection { a: A }"
    let former = try former(1, [old, new])
    var lost: Set<String> = []
    let answer = FormerAnswer(schema: former).record(
      ["by": "x"], of: try #require(former.collection(named: "as")), nil, &lost)
    #expect(answer == ["by": "x", "n": .null, "m": 4, "phone": .null, "played": .null])
  }

  // MARK: Split fields

  @Test(
    arguments: [
      (["given": "Ann", "lastName": "Bach"], "Ann Bach"),
      (["given": "Cher", "lastName": .null], "Cher"),
      (["given": "Ann"], ""), ([:], ""), (["given": .null, "lastName": .null], ""),
    ] as [(JSON, JSON)]) func aSplitFieldIsReadByItsWayBack(record: JSON, name: JSON) throws
  {
    let sources = [
      "type A @collection { name: String! }",
      """
      type A @collection {
        firstName: String @was(name: "name", expr: "{name}", back: "{firstName} {lastName}")
        lastName: String @was(name: "name", expr: "{name}")
      }
      """, "type A @collection { given: String @was(name: \"firstName\") lastName: String }",
    ]
    let former = try former(1, sources)
    let collection = try #require(former.collection(named: "as"))
    var lost: Set<String> = []
    let answer = FormerAnswer(schema: former).record(record, of: collection, nil, &lost)
    #expect(answer == ["name": name])
    // A part that went takes it along.
    let less = try self.former(1, sources + ["type A @collection { given: String }"])
    let gone = FormerAnswer(schema: less).record(
      record, of: try #require(less.collection(named: "as")), nil, &lost)
    #expect(gone == ["name": ""])
  }
}
