import RoostCore
import Testing

@testable import Schema

@Suite struct SchemaLensTests {
  private let old = """
    enum Mood { CALM WILD }
    type Note @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      text: String!
      count: Int
      mood: Mood
      gone: String!
    }
    type Left @collection { text: String }
    """
  private let new = """
    enum Mood { CALM WILD }
    type Memo @collection @was(name: "Note") @allow(ops: [ALL], owner: "owner") {
      owner: User!
      body: String! @was(name: "text")
      count: String
      mood: String
      stars: Int! @default(value: "3")
    }
    type Come @collection { text: String }
    """

  private func lens() throws -> SchemaLens {
    SchemaLens(from: try .load(source: old), to: try .load(source: new))
  }

  private func object(_ json: JSON) -> JSONObject { json.object ?? JSONObject() }

  @Test func aRecordOfTheOlderSchemaIsWrittenInTheNewer() throws {
    let collection = try #require(try lens().collection(oldName: "notes"))
    #expect(collection.newName == "memos")
    let (record, issues) = collection.forward(
      object(["id": "1", "text": "a", "count": 7, "mood": "CALM", "gone": "x"]))
    #expect(issues.isEmpty)
    #expect(
      .object(record)
        == ["id": "1", "body": "a", "count": "7", "mood": "CALM", "stars": 3] as JSON)
  }

  @Test func aRecordOfTheNewerSchemaIsWrittenInTheOlder() throws {
    let collection = try #require(try lens().collection(newName: "memos"))
    let whole = object(["id": "1", "body": "a", "count": "7", "mood": "CALM", "stars": 5])
    #expect(
      .object(collection.backward(whole).record)
        == ["id": "1", "text": "a", "count": 7, "mood": "CALM", "gone": ""] as JSON)
    let kept = collection.backward(whole, kept: object(["gone": "x"])).record
    #expect(kept["gone"] == "x")
  }

  @Test func whatTheOlderTypeCannotHoldBecomesNullAndIsTold() throws {
    let collection = try #require(try lens().collection(newName: "memos"))
    let (record, issues) = collection.backward(
      object(["body": "a", "count": "many", "mood": "GLAD"]), isWhole: false)
    #expect(.object(record) == ["text": "a", "count": .null, "mood": .null] as JSON)
    #expect(issues.map(\.pointer) == ["/count", "/mood"])
    #expect(issues.map(\.code) == ["type", "enum"])
  }

  @Test func aPartOfARecordStaysAPart() throws {
    let collection = try #require(try lens().collection(oldName: "notes"))
    let part = collection.forward(object(["count": 1]), isWhole: false).record
    #expect(.object(part) == ["count": "1"] as JSON)
    let back = collection.backward(part, isWhole: false).record
    #expect(.object(back) == ["count": 1] as JSON)
  }

  @Test func aLensIsTheSameAfterItWasKept() throws {
    let lens = try lens()
    #expect(lens.added == ["Come"])
    #expect(lens.removed == ["Left"])
    let kept = try #require(SchemaLens(try JSON.parse(Array(lens.json.text.utf8))))
    #expect(kept.json == lens.json)
    #expect(SchemaLens(["collections": []]) == nil)
    #expect(
      SchemaLens([
        "collections": [["old": "a"]], "added": [], "removed": [],
      ]) == nil)
  }

  @Test(arguments: [
    "Int", "[Int!]", "[String]", "enum E A B", "ref Note", "[ref Note!]", "User", "Money",
  ]) func aSignatureIsReadAsItIsWritten(signature: String) throws {
    let field = try #require(TypeSignature.field("x", signature))
    #expect(TypeSignature.of(field) == signature)
  }

  @Test(arguments: ["", "Integer", "[Int", "enum", "ref", "ref A B"])
  func whatIsNoSignatureIsNotRead(signature: String) {
    #expect(TypeSignature.field("x", signature) == nil)
  }
}
