import Generate
import RoostCore
import Schema
import Testing

@Suite("The data dictionary")
struct DataDictionaryTests {
  private static let source = """
    enum Role @roles { user editor @inherits(from: ["user"]) }
    enum Mood { CALM LOUD }
    "What people | write."
    type Note @collection @retention(after: "createdAt", for: "P30D", unless: "open")
      @allow(ops: [ALL], owner: "by") @allow(ops: [READ], to: PUBLIC, when: "open", except: ["mail"])
      @allow(ops: [UPDATE], roles: ["editor"])
      @deny(ops: [DELETE], when: "open", exceptRoles: ["editor"], reason: "It is open.")
      @check(name: "c", expr: "size > 1") @index(fields: ["size"]) {
      by: User! @immutable @relation(onDelete: CASCADE)
      mail: Email @pii(kind: "contact", onErase: PSEUDONYMISE)
      open: Boolean! @default(value: "false")
      size: Int @constraint(min: 1) @deprecated(reason: "Old", sunset: "2027-01-01")
      mood: Mood
      box: Box @relation(onDelete: SET_NULL)
    }
    type Box @collection { name: String! @unique }
    """

  private let page: String

  init() throws {
    page = DataDictionary(try SchemaModel.load(source: Self.source, stage: .everything)).markdown
  }

  @Test(arguments: [
    "| [`notes`](#notes) | `Note` | What people \\| write. |",
    "| `notes` | `mail` | contact | the value is replaced by a pseudonym |",
    "| `by` | `User!` |  | Owner: the caller, where it is left out. Never changed. "
      + "When the account is deleted: this goes too. |",
    "| `size` | `Int` | At least 1. | **Deprecated**: Old. It may be gone from 2027-01-01 on. |",
    "Everybody, without an account too, for records where `open`; without `mail`.",
    "Accounts with the role `editor`.", "| Create | The account that `by` names. |",
    "Nobody, accounts with the role `editor` excepted, for records where `open`. It is open.",
    "- `c`: `size > 1`", "- `PURGE` P30D after `createdAt`, unless `open`", "- `size`\n",
    "  User ||--o{ Note : by\n", "  Box |o--o{ Note : box\n", "    String name UK\n",
    "| `editor` | `user` |", "| `Mood` | `CALM`, `LOUD` |", "| Read | Nobody. |",
  ])
  func says(_ text: String) {
    #expect(page.contains(text), "\(page)")
  }

  @Test func isTheSameEachTime() throws {
    let model = try SchemaModel.load(source: Self.source, stage: .everything)
    #expect(DataDictionary(model).markdown == page)
  }

  @Test func tellsWhereNothingIsPersonal() throws {
    let model = try SchemaModel.load(source: "type A @collection { x: Int }")
    #expect(DataDictionary(model).markdown.contains("No field is marked with `@pii`."))
  }
}

@Suite("The changelog of an API")
struct APIChangelogTests {
  private func release(_ version: APIVersion, _ source: String) throws -> APIRelease {
    APIRelease(
      version: version, at: Timestamp("2026-05-0\(version.major)T00:00:00Z"),
      model: try SchemaModel.load(source: source, stage: .everything))
  }

  @Test func hasTheNewestVersionFirstAndWhatBreaksOnTop() throws {
    let log = APIChangelog([
      try release(APIVersion(1, 0, 0), "type A @collection { x: Int z: Int }"),
      try release(APIVersion(2, 0, 0), "type A @collection { x: String y: Int z: Int }"),
    ])
    #expect(
      log.changelog.hasSuffix(
        """

        ## 2.0.0 – 2026-05-02

        ### Breaking

        - `as`: `x` was `Int` and is `String`.

        ### Added and allowed

        - `as`: `y`: `Int` is new.

        ## 1.0.0 – 2026-05-01

        The first version: `as`.

        """))
    #expect(
      log.guide.hasSuffix(
        """

        ## From 1.0.0 to 2.0.0

        ### `as`

        - [ ] `x` was `Int` and is `String`. Read and send values of `String`.

        """))
  }

  @Test func hasNoGuideWhereNothingBroke() throws {
    let log = APIChangelog([
      try release(APIVersion(1, 0, 0), "type A @collection { x: Int }"),
      try release(APIVersion(1, 1, 0), "type A @collection { x: Int y: Int }"),
    ])
    #expect(log.guide.contains("Nothing has broken so far."))
    #expect(!log.changelog.contains("### Breaking"))
  }
}
