import RoostCore
import Schema
import Testing

@testable import Generate

@Suite("Descriptions of actions")
struct ActionDescriptionTests {
  private static let source = """
    enum Colour { RED GREEN }
    type Note @collection @allow(ops: [ALL], owner: "by") { by: User! text: String }
    input Size { width: Int! @constraint(min: 1) unit: String = "cm" }
    extend type Mutation {
      "Paints a note."
      paint(
        id: ID!, "The colour." colour: Colour! = RED, size: Size, at: [DateTime!]
        code: String! @constraint(pattern: "^(a{40}|b{41})$")
      ): [Note!]! @action
      wipe: Boolean @action @deprecated(reason: "Too much.", successor: "paint")
    }
    """

  private let model: SchemaModel
  private let document: JSON

  init() throws {
    model = try SchemaModel.load(source: Self.source)
    document = OpenAPIDocument(model).json
  }

  private func at(_ path: String...) -> JSON? {
    path.reduce(document as JSON?) { $0?[$1] }
  }

  @Test func eachActionHasItsPathWithTypedArgumentsAndResult() {
    #expect(at("paths", "/v1/actions/paint", "post", "description") == "Paints a note.")
    let schema = at("components", "schemas", "paint.arguments")
    #expect(schema?["required"] == ["id", "code"])
    #expect(schema?["additionalProperties"] == false)
    #expect(schema?["properties"]?["colour"]?["default"] == "RED")
    #expect(schema?["properties"]?["size"]?["properties"]?["width"]?["minimum"] == 1)
    #expect(schema?["properties"]?["size"]?["type"] == ["object", "null"])
    let result = at("paths", "/v1/actions/paint", "post", "responses", "200")
    let answered = result?["content"]?["application/json"]?["schema"]?["properties"]?["result"]
    #expect(answered == ["type": "array", "items": ["$ref": "#/components/schemas/Note"]])
    #expect(at("paths", "/v1/actions/wipe", "post", "deprecated") == true)
    #expect(at("paths", "/v1/actions/wipe", "post", "requestBody", "required") == false)
  }

  @Test func anExampleIsOneThatTheServerTakesOrNone() throws {
    // No value is known for the pattern, so there is no example.
    let body = at("paths", "/v1/actions/paint", "post", "requestBody", "content")
    #expect(body?["application/json"]?["example"] == nil)
    let wiped = at("paths", "/v1/actions/wipe", "post", "requestBody", "content")
    #expect(wiped?["application/json"]?["example"] == .object(JSONObject()))
    let simple = try SchemaModel.load(
      source: Self.source.replacing(
        "code: String! @constraint(pattern: \"^(a{40}|b{41})$\")", with: ""))
    let example = try #require(
      OpenAPIDocument(simple).json["components"]?["schemas"]?["paint.arguments"]?["examples"]?
        .array?.first)
    _ = try simple.action(named: "paint")?.decode(example, now: Timestamp(milliseconds: 0))
    #expect(example["size"]?["width"] == 12)
  }

  @Test func withoutActionsNothingIsSaidOfThem() throws {
    let plain = try SchemaModel.load(
      source: "type Note @collection @allow(ops: [ALL], owner: \"by\") { by: User! }")
    #expect(!OpenAPIDocument(plain).json.text.contains("actions"))
    #expect(!DataDictionary(plain).markdown.contains("Actions"))
  }

  @Test func theDataDictionaryListsThem() {
    let page = DataDictionary(model).markdown
    #expect(page.contains("\n### paint\n\nPaints a note.\n"))
    #expect(page.contains("`POST /v1/actions/paint` answers `[Note!]!`."))
    #expect(page.contains("| `colour` | `Colour!` |  | The colour. Default `RED`. |"))
    #expect(page.contains("| `size.width` | `Int!` |"))
    #expect(page.contains("**Deprecated**: Too much. Use `paint`."))
  }
}
