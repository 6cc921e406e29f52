import Schema
import Testing

@Suite("Lists whose elements are told apart")
struct ElementsTests {
  private func field(_ text: String, merge: String = "") throws -> Field {
    let model = try SchemaModel.load(
      source: """
        enum Status { OFFERED ACTIVE DONE }
        type Journey @collection \(merge) @allow(ops: [ALL]) {
          list: \(text)
        }
        """)
    return try #require(model.collections[0].field(named: "list"))
  }

  @Test("Members rise or fall by their numbers, or by the order of an enum")
  func members() throws {
    let elements = try field(
      """
      [JSON!] @merge(strategy: SET_UNION)
        @elements(id: "key", rising: ["status: Status", "best"], falling: ["rank"])
      """
    ).mergeOptions.elements
    #expect(elements?.idMember == "key")
    #expect(
      elements?.ordered == [
        ElementOptions.Ordered(
          member: "status", values: ["OFFERED", "ACTIVE", "DONE"], isRising: true),
        ElementOptions.Ordered(member: "best", values: nil, isRising: true),
        ElementOptions.Ordered(member: "rank", values: nil, isRising: false),
      ])
    let plain = try field("[JSON!] @merge(strategy: SET_UNION) @elements").mergeOptions.elements
    #expect(plain == ElementOptions())
    #expect(try field("[JSON!] @merge(strategy: SET_UNION)").mergeOptions.elements == nil)
    let deep = try field("[JSON!] @elements", merge: "@merge(strategy: MERGE_DEEP)")
    #expect(deep.mergeOptions.elements == ElementOptions())
  }

  @Test(
    "What makes no sense is refused",
    arguments: [
      ("[String!] @merge(strategy: SET_UNION) @elements", "@elements speaks of the objects"),
      ("JSON @elements", "@elements speaks of the objects"),
      ("[JSON!] @elements", "@elements belongs to SET_UNION"),
      ("[JSON!] @merge(strategy: APPEND) @elements", "@elements belongs to SET_UNION"),
      ("[JSON!] @merge(strategy: SET_UNION) @elements(id: \"\")", "id of @elements"),
      ("[JSON!] @merge(strategy: SET_UNION) @elements(rising: [\"id\"])", "id tells the elements"),
      (
        "[JSON!] @merge(strategy: SET_UNION) @elements(rising: [\"a\"], falling: [\"a\"])",
        "the member a is named twice"
      ),
      (
        "[JSON!] @merge(strategy: SET_UNION) @elements(rising: [\"a: Statos\"])",
        "there is no enum Statos; did you mean Status?"
      ),
      ("[JSON!] @merge(strategy: SET_UNION) @elements(rising: [\"a: \"])", "written as its name"),
      ("[JSON!] @merge(strategy: SET_UNION) @elements(rising: [\"a:b:c\"])", "written as its name"),
    ])
  func refused(text: String, message: String) {
    #expect {
      try field(text)
    } throws: { error in
      (error as? SchemaError)?.faults.contains { $0.message.contains(message) } == true
    }
  }
}
