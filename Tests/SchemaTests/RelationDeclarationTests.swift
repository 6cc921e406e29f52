import Schema
import Testing

@Suite struct RelationDeclarationTests {
  private static func pair(_ list: String, _ reference: String) -> String {
    """
    type Band @collection { name: String founder: User \(list) }
    type Gig @collection { title: String band2: Band owner: User \(reference) }
    """
  }

  private static let list = "gigs: [Gig!]! @relation(inverse: \"band\")"
  private static let reference = "band: Band @relation(inverse: \"gigs\")"

  @Test(arguments: [
    Misuse.field(
      "x: Band! @relation(onDelete: §SET_NULL)", "required field",
      good: "x: Band @relation(onDelete: SET_NULL)"),
    .field(
      "x: Band @immutable @relation(onDelete: §SET_NULL)", "@immutable field",
      good: "x: Band! @immutable @relation(onDelete: CASCADE)"),
    .field(
      "x: User! @relation(onDelete: §SET_NULL)", "required field",
      good: "x: User @relation(onDelete: SET_NULL, refCheck: NONE)"),
    .field(
      "x: User @relation(inverse: §\"gigs\")", "User has no fields", good: "x: User @relation"),
    .field("x: Int §@relation", "not on Int", good: "x: Band @relation"),
    .field("x: [String!] §@relation(inverse: \"a\")", "not on [String!]", good: "x: [String!]"),
    .field(
      "x: Band @relation(onDelete: §SETNULL)", "did you mean SET_NULL?",
      good: "x: Band @relation(onDelete: RESTRICT)"),
    Misuse(
      pair("gigs: §[Gig!]!", "band: Band"), "add @relation(inverse: \"band2\")",
      good: pair(list, "band: Band")),
    Misuse(
      pair("gigs: §[Gig!]! @relation", "band: Band"), "add @relation(inverse:",
      good: pair(list, reference)),
    Misuse(pair("gigs: [Gig!]! @relation(inverse: §\"bnad\")", "band: Band"), "did you mean band?"),
    Misuse(
      pair("gigs: [Gig!]! @relation(inverse: §\"title\")", "band: Band"),
      "title of Gig is String and does not refer to Band; did you mean band2?"),
    Misuse(pair("gigs: [Gig!]! @relation(inverse: §\"owner\")", ""), "is User and does not refer"),
    Misuse(
      pair(
        "gigs: [Gig!]! @relation(inverse: \"band2\")", "band: Band @relation(inverse: §\"gisg\")"),
      "Band has no list gisg; did you mean gigs?"),
    Misuse(
      pair("", "band: Band @relation(inverse: §\"gigs\")"), "Band has no list gigs",
      good: pair("", "band: Band")),
    Misuse(
      pair("", "band: Band @relation(inverse: §\"name\")"), "name of Band is not a list of Gig"),
    Misuse(
      pair(list + " §more: [Gig!]! @relation(inverse: \"band\")", "band: Band"),
      "is the inverse of Gig.band already",
      good: pair(list + " more: [Gig!]! @relation(inverse: \"band2\")", reference)),
    Misuse(pair(list + " §@unique", "band: Band"), "@unique stands on the reference of Gig"),
    Misuse(pair(list + " §@constraint(maxItems: 3)", "band: Band"), "stands on the reference"),
    Misuse(
      pair("gigs: [Gig!]! @relation(inverse: \"band\", onDelete: §CASCADE)", "band: Band"),
      "onDelete belongs on the reference"),
    Misuse(
      pair("gigs: [Gig!]! @relation(inverse: \"band\", refCheck: §NONE)", "band: Band"),
      "refCheck belongs on the reference"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test func twoSidesThatDisagreeAreBothNamed() {
    let source = RelationDeclarationTests.pair(
      "gigs: [Gig!]! @relation(inverse: \"band\") shows: [Gig!]! @relation(inverse: \"band2\")",
      "band: Band @relation(inverse: \"shows\")")
    let found = faults(source)
    #expect(found.count == 2)
    #expect(found.first?.contains("band of Gig names shows as its inverse, not gigs") == true)
    #expect(found.last?.contains("shows of Band is the inverse of band2, not of band") == true)
  }

  @Test func aListOfAnotherTypeIsNoInverse() {
    let source = """
      type Band @collection { fans: [Fan!]! @relation(inverse: "band") }
      type Fan @collection { band: Band }
      type Gig @collection { band: Band @relation(inverse: "fans") }
      """
    #expect(faults(source) == ["3:54 fans of Band lists Fan, not Gig"])
  }

  @Test func aTypeMayReferToItself() throws {
    let source = """
      type Part @collection @allow(ops: [ALL]) {
        parent: Part @relation(inverse: "children")
        children: [Part!]! @relation(inverse: "parent")
      }
      """
    let model = try SchemaModel.load(source: source)
    #expect(model.notices == [])
    #expect(model.collections.first?.inverses.first?.field == "parent")
    let required = source.replacing("parent: Part @", with: "parent: Part! @")
    #expect(try SchemaModel.load(source: required).notices.map(\.code) == ["reference_to_itself"])
  }
}
