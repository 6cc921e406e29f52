import Records
import RoostCore
import Rules
import Schema
import Testing

/// What the limits of filters and rules let through, the engine can run.
@Suite struct FilterDepthTests {
  private static func schema() -> String {
    func type(_ name: String, _ next: String?) -> String {
      """
      type \(name) @collection @allow(ops: [ALL], owner: "owner")
        @allow(ops: [READ], member: "band.members.user", having: "role == 'x'", except: ["text"]) {
        owner: User!
        band: Band
        text: String
        \(next.map { "next: \($0)" } ?? "last: Int")
      }
      """
    }
    return """
      type Band @collection @allow(ops: [READ], member: "members.user") {
        members: [Member!]! @relation(inverse: "band")
      }
      type Member @collection @allow(ops: [READ], owner: "user") {
        band: Band! user: User! role: String
      }
      \(type("One", "Two"))
      \(type("Two", "Three"))
      \(type("Three", "Four"))
      \(type("Four", nil))
      """
  }

  /// The deepest filter that the limits allow, around `inner`.
  private static func nested(_ inner: String) -> String {
    var text = inner
    for level in 0..<(inner.hasPrefix("!") ? 8 : 10) {
      text = "text != '\(level)' \(level.isMultiple(of: 2) ? "||" : "&&") (\(text))"
    }
    return text
  }

  @Test(arguments: [
    "next.next.next.text == 'a'", "!(next.next.next.text == 'a')",
    "next.next.next.text == next.next.text", "next.text in ['a', 'b']",
  ])
  func theDeepestFilterRuns(_ inner: String) async throws {
    let house = try await RecordsHouse(FilterDepthTests.schema())
    try await house.create("ones", ["text": "a"])
    let collection = house.collection("ones")
    var query = ListQuery(count: .estimated)
    query.filter = try house.records.reader(house.ann).filter(
      FilterDepthTests.nested(inner), of: collection)
    query.sort =
      try house.sort("-text", of: "ones") + [SortKey(column: .version, descending: false)]
    let page = try await house.records.list(collection, query, by: house.ann)
    #expect(page.count ?? -1 >= 0)
    await house.close()
  }

  @Test func theDeepestRuleRuns() async throws {
    let rule = FilterDepthTests.nested("next.next.next.text == 'a'")
    let house = try await RecordsHouse(
      FilterDepthTests.schema().replacingFirst(
        "type One @collection",
        with: "type One @collection @allow(ops: [ALL], when: \"\(rule)\")"))
    try await house.create("ones", ["text": "a"])
    #expect(try await house.list("ones").count == 1)
    await house.close()
  }
}

extension String {
  fileprivate func replacingFirst(_ part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return replacingCharacters(in: range, with: other)
  }

  private func replacingCharacters(in range: Range<Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
