import RoostCore
import Schema
import Testing

@testable import Generate

@Suite("The OpenAPI document")
struct OpenAPIDocumentTests {
  private static let source = """
    enum Colour { RED GREEN }
    "What people write."
    type Note @collection @merge(strategy: REJECT)
      @allow(ops: [READ, CREATE, UPDATE], owner: "by") @allow(ops: [READ], to: PUBLIC, when: "open") {
      by: User! @immutable
      text: String! @constraint(minLength: 2, maxLength: 8, pattern: "^[a-z]+$") @search
      open: Boolean! @default(value: "false")
      plays: Int @constraint(min: 1, max: 9)
      span: Duration @constraint(exclusiveMin: 0)
      code: String @constraint(pattern: "(?i)^a$")
      tags: [String!]! @constraint(maxItems: 3)
      colour: Colour
      old: String @deprecated(reason: "Unused", successor: "text")
      kept: String @serverOnly
      box: Box @relation(inverse: "notes")
    }
    type Box @collection @allow(ops: [READ]) {
      name: String!
      notes: [Note!]! @relation(inverse: "box")
    }
    type Hidden @collection { name: String! }
    """

  private let document: JSON

  init() throws {
    let model = try SchemaModel.load(source: Self.source, stage: .everything)
    document = OpenAPIDocument(model, versions: [.first, APIVersion(1, 1, 0)]).json
  }

  private func at(_ path: String...) -> JSON? {
    path.reduce(document as JSON?) { $0?[$1] }
  }

  private func property(_ schema: String, _ name: String) -> JSON? {
    at("components", "schemas", schema, "properties", name)
  }

  @Test func isTheSameEachTime() throws {
    let model = try SchemaModel.load(source: Self.source, stage: .everything)
    let versions = [APIVersion.first, APIVersion(1, 1, 0)]
    #expect(OpenAPIDocument(model, versions: versions).bytes == document.encoded)
  }

  @Test func namesTheVersionThatIsServed() {
    #expect(at("openapi")?.string?.hasPrefix("3.1") == true)
    #expect(at("info", "version") == "1.1.0")
    #expect(
      at("components", "parameters", "Roost-Version", "schema", "enum") == ["1.0.0", "1.1.0"])
  }

  @Test func hasTheOperationsThatSomebodyMayDoAndNoOthers() {
    let methods = ["get", "post", "patch", "delete"]
    let operations = (at("paths")?.object?.members ?? []).flatMap { path, item in
      methods.filter { item[$0] != nil }.map { $0 + " " + path }
    }
    #expect(
      operations == [
        "get /v1/notes", "post /v1/notes", "get /v1/notes/{id}", "patch /v1/notes/{id}",
        "get /v1/boxes", "get /v1/boxes/{id}", "get /v1/boxes/{id}/notes", "post /v1/batch",
        "post /v1/sync",
        "get /v1/sync/gate", "post /v1/sync/gate", "delete /v1/sync/gate", "get /v1/features",
        "get /v1/devices", "patch /v1/devices/{id}", "delete /v1/devices/{id}",
        "get /v1/sync/conflicts",
        "post /v1/auth/anonymous", "post /v1/auth/register", "post /v1/auth/login",
        "post /v1/auth/refresh", "post /v1/auth/upgrade", "post /v1/auth/logout",
        "get /v1/auth/me",
      ])
  }

  @Test func createsTakeWhatClientsMaySet() {
    #expect(at("components", "schemas", "Note.create", "required") == ["text", "tags"])
    #expect(property("Note.create", "kept") == nil)
    #expect(property("Note", "kept")?["readOnly"] == true)
    #expect(property("Note.create", "open")?["default"] == false)
    #expect(property("Note.create", "by")?["format"] == "uuid")
  }

  @Test func changesTakeIntents() {
    let plays = property("Note.update", "plays")?["anyOf"]?.array ?? []
    #expect(plays.count == 2)
    #expect(plays.last?["properties"]?["$increment"] != nil)
    #expect(
      property("Note.update", "tags")?["anyOf"]?.array?.last?["properties"]?["$add"] != nil)
    #expect(property("Note.update", "by")?["readOnly"] == true)
    #expect(property("Note.update", "text")?["anyOf"] == nil)
  }

  @Test func boundsAreInWhatIsSentAndNotInWhatIsAnswered() {
    let text = property("Note.create", "text")
    #expect(text?["minLength"] == 2)
    #expect(text?["maxLength"] == 8)
    #expect(text?["pattern"] == "^[a-z]+$")
    #expect(property("Note", "text")?["maxLength"] == nil)
    let plays = property("Note.create", "plays")
    #expect(plays?["minimum"] == 1)
    #expect(plays?["maximum"] == 9)
    #expect(plays?["type"] == ["integer", "null"])
    #expect(property("Note.create", "tags")?["maxItems"] == 3)
  }

  @Test func whatJSONSchemaCannotSayIsSaidInWords() {
    #expect(property("Note.create", "code")?["pattern"] == nil)
    #expect(property("Note.create", "code")?["description"]?.string?.contains("(?i)^a$") == true)
    #expect(
      property("Note.create", "span")?["description"]?.string?.contains("More than 0 seconds")
        == true)
  }

  @Test func whatIsDeprecatedSaysSo() {
    let old = property("Note", "old")
    #expect(old?["deprecated"] == true)
    #expect(old?["description"]?.string == "Deprecated: Unused. Use `text`.")
    #expect(
      at("paths", "/v1/notes", "get", "responses", "200", "headers", "Deprecation") != nil)
    #expect(at("paths", "/v1/boxes", "get", "responses", "200", "headers", "Deprecation") == nil)
  }

  @Test func aRejectCollectionWantsIfMatch() {
    let parameters = at("paths", "/v1/notes/{id}", "patch", "parameters")?.array ?? []
    #expect(parameters.contains { $0["name"] == "If-Match" && $0["required"] == true })
  }

  @Test func readsOfPublicRecordsNeedNoAccount() {
    #expect(at("paths", "/v1/notes", "get", "security")?.array?.count == 2)
    #expect(at("paths", "/v1/boxes", "get", "security") == [["bearer": []]])
  }

  @Test func syncTakesAndAnswersLinesOfFrames() {
    let post = at("paths", "/v1/sync", "post")
    let asked = post?["requestBody"]?["content"]?.object?.members ?? []
    #expect(asked.map(\.key) == ["application/jsonl", "application/x-ndjson"])
    let answers = post?["responses"]?.object?.members ?? []
    let problems = ["400", "401", "403", "413", "429", "503"]
    #expect(Set(answers.map(\.key)).isSuperset(of: ["200"] + problems))
    for (status, answer) in answers where problems.contains(status) {
      #expect(answer["$ref"] != nil)
    }
    let told = post?["responses"]?["200"]?["content"]?["application/x-ndjson"]
    // The examples are frames, one a line.
    for example in asked.map({ $0.value["example"] }) + [told?["example"]] {
      let lines = (example?.string ?? "").split(separator: "\n")
      #expect(!lines.isEmpty)
      for line in lines { #expect((try? JSON.parse(text: String(line)))?["frame"] != nil) }
    }
    #expect(post?["description"]?.string?.contains("docs/protocol.md") == true)
  }

  @Test func searchIsOfferedWhereSomethingIsSearched() {
    func searches(_ path: String) -> Bool {
      at("paths", path, "get", "parameters")?.array?.contains {
        $0["$ref"] == "#/components/parameters/search"
      } ?? false
    }
    #expect(searches("/v1/notes"))
    #expect(!searches("/v1/boxes"))
  }

  @Test func everyReferenceLeadsSomewhere() {
    var count = 0
    func walk(_ json: JSON) {
      switch json {
      case .array(let elements): elements.forEach(walk)
      case .object(let object):
        if let target = object["$ref"]?.string {
          count += 1
          let place = target.dropFirst(2).split(separator: "/").map(String.init)
          #expect(place.reduce(document as JSON?) { $0?[$1] } != nil, "\(target)")
        }
        for (_, member) in object { walk(member) }
      default: return
      }
    }
    walk(document)
    #expect(count > 100)
  }
}

@Suite("Patterns of ECMAScript")
struct ScriptPatternTests {
  @Test(arguments: [
    "^[A-Z]{3}$", "^https://", "a|b", "(?:a|b)+?", "[^a-z\\-]*", "\\d{2,}", "\\.", "a{1,3}",
    "[\\w.]+", "^(a(b)c)$", "\\bword\\b",
  ])
  func thatMeanTheSameAreKept(_ pattern: String) {
    #expect(ScriptPattern.of(pattern) == pattern)
  }

  @Test(arguments: [
    "(?i)a", "(?P<name>a)", "(?<name>a)", "\\pL", "\\p{Greek}", "\\Aa", "a\\z", "[[:alpha:]]",
    "\\x{41}", "\\Qa\\E", "a{,3}", "a]", "}", "\\s", "[]a]", "\\C", "[a", "(?=a)", "\\-",
  ])
  func thatMeanAnotherThingAreLeftOut(_ pattern: String) {
    #expect(ScriptPattern.of(pattern) == nil)
  }
}

@Suite("Examples of fields")
struct FieldExampleTests {
  @Test(arguments: [
    "Boolean", "Int", "Int64", "Float", "String", "ID", "Date", "DateTime", "Duration", "Money",
    "Email", "URL", "JSON", "GeoPoint", "File", "E", "A", "User", "[String!]!",
    "Int @constraint(min: 100)", "Int @constraint(max: -5)", "Float @constraint(exclusiveMin: 3)",
    "String @constraint(minLength: 40)", "String @constraint(maxLength: 1)",
    "String @constraint(pattern: \"^[A-Z]{3}$\")", "URL @constraint(pattern: \"^https://\")",
    "Date @constraint(temporal: FUTURE)", "DateTime @constraint(temporal: PAST)",
    "Duration @constraint(min: 10000)", "[Int] @constraint(minItems: 3)",
    "String @default(value: \"x\")",
  ])
  func areTaken(_ type: String) throws {
    let model = try SchemaModel.load(
      source: "enum E { P } type A @collection { f: \(type) }", stage: .everything)
    let field = try #require(model.collections.first?.fields.first)
    let example = try #require(FieldExample.of(field))
    guard case .success(let value) = field.decode(example, pointer: "/f") else {
      Issue.record("\(example) is no \(type)")
      return
    }
    let isFuture = type.contains("FUTURE")
    let now = try #require(Timestamp(isFuture ? "2090-01-01T00:00:00Z" : "2026-01-01T00:00:00Z"))
    #expect(field.validate(value, pointer: "/f", now: now).isEmpty)
  }

  @Test func areLeftOutWhereNoneIsKnown() throws {
    let model = try SchemaModel.load(
      source: "type A @collection { f: String @constraint(pattern: \"^zq{7}$\") }")
    let field = try #require(model.collections.first?.fields.first)
    #expect(FieldExample.of(field) == nil)
  }
}
