import RoostCore
import Testing

@testable import Sync

@Suite("Which features somebody has")
struct FeatureMatrixTests {
  private static let measure = Measure(
    name: "level", source: .age, levels: [0, 10, 20], takesClaims: true)

  private func progress(_ least: Double, _ found: Double?, claimed: Double? = nil) -> Progress {
    Progress(FeatureMatrixTests.measure, least: least, found: found, claimed: claimed)
  }

  /// Features in a row: plain, one with a requirement, one behind it, one of a tier, one behind that,
  /// one behind sync.
  private static let features = [
    Feature(name: "plain"),
    Feature(name: "level", requirements: [Requirement(measure: 0, least: 2)]),
    Feature(name: "behind", after: [1]),
    Feature(name: "paid", tier: 1),
    Feature(name: "both", requirements: [Requirement(measure: 0, least: 3)], after: [3, 2]),
    Feature(name: "shared", after: [0], needsSync: true),
  ]

  @Test(
    "Everything that is missing is weighed",
    arguments: [
      (0.0, 0, true, "a u u r r a"), (0.0, 0, false, "a u u r r u"), (10.0, 0, true, "a a a r r a"),
      (10.0, 1, true, "a a a a u a"), (20.0, 1, true, "a a a a a a"),
      (20.0, 0, true, "a a a r r a"),
    ])
  func states(found: Double, tier: Int, isOpen: Bool, expected: String) {
    let need = Need(.invitation, "invitation", "Accept it.")
    let facts = FeatureFacts(
      tier: tier,
      progress: FeatureMatrixTests.features.map { feature in
        feature.requirements.map { progress($0.least, found) }
      }, syncNeed: isOpen ? nil : need)
    let matrix = FeatureMatrix(FeatureMatrixTests.features, tiers: ["free", "pro"], facts)
    let states = matrix.entries.map { String($0.availability.rawValue.prefix(1)) }
    #expect(states.joined(separator: " ") == expected)
    for entry in matrix.entries {
      #expect((entry.next == nil) == (entry.availability == .available))
    }
    if !isOpen { #expect(matrix.entries[5].next == need) }
    if tier == 0 { #expect(matrix.entries[4].next?.kind == .tier) }
  }

  @Test(
    "Levels begin where they are said to",
    arguments: [(-1.0, 0.0), (0, 1), (9.9, 1), (10, 2), (19, 2), (20, 3), (1e9, 3)])
  func levels(number: Double, level: Double) {
    #expect(progress(1, number).current == level)
  }

  @Test("A claim counts if it is more than what is known, and of nobody is anything known")
  func claims() {
    #expect(progress(3, 10, claimed: 3).isMet)
    #expect(progress(3, 10, claimed: 3).isClaimed)
    #expect(!progress(3, 10, claimed: 1).isClaimed)
    #expect(progress(3, 10, claimed: 1).current == 2)
    #expect(!progress(0, nil, claimed: 3).isMet)
    let plain = Measure(name: "age", source: .age)
    #expect(Progress(plain, least: 5, found: 4, claimed: 9).current == 4)
  }

  @Test("What is missing is said in words")
  func words() {
    #expect(progress(3, 10).message("Sync") == "Sync opens when level reaches 3: it is 2 now.")
    #expect(progress(2.5, nil).message("Sync") == "Sync opens when level reaches 2.5.")
  }

  private static let now = Timestamp(milliseconds: 1_760_000_000_000)

  private func reply(_ text: String) throws -> GateReply {
    try GateRoutes.reply(
      try JSON.parse(text: text), [FeatureMatrixTests.measure], now: FeatureMatrixTests.now)
  }

  @Test(
    "A reply that says nothing, or too much, is refused",
    arguments: [
      ("{}", ""), ("[]", ""), (#"{"invitation": "maybe"}"#, "/invitation"),
      (#"{"invitation": "later", "until": "2020-01-01T00:00:00Z"}"#, "/until"),
      (#"{"invitation": "later", "until": "2099-01-01T00:00:00Z"}"#, "/until"),
      (#"{"claims": {"level": true}}"#, "/claims/level"),
      (#"{"claims": {"level": 1e13}}"#, "/claims/level"),
      (#"{"claims": {"a/b": 1}}"#, "/claims/a~1b"), (#"{"claims": {}, "x": 1}"#, "/x"),
    ])
  func badReply(text: String, pointer: String) {
    #expect {
      try reply(text)
    } throws: { error in
      (error as? RoostError)?.issues.map(\.pointer).contains(pointer) == true
    }
  }

  @Test("A reply is an answer, claims, or both")
  func goodReply() throws {
    #expect(try reply(#"{"invitation": "left"}"#).answer == .left)
    let later = try reply(#"{"invitation": "later", "until": "2025-12-01T00:00:00Z"}"#)
    #expect(later.until == Timestamp("2025-12-01T00:00:00Z"))
    let both = try reply(#"{"claims": {"level": 4.5}, "invitation": "accepted"}"#)
    #expect(both.claims == ["level": 4.5] && both.answer == .accepted)
  }

  @Test(
    "When the invitation is due",
    arguments: [
      (nil, 0, true), (.later, 1, false), (.later, 0, true), (.later, -1, true),
      (.declined, 0, false), (.left, 0, false), (.accepted, 0, false),
    ] as [(GateAnswer?, Int64, Bool)])
  func due(answer: GateAnswer?, ahead: Int64, isDue: Bool) {
    var row = GateRow()
    row.answer = answer
    row.until = FeatureMatrixTests.now.adding(milliseconds: ahead)
    let closed = GateStanding(row: row, progress: [], now: FeatureMatrixTests.now)
    #expect(closed.state == .closed && !closed.isDue)
    row.eligibleAt = FeatureMatrixTests.now
    let standing = GateStanding(row: row, progress: [], now: FeatureMatrixTests.now)
    #expect(standing.isDue == isDue)
    #expect(standing.state == (answer == .accepted ? .open : .invited))
  }
}
