import Schema
import Testing

@Suite struct DirectiveTests {
  @Test(arguments: [
    Misuse(
      "type A §@colection { x: Int }", "unknown directive @colection; did you mean @collection?",
      good: "type A @collection { x: Int }"),
    Misuse("type A @collection { x: Int §@requierd }", "unknown directive @requierd"),
    .field(
      "x: Int @constraint(§mim: 1)", "no argument mim; did you mean min?",
      good: "x: Int @constraint(min: 1)"),
    .field("x: Int §@collection", "may not stand on a field; it belongs on a type", good: "x: Int"),
    .type("§@unique", "may not stand on a type; it belongs on a field", good: ""),
    .field("x: Int @unique §@unique", "once only", good: "x: Int @unique"),
    .type("@sync(tier: LIVE) §@sync(tier: DAILY)", "once only", good: "@sync(tier: LIVE)"),
    .field(
      "x: Int @constraint(min: 1, §min: 2)", "given twice", good: "x: Int @constraint(min: 1)"),
    .field(
      "x: Int §@merge", "needs the argument strategy: Merge!",
      good: "x: Int @merge(strategy: MAX)"),
    .type("§@allow", "needs the argument ops: [Op!]!", good: "@allow(ops: [READ])"),
    .type("@allow(ops: §null)", "may not be null", good: "@allow(ops: READ, owner: null)"),
    .type("@allow(ops: [READ, §null])", "may not be null", good: "@allow(ops: [READ])"),
    .type("@allow(ops: [§RAED])", "is not RAED; did you mean READ?", good: "@allow(ops: [READ])"),
    .type(
      "@allow(ops: [READ], to: §EVERYBODY)", "must be one of PUBLIC, ANONYMOUS, USER",
      good: "@allow(ops: [READ], to: PUBLIC)"),
    .type("@allow(ops: [§\"READ\"])", "written without quotes: READ", good: "@allow(ops: READ)"),
    .type("@allow(ops: [§1])", "must be one of READ", good: "@allow(ops: [WRITE])"),
    .type(
      "@allow(ops: [READ], owner: §owner)", "a string in double quotes, not the name owner",
      good: "@allow(ops: [READ], owner: \"owner\")"),
    .type(
      "@allow(ops: [READ], fields: [\"title\", §2])", "a string in double quotes",
      good: "@allow(ops: [READ], fields: [\"title\"])"),
    .type(
      "@allow(ops: [READ], owner: §[\"owner\"])",
      "must be a string", good: "@allow(ops: [READ], owner: \"owner\")"),
    .field(
      "x: Int @constraint(min: §\"1\")", "must be a number, not a string",
      good: "x: Int @constraint(min: 1)"),
    .field(
      "x: Float @constraint(min: §1e999)", "out of range", good: "x: Float @constraint(min: 1e99)"),
    .field(
      "x: String @constraint(minLength: §1.5)", "must be a whole number",
      good: "x: String @constraint(minLength: 1)"),
    .field(
      "x: String @constraint(minLength: §2147483648)", "must fit 32 bits",
      good: "x: String @constraint(minLength: 2147483647)"),
    .field(
      "x: String @constraint(minLength: §99999999999999999999999)", "must fit 32 bits",
      good: "x: String @constraint(minLength: 9)"),
    .type(
      "@index(fields: [\"title\"], unique: §\"yes\")", "must be true or false",
      good: "@index(fields: [\"title\"], unique: true)"),
    .type("@sync(window: §\"90 days\")", "ISO 8601 duration", good: "@sync(window: \"P90D\")"),
    .type("@sync(window: §90)", "a duration in double quotes", good: "@sync(window: \"P1Y\")"),
    .type("@sync(tier: §{a: 1})", "must be one of LIVE", good: "@sync"),
    Misuse("enum E §@collection { A }", "may not stand on an enum", good: "enum E { A }"),
    Misuse(
      "enum E { A §@unique }", "may not stand on an enum value",
      good: "enum E { A @deprecated }"),
    Misuse(
      "schema §@roles { query: Query }", "may not stand on the schema",
      good: "schema { query: Query }"),
    Misuse("scalar Date §@unique", "may not stand on a scalar"),
    Misuse("input I §@unique { a: Int }", "may not stand on an input", good: "input I { a: Int }"),
    Misuse("input I { a: Int §@unique }", "may not stand on an input's field"),
    Misuse("union U §@unique = T type T { a: Int }", "may not stand on a union"),
    Misuse("interface I §@unique { a: Int }", "may not stand on an interface"),
    Misuse("type Query { a(b: Int §@unique): Int }", "may not stand on an argument"),
    Misuse("type Query { a: Int §@unique }", "belongs on a field of a collection"),
    Misuse(
      "type Plain §@merge(strategy: REJECT) { a: Int }", "add @collection",
      good: "type Plain @collection @merge(strategy: REJECT) { a: Int }"),
    .field("x: Int §@action", "belongs on a field of Mutation", good: "x: Int"),
    Misuse(
      "type Plain { a: Int §@action }", "belongs on a field of Mutation",
      good: "type Mutation { a: Int @action }"),
    Misuse("directive @§auth(role: String) on OBJECT", "is not a directive of Roost"),
    Misuse(
      "directive @§unique on OBJECT", "is defined by Roost otherwise",
      good: "directive @unique on FIELD_DEFINITION"),
    Misuse("directive @§unique(a: Int) on FIELD_DEFINITION", "is defined by Roost otherwise"),
    Misuse("directive @§allow on OBJECT", "is defined by Roost otherwise"),
    // What the definition was before it could split fields.
    Misuse(
      "directive @§was(name: String) on OBJECT | FIELD_DEFINITION",
      "is defined by Roost otherwise",
      good: "directive @was(name: String!) on OBJECT | FIELD_DEFINITION"),
    .field(
      "x: String @was(name: \"f\", expr: §\"{g}\")", "reads {f}, not {g}",
      good: "x: String @was(name: \"f\", expr: \"{f}\")"),
    .field(
      "x: String @was(name: \"f\", expr: §\"{f\")", "the braces of",
      good: "x: String @was(name: \"f\", expr: \"{f}\")"),
    .field(
      "x: String @was(name: \"f\", expr: §\"f\")", "reads the former field",
      good: "x: String @was(name: \"f\", expr: \"{f}\")"),
    .field(
      "x: [String!] @was(name: \"f\", expr: §\"{f}\")", "makes a text",
      good: "x: Int @was(name: \"f\", expr: \"{f | number}\")"),
    .field(
      "x: User @was(name: \"f\", expr: §\"{f}\")", "makes a text",
      good: "x: User @was(name: \"f\")"),
    .field(
      "x: String @was(name: \"f\", back: §\"{x}\")", "goes with expr",
      good: "x: String @was(name: \"f\", expr: \"{f}\", back: \"{x}\")"),
    .field(
      "x: String @was(name: \"f\", expr: \"{f}\", back: §\"{xx}\")",
      "xx is no field that was f; did you mean x?",
      good: "x: String @was(name: \"f\", expr: \"{f}\", back: \"{x}\")"),
    .field(
      "x: String @was(name: \"f\", expr: \"{f}\", back: §\"-\")", "reads the fields that f",
      good: "x: String @was(name: \"f\", expr: \"{f}\", back: \"{x}-\")"),
    .field(
      "x: String @was(name: \"f\", expr: \"{f}\", back: \"{x}\") "
        + "y: String @was(name: \"f\", expr: \"{f}\", back: §\"{y}\")", "x says already",
      good: "x: String @was(name: \"f\", expr: \"{f}\", back: \"{x}{y}\") "
        + "y: String @was(name: \"f\", expr: \"{f}\")"),
    .field(
      "x: String @was(name: \"f\", expr: \"{f}\") y: String @was(name: §\"f\")",
      "f is split by x, so y needs an expr too",
      good: "x: String @was(name: \"f\", expr: \"{f}\") y: String @was(name: \"g\")"),
    .type("@was(name: \"B\", expr: §\"{f}\")", "splits a field", good: "@was(name: \"B\")"),
    Misuse(
      "directive @unique on FIELD_DEFINITION directive @§unique on FIELD_DEFINITION",
      "defined twice"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test(arguments: [("", ["no_way_back"]), (", back: \"{x}\"", [])])
  func aSplitWithoutAWayBackIsRemarkedOnce(back: String, codes: [String]) throws {
    let model = try SchemaModel.load(
      source: """
        type A @collection @allow(ops: [ALL]) {
          x: String @was(name: "f", expr: "{f | before ' '}"\(back))
          y: String @was(name: "f", expr: "{f | after ' '}")
        }
        """)
    #expect(model.notices.map(\.code) == codes)
  }

  @Test func everyFaultIsCollectedInTheOrderOfTheFile() {
    let source = """
      type A @colection { x: Int @unique @unique }
      type B @collection {
        y: Strin
        z: Int @constraint(mim: 1, maxLength: 3)
      }
      """
    let places = faults(source).map { $0.prefix { $0 != " " } }
    #expect(places == ["1:8", "1:28", "1:36", "3:6", "4:22", "4:41"], "\(faults(source))")
  }

  @Test func atMostAHundredFaultsAreCollected() {
    let fields = (0..<300).map { "f\($0): Strin" }.joined(separator: "\n")
    #expect(faults("type A @collection {\n\(fields)\n}").count == 100)
  }

  @Test func argumentsMayComeInAnyOrderAndOneValueStandsForAList() throws {
    let model = try SchemaModel.load(
      source: "type A @collection @allow(to: PUBLIC, ops: READ) { x: Int }")
    #expect(model.collections.first?.allows.first?.operations == [.read])
    #expect(model.collections.first?.allows.first?.audience == .everyone)
  }
}
