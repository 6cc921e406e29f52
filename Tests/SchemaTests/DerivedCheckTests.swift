import Schema
import Testing

@Suite struct DerivedCheckTests {
  private static func schema(
    band: String = "", gig: String = "", rest: String = "", label: String = ""
  ) -> String {
    """
    enum Status { PLANNED PLAYED }
    type Label @collection @allow(ops: [ALL]) {
      name: String!
      bands: [Band!] @relation(inverse: "label")
      \(label)
    }
    type Band @collection @allow(ops: [ALL]) {
      name: String!
      label: Label
      gigs: [Gig!] @relation(inverse: "band")
      \(band)
    }
    type Gig @collection @allow(ops: [ALL]) {
      band: Band
      status: Status!
      tickets: Int
      fee: Money
      length: Duration
      rating: Float
      title: String
      tags: [String!]
      startsAt: DateTime!
      day: Date
      secret: String @encrypted
      \(gig)
    }
    \(rest)
    """
  }

  @Test(arguments: [
    "played: Int! @derived(from: \"gigs\", count: true, where: \"status == PLAYED\")",
    "sold: Int64! @derived(from: \"Gig.band\", sum: \"tickets\")",
    "paid: Money @derived(from: \"gigs\", sum: \"fee\")",
    "long: Duration @derived(from: \"gigs\", sum: \"length\")",
    "best: Float @derived(from: \"gigs\", max: \"rating\", maxAge: \"PT5S\")",
    "first: Date @derived(from: \"gigs\", min: \"day\")",
    "newest: DateTime @derived(from: \"gigs\", max: \"createdAt\")",
    "titled: String @derived(from: \"gigs\", latest: \"title\")",
    "tagged: [String!] @derived(from: \"gigs\", latest: \"tags\", order: \"day\")",
    "sold: Int @derived(from: \"gigs\", sum: \"tickets\") @deprecated",
  ])
  func whatCanBeDerivedIsTaken(_ field: String) throws {
    let model = try SchemaModel.load(source: Self.schema(band: field), stage: .everything)
    let band = model.collection(named: "bands")
    let derived = band?.fields.last
    #expect(derived?.derivation?.typeName == "Gig")
    #expect(derived?.derivation?.reference == "band")
    #expect(derived?.isServerOnly == true)
    #expect(band?.isDerived == true)
  }

  @Test(arguments: [
    ("n: Int @derived(count: true)", "needs from"),
    ("n: Int @derived(from: \"gigs\")", "makes one thing"),
    ("n: Int @derived(from: \"gigs\", count: true, sum: \"tickets\")", "makes one thing"),
    ("n: Int @derived(from: \"gigz\", count: true)", "did you mean gigs?"),
    ("n: Int @derived(from: \"Gigg.band\", count: true)", "did you mean Gig?"),
    ("n: Int @derived(from: \"Gig.bandd\", count: true)", "did you mean band?"),
    ("n: Int @derived(from: \"Gig.title\", count: true)", "refers to Band"),
    ("n: String @derived(from: \"gigs\", count: true)", "a count is Int or Int64"),
    ("n: Int @derived(from: \"gigs\", sum: \"ticketz\")", "did you mean tickets?"),
    ("n: Float @derived(from: \"gigs\", sum: \"rating\")", "order of the rows"),
    ("n: Int @derived(from: \"gigs\", sum: \"title\")", "sums are of"),
    ("n: Int @derived(from: \"gigs\", sum: \"fee\")", "is Money"),
    ("n: Int! @derived(from: \"gigs\", max: \"tickets\")", "leave the '!' out"),
    ("n: String @derived(from: \"gigs\", min: \"title\")", "has no min"),
    ("n: Int @derived(from: \"gigs\", latest: \"title\")", "and title is String"),
    ("n: String @derived(from: \"gigs\", latest: \"title\", order: \"tags\")", "no order"),
    ("n: Label @derived(from: \"gigs\", latest: \"band\")", "is a reference"),
    ("n: Int @derived(from: \"gigs\", count: true, order: \"day\")", "belongs to latest"),
    ("n: Int @derived(from: \"gigs\", count: true, where: \" \")", "may not be empty"),
    ("n: Int @derived(from: \"gigs\", count: true, maxAge: \"PT0S\")", "longer than nothing"),
    ("n: Int @derived(from: \"gigs\", count: true) @immutable", "has no meaning beside"),
    ("n: String @derived(from: \"gigs\", latest: \"secret\")", "encrypted"),
    ("n: Date! @group(by: \"day\")", "belongs on a field of a type with @view"),
  ])
  func whatCannotBeDerivedIsRefusedAtItsPlace(_ field: String, _ message: String) {
    do {
      _ = try SchemaModel.load(source: Self.schema(band: field), stage: .everything)
      Issue.record("taken: \(field)")
    } catch {
      #expect(
        error.faults.contains { $0.message.contains(message) && $0.location.line == 11 },
        "\(error.faults)")
    }
  }

  @Test func whatIsDerivedFromItselfIsRefused() {
    let twoWays = Self.schema(
      band: "n: Int! @derived(from: \"gigs\", sum: \"m\")",
      gig:
        "parts: [Band!] @relation(inverse: \"host\") m: Int! @derived(from: \"Band.host\", sum: \"n\")",
      rest: "extend type Band { host: Gig }")
    let straight = Self.schema(
      rest: """
        type Node @collection { up: Node @relation(inverse: "down")
          down: [Node!] @relation(inverse: "up")
          depth: Int @derived(from: "down", max: "depth") }
        """)
    for source in [twoWays, straight] {
      do {
        _ = try SchemaModel.load(source: source, stage: .everything)
        Issue.record("taken: \(source)")
      } catch {
        #expect(error.faults.contains { $0.message.contains("is derived from itself") })
      }
    }
  }

  @Test func aChainIsNoCircle() throws {
    let model = try SchemaModel.load(
      source: Self.schema(
        band: "n: Int! @derived(from: \"gigs\", count: true)",
        label: "n: Int64! @derived(from: \"bands\", sum: \"n\")"), stage: .everything)
    #expect(model.collection(named: "labels")?.isDerived == true)
    let tree = """
      type Node @collection { up: Node @relation(inverse: "down")
        down: [Node!] @relation(inverse: "up")
        children: Int! @derived(from: "down", count: true) }
      """
    _ = try SchemaModel.load(source: Self.schema(rest: tree), stage: .everything)
  }

  private static func view(_ fields: String, _ of: String = "of: \"Gig\"", _ more: String = "")
    -> String
  {
    schema(rest: "type Month @view(\(of)) @allow(ops: [READ]) \(more) { \(fields) }")
  }

  @Test func aViewIsACollectionWhoseRowsGoWithWhatTheyAreAbout() throws {
    let model = try SchemaModel.load(
      source: Self.view(
        """
        band: Band! @group(by: "band") month: Date! @group(by: "startsAt", part: MONTH)
        count: Int! @derived(count: true) best: Int @derived(max: "tickets")
        """, "of: \"Gig\", where: \"status == PLAYED\""), stage: .everything)
    let view = model.collection(named: "months")
    #expect(view?.view?.typeName == "Gig")
    #expect(view?.field(named: "band")?.relation?.onDelete == .cascade)
    #expect(view?.field(named: "month")?.grouping == Grouping(field: "startsAt", part: .month))
  }

  @Test(arguments: [
    ("n: Int! @derived(count: true)", "of: \"Gig\"", "", "no field with @group"),
    ("d: Date @group(by: \"day\")", "of: \"Gig\"", "", "add the '!'"),
    ("d: Date! @group(by: \"dai\")", "of: \"Gig\"", "", "did you mean day?"),
    ("d: Int! @group(by: \"day\")", "of: \"Gig\"", "", "and day is Date"),
    ("d: Date! @group(by: \"tickets\", part: DAY)", "of: \"Gig\"", "", "part takes a Date"),
    ("d: DateTime! @group(by: \"startsAt\", part: DAY)", "of: \"Gig\"", "", "its first day"),
    ("d: Float! @group(by: \"rating\")", "of: \"Gig\"", "", "makes no groups"),
    ("d: Date! @group(by: \"day\") x: Int", "of: \"Gig\"", "", "needs @group or @derived"),
    ("d: Date! @group(by: \"day\")", "of: \"Gigg\"", "", "did you mean Gig?"),
    ("d: Date! @group(by: \"day\")", "of: \"Gig\"", "@allow(ops: [CREATE])", "READ alone"),
    ("d: Date! @group(by: \"day\")", "of: \"Gig\"", "@merge(strategy: REJECT)", "no meaning"),
    (
      "d: Date! @group(by: \"day\") n: Int @derived(count: true, where: \"tickets > 1\")",
      "of: \"Gig\"", "", "belongs on the @view"
    ),
  ])
  func whatIsNoViewIsRefused(_ fields: String, _ of: String, _ more: String, _ message: String) {
    do {
      _ = try SchemaModel.load(source: Self.view(fields, of, more), stage: .everything)
      Issue.record("taken: \(fields)")
    } catch {
      #expect(error.faults.contains { $0.message.contains(message) }, "\(error.faults)")
    }
  }

  @Test func nothingRefersToAView() {
    let source = Self.schema(
      gig: "month: Month", rest: "type Month @view(of: \"Gig\") { d: Date! @group(by: \"day\") }")
    do {
      _ = try SchemaModel.load(source: source, stage: .everything)
      Issue.record("taken")
    } catch {
      #expect(error.faults.contains { $0.message.contains("refers to the view Month") })
    }
  }

  @Test func aConditionThatChangedIsAChangeOfTheSchema() throws {
    func model(_ condition: String) throws -> SchemaModel {
      try SchemaModel.load(
        source: Self.schema(
          band: "n: Int! @derived(from: \"gigs\", count: true, where: \"\(condition)\")"),
        stage: .everything)
    }
    let changes = SchemaDifference(from: try model("tickets > 1"), to: try model("tickets > 2"))
      .changes
    #expect(changes.map(\.code) == ["derivation_changed"])
    #expect(
      SchemaDifference(from: try model("tickets > 1"), to: try model("tickets > 1")).changes.isEmpty
    )
  }
}
