import RoostCore
import Schema
import Testing

@Suite struct FieldDeclarationTests {
  @Test(arguments: [
    ("x: Int", FieldType.int), ("x: Int64", .int64), ("x: Float", .float), ("x: String", .string),
    ("x: Boolean", .boolean), ("x: ID", .id), ("x: Date", .date), ("x: DateTime", .dateTime),
    ("x: Duration", .duration), ("x: JSON", .json), ("x: Money", .money), ("x: Email", .email),
    ("x: URL", .url), ("x: GeoPoint", .geoPoint), ("x: File", .file), ("x: User", .user),
    ("x: Band", .reference(typeName: "Band")),
    ("x: Kind", .enumeration(name: "Kind", values: ["CLUB", "FESTIVAL"])),
  ])
  func everyTypeIsKnown(_ declaration: String, _ type: FieldType) throws {
    let optional = try field(declaration)
    #expect(optional.type == type)
    #expect(!optional.isRequired)
    #expect(!optional.isList)
    #expect(try field(declaration + "!").isRequired)
    #expect(
      (optional.relation != nil) == (declaration.hasSuffix("User") || declaration.hasSuffix("Band"))
    )
    #expect(optional.relation?.onDelete ?? .restrict == .restrict)
  }

  @Test(arguments: [
    ("x: [Int]", false, false), ("x: [Int!]", false, true), ("x: [Int]!", true, false),
    ("x: [Int!]!", true, true),
  ])
  func listsKeepTheirMarks(_ declaration: String, _ isRequired: Bool, _ elements: Bool) throws {
    let field = try field(declaration)
    #expect(field.isList)
    #expect(field.type == .int)
    #expect(field.isRequired == isRequired)
    #expect(field.elementsAreRequired == elements)
  }

  @Test(arguments: [
    Misuse.field("x: §Strin", "unknown type Strin; did you mean String?", good: "x: String"),
    .field("x: §Bnad", "did you mean Band?", good: "x: Band"),
    .field("x: [§[Int]]", "lists of lists", good: "x: [Int]"),
    .field("x: [§[Int!]!]!", "lists of lists", good: "x: [Int!]!"),
    .field("x(§a: Int): Int", "has no arguments", good: "x: Int"),
    .field("x: §Op", "cannot be stored", good: "x: Kind"),
    .field("x: §[User!]!", "list of accounts", good: "x: User!"),
    .field(
      "x: §[Band!]!", "@relation(inverse: \"the field of Band that refers here\"), and a field",
      good: "x: Band!"),
    Misuse(
      "type A @collection { x: §B } type B { y: Int }", "use JSON for x, or mark B",
      good: "type A @collection { x: B } type B @collection { y: Int }"),
    Misuse("type A @collection { x: §B } input B { y: Int }", "the input B cannot be stored"),
    Misuse("type A @collection { x: §B } interface B { y: Int }", "the interface B"),
    Misuse("type A @collection { x: §B } union B = C type C { y: Int }", "the union B"),
    Misuse("type A @collection { x: §Query }", "cannot be stored"),
    Misuse(
      "type A implements §B @collection { x: Int } interface B { x: Int }",
      "implements no interface"),
    .field("x: JSON §@unique", "cannot compare", good: "x: ID @unique"),
    .field("x: [String] §@unique", "cannot compare values of [String]", good: "x: String @unique"),
    .field("x: GeoPoint §@unique", "cannot compare", good: "x: Date @unique"),
    .field("x: Int §@search", "reads text", good: "x: [String!] @search(weight: 2)"),
    .field("x: String @search(weight: §0)", "between 1 and 100", good: "x: String @search"),
    .field("x: Int! §@serverOnly", "no row could be created", good: "x: Int @serverOnly"),
    .field(
      "x: Int! §@serverOnly @immutable", "no row could be created",
      good: "x: Int! @serverOnly @immutable @default(value: \"0\")"),
    .field("x: Int @pii(kind: §\"\")", "may not be empty", good: "x: Int @pii(kind: \"name\")"),
    .field("x: Int @was(name: §\"title\")", "was not renamed", good: "x: Int @was(name: \"y\")"),
    .type("@was(name: §\"Band\")", "was not renamed", good: "@was(name: \"Show\")"),
    .type("@sync(window: §\"P0D\")", "longer than nothing", good: "@sync(window: \"P1D\")"),
    .field(
      "x: Int! @sync(tier: §HOURLY)", "travels with its record in LIVE",
      good: "x: Int @sync(tier: HOURLY)"),
    Misuse(
      "type A @collection @sync(tier: DAILY) { x: Int @sync(tier: §HOURLY) }",
      "cannot come before its record",
      good: "type A @collection @sync(tier: DAILY) { x: Int @sync(tier: ON_DEMAND) }"),
    Misuse(
      "type A @collection @sync(tier: SERVER_ONLY) { x: Int @sync(tier: §DAILY) }",
      "its records do not travel",
      good: "type A @collection { x: Int! @sync(tier: SERVER_ONLY) @default(value: \"1\") }"),
    .field("x: User! §@encrypted", "cannot hide a relation", good: "x: String @encrypted"),
    .field("x: String @encrypted §@unique", "@encrypted(mode: CLIENT)", good: "x: String @unique"),
    .field(
      "x: String @encrypted §@constraint(maxLength: 3)", "@encrypted(mode: CLIENT)",
      good: "x: String @encrypted(mode: SERVER) @constraint(maxLength: 3)"),
    .field(
      "x: String §@search @encrypted(mode: SERVER)", "@encrypted(mode: SERVER)",
      good: "x: String @encrypted(mode: SERVER)"),
    .field(
      "x: String §@default(value: \"a\") @encrypted(mode: SERVER)", "cannot read a field under",
      good: "x: String @encrypted(mode: SERVER)"),
    .field(
      "x: [String!] @encrypted(mode: SERVER) §@merge(strategy: SET_UNION)", "beside the row",
      good: "x: [String!] @encrypted(mode: SERVER)"),
    .field(
      "x: JSON @encrypted(mode: SERVER) §@merge(strategy: MERGE_DEEP)", "beside the row",
      good: "x: Int @encrypted(mode: SERVER) @merge(strategy: COUNTER)"),
    .field(
      "x: String @encrypted(mode: SERVER, keyScope: §\"team\")", "a key for each person",
      good: "x: String @encrypted(mode: SERVER, keyScope: \"collection\")"),
    Misuse(
      """
      type A @collection @retention(after: §"at", for: "P1D") {
        at: DateTime @encrypted(mode: SERVER)
      }
      """, "no rows are found by it",
      good: "type A @collection @retention(after: \"at\", for: \"P1D\") { at: DateTime }"),
    .field(
      "x: Int @encrypted §@merge(strategy: COUNTER)", "only devices can read",
      good: "x: Int @encrypted @merge(strategy: REJECT)"),
    Misuse(
      "type A @collection @merge(strategy: MERGE_DEEP) { x: JSON §@encrypted }",
      "MERGE_DEEP cannot merge what only devices can read",
      good: "type A @collection { x: JSON @encrypted }"),
  ])
  func aMisuseIsFoundWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test func aRequiredOwnerMayBeServerOnlyWhenARuleFillsIt() {
    let source = { (rule: String) in
      "type A @collection @allow(ops: [\(rule)], owner: \"o\") { o: User! @serverOnly }"
    }
    #expect(faults(source("ALL")) == [])
    #expect(faults(source("CREATE, READ")) == [])
    #expect(faults(source("READ")).count == 1)
  }

  @Test(arguments: [
    ("x: Int @default(value: \"3\")", FieldValue.int(3)),
    ("x: Int64 @default(value: \"9007199254740993\")", .int(9_007_199_254_740_993)),
    ("x: Float @default(value: \"1.5\")", .double(1.5)),
    ("x: Boolean @default(value: \"true\")", .bool(true)),
    ("x: String @default(value: \"true\")", .text("true")),
    ("x: String @default(value: \"\")", .text("")),
    ("x: Money @default(value: \"250\")", .int(250)),
    ("x: Date @default(value: \"2026-01-31\")", .text("2026-01-31")),
    ("x: DateTime @default(value: \"1970-01-01T00:00:01Z\")", .int(1000)),
    ("x: Duration @default(value: \"PT1M\")", .int(60_000)),
    ("x: Kind @default(value: \"CLUB\")", .text("CLUB")),
    ("x: JSON @default(value: \"[]\")", .json(.array([]))),
    ("x: [Int!] @default(value: \"[1, 2]\")", .json(.array([.int(1), .int(2)]))),
    (
      "x: DateTime @constraint(temporal: PAST) @default(value: \"2999-01-01T00:00:00Z\")",
      .int(32_472_144_000_000)
    ),
  ])
  func aDefaultIsDecoded(_ declaration: String, _ value: FieldValue) throws {
    #expect(try field(declaration).defaultValue == value)
  }

  @Test(arguments: [
    Misuse.field(
      "x: Int @default(value: §\"three\")", "must be JSON", good: "x: Int @default(value: \"3\")"),
    .field(
      "x: Int @default(value: §\"\")", "must be JSON", good: "x: String @default(value: \"\")"),
    .field(
      "x: Int @default(value: §\"1.5\")", "without a fraction",
      good: "x: Float @default(value: \"1.5\")"),
    .field(
      "x: Int @default(value: §\"2147483648\")", "must lie between",
      good: "x: Int64 @default(value: \"2147483648\")"),
    .field(
      "x: Kind @default(value: §\"CULB\")", "did you mean CLUB?",
      good: "x: Kind @default(value: \"CLUB\")"),
    .field(
      "x: [Int!] @default(value: §\"[1, null]\")", "may not be null",
      good: "x: [Int] @default(value: \"[1, null]\")"),
    .field(
      "x: [Int!] @default(value: §\"1\")", "must be a list", good: "x: Int @default(value: \"1\")"),
    .field(
      "x: Date @default(value: §\"2026-02-30\")", "must be a date",
      good: "x: Date @default(value: \"2026-02-28\")"),
    .field(
      "x: JSON @default(value: §\"null\")", "null is no default",
      good: "x: JSON @default(value: \"{}\")"),
    .field(
      "x: Int @default(value: §\"0\") @constraint(min: 1)", "must be at least 1",
      good: "x: Int @default(value: \"1\") @constraint(min: 1)"),
    .field(
      "x: String @default(value: §\"a\") @constraint(pattern: \"^b\")", "must match",
      good: "x: String @default(value: \"b\") @constraint(pattern: \"^b\")"),
    .field("x: Int §@default", "needs a value", good: "x: Int"),
    .field(
      "x: Int @default(value: §\"1\", expr: \"2\")", "not both",
      good: "x: Int @default(expr: \"2\")"),
    .field(
      "x: String @default(value: §\"\\u0000\")", "NUL", good: "x: String @default(value: \"0\")"),
  ])
  func aDefaultThatIsNotValidIsRefused(_ misuse: Misuse) { expectFault(misuse) }
}
