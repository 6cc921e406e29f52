import RoostCore
import Testing

@testable import Roost

@Suite("JSON of handlers")
struct JSONValueTests {
  @Test(arguments: [
    "null", "true", "7", "-9223372036854775808", "1.5", "\"a\\u0000b\"", "[]", "{}",
    #"{"a":[1,{"b":null},"x"],"c":{"d":false}}"#,
  ])
  func everyValueComesBackAsItWas(_ text: String) throws {
    let json = try JSON.parse(text: text)
    #expect(JSONValue(json).json == json)
  }

  @Test func literalsAndMembersAreRead() {
    let value: JSONValue = ["n": 1, "half": 0.5, "on": true, "no": nil, "list": ["a", 2]]
    #expect(value["n"].int == 1 && value["n"].double == 1)
    #expect(value["half"].double == 0.5 && value["half"].int == nil)
    #expect(value["on"].bool == true && value["on"].string == nil)
    #expect(value["no"].isNull && value["missing"].isNull)
    #expect(value["list"].array?.last?.int == 2)
    #expect(value["list"]["x"].isNull)
    #expect(JSONValue.double(2).int == 2 && JSONValue.double(.infinity).int == nil)
  }

  @Test(arguments: [
    ("0197A0C2-5F0E-7C53-9A34-6A2F7F2F3A10", "0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a10"),
    ("0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a1", nil), ("", nil),
    ("zz97a0c2-5f0e-7c53-9a34-6a2f7f2f3a10", nil),
  ])
  func anIDIsAUUID(_ text: String, _ id: String?) {
    #expect(RecordID(text)?.description == id)
    #expect(JSONValue.string(text).id?.description == id)
    #expect(JSONValue.int(7).id == nil)
  }

  @Test(arguments: [
    (ActionError.invalid("seats", "Too many."), 422), (.forbidden("No."), 403),
    (.notFound("No."), 404), (.conflict("No."), 409),
  ])
  func errorsOfHandlersHaveTheirStatus(_ error: ActionError, _ status: Int) async {
    await #expect {
      try await translating { throw error }
    } throws: { ($0 as? RoostError)?.code.status == status }
  }

  @Test func otherErrorsStayWhatTheyAre() async {
    struct Other: Error {}
    await #expect(throws: Other.self) { try await translating { throw Other() } }
  }
}
