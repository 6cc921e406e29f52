import Schema
import Testing

@Suite struct NearestTests {
  static let names = ["title", "venue", "audienceSize", "date", "id", "stageName"]

  @Test(arguments: [
    ("tilte", "title"), ("titel", "title"), ("TITLE", "title"), ("audience_size", "audienceSize"),
    ("audiencSize", "audienceSize"), ("dat", "date"), ("ids", "id"), ("stage", "stageName"),
    ("venues", "venue"),
  ])
  func aNameFindsItsNeighbour(_ name: String, _ known: String) {
    #expect(nearest(name, among: NearestTests.names) == known)
  }

  @Test(arguments: ["", "completely", "xyz", "q", "größe", String(repeating: "title", count: 100)])
  func aStrangeNameFindsNone(_ name: String) {
    #expect(nearest(name, among: NearestTests.names) == nil)
  }

  @Test func theNearestOfSeveralIsChosen() {
    #expect(nearest("bend", among: ["bands", "band", "bean"]) == "band")
    #expect(nearest("band", among: []) == nil)
  }
}
