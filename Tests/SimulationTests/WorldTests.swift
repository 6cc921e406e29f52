import Simulation
import Testing

@Suite("Worlds", .serialized)
struct WorldTests {
  @Test("everything holds in the first worlds")
  func first() async throws {
    let simulation = try await Worlds()
    let report = await simulation.run(1..<WorldTests.end, workers: 2)
    for failure in report.failures {
      Issue.record(
        """
        seed \(failure.seed): \(failure.error ?? "") \
        \(failure.breaches.map { "\($0.invariant.says): \($0.detail)" }) \
        (roost simulate --seed \(failure.seed) --trace)
        """)
    }
    #expect(report.worlds == Int(WorldTests.end) - 1)
  }

  /// Worlds that were found by many thousands, each of which showed a fault of the product: streams
  /// that began anew behind a backup, stamps of a lane that went back, and a pull of several answers
  /// that went on behind a backup, over which others had written meanwhile; changes that a device
  /// did not show over what it had sent under a clock that was ahead; and edits that were lost, since
  /// a copy of their device, or a server that was put back, had given their row a later stamp.
  @Test(
    "what once failed holds",
    arguments: [98714, 94373, 25745, 6229, 12284, 23955, 25959, 59373] as [UInt64])
  func found(_ seed: UInt64) async throws {
    let report = try await Worlds().run(seed..<seed + 1, workers: 1)
    #expect(report.failures.isEmpty)
  }

  @Test("everything holds where another major version comes", arguments: [6, 134, 262] as [UInt64])
  func renamed(_ seed: UInt64) async throws {
    let simulation = try await Worlds()
    let report = await simulation.run(seed..<seed + 1, workers: 1)
    #expect(report.failures.isEmpty, "\(report.failures.map(\.breaches))")
    let world = await simulation.trace(seed)
    #expect(world.lines.contains("  the next major version is deployed"))
    #expect(world.hash == (try await Worlds().trace(seed)).hash)
  }

  @Test(
    "a planted bug of lenses is found where another major version comes",
    arguments: [
      "a lens forgets what a counter was called", "a row comes in words of now",
      "an edit of a renamed field erases an unknown one",
    ])
  func renamed(_ name: String) async throws {
    let bug = try #require(PlantedBug.all.first { $0.name == name })
    let simulation = try await Worlds()
    for seed in stride(from: UInt64(6), to: 2000, by: 128) {
      let report = await simulation.run(seed..<seed + 1, bug: bug, workers: 1)
      guard let failure = report.failures.first(where: { !$0.breaches.isEmpty }) else { continue }
      #expect(failure.breaches.map(\.invariant) == [bug.invariant])
      return
    }
    Issue.record("not found")
  }

  /// One beyond the last seed.
  ///
  /// Here they compete with every other test: `Tests/EndToEnd` and `.ci/run` run more of them,
  /// alone.
  private static let end: UInt64 = 21

  @Test(
    "the same seed makes the same world, beside others too", arguments: [3, 12] as [UInt64])
  func sameSeed(_ seed: UInt64) async throws {
    let simulation = try await Worlds()
    let alone = await simulation.trace(seed)
    let again = await simulation.trace(seed)
    #expect(alone.hash == again.hash)
    #expect(alone.lines == again.lines)
    let others = await simulation.trace(seed + 1)
    #expect(others.hash != alone.hash)
  }

  @Test("a world is the same, whatever the process has compiled before it")
  func shared() async throws {
    let used = try await Worlds()
    let warm = await used.run(60..<66, workers: 2)
    let fresh = try await Worlds().run(60..<66, workers: 1)
    #expect(warm.hash == fresh.hash)
    let last = await used.trace(65)
    let first = try await Worlds().trace(65)
    #expect(last.lines == first.lines)
  }

  @Test("many worlds have the same hash, however many run at a time")
  func workers() async throws {
    let simulation = try await Worlds()
    let one = await simulation.run(40..<44, workers: 1)
    let two = await simulation.run(40..<44, workers: 2)
    #expect(one.hash == two.hash)
  }

  @Test(
    "a planted bug is found by the invariant that it breaks",
    arguments: [
      "a sequence skips", "a removal has values", "an increment counts one more",
    ])
  func planted(_ name: String) async throws {
    let bug = try #require(PlantedBug.all.first { $0.name == name })
    let simulation = try await Worlds()
    let report = await simulation.run(1..<101, bug: bug, workers: 2, failures: 1)
    let failure = try #require(report.failures.first)
    #expect(failure.breaches.map(\.invariant) == [bug.invariant])
  }

  @Test("every invariant that is checked has a planted bug, or compares engines")
  func proved() {
    let proved = Set(PlantedBug.all.map(\.invariant))
    for invariant in Invariant.allCases where invariant.missing == nil && invariant != .engines {
      #expect(proved.contains(invariant), "\(invariant)")
    }
  }

  /// Invariants look at several things: of these it is known which of them tells.
  @Test(
    "a planted bug is found by what is there to find it",
    arguments: [
      ("the stamp of a title is not held back", "a stored stamp of "),
      ("a sequence skips, and so does its entry", " places at most"),
      ("two entries change places", " was committed before one that stands in front of it"),
      (
        "a poster takes what was made on something else",
        "made on something else, and is up to nobody"
      ),
      ("a poster takes what is up to its person", "poster of "),
      ("a conflict opens again", " and is open"),
      ("a conflict stays when its row goes", " is gone"),
    ])
  func words(_ name: String, _ words: String) async throws {
    let bug = try #require(PlantedBug.all.first { $0.name == name })
    let report = try await Worlds().run(1..<301, bug: bug, workers: 2, failures: 1)
    let failure = try #require(report.failures.first)
    #expect(failure.breaches.first?.detail.contains(words) == true, "\(failure.breaches)")
  }

  @Test("two devices that were away show the same afterwards, by each strategy")
  func show() async throws {
    let lines = Lines()
    let show = try await MergeShow { lines.add($0) }
    try await show.run(devices: 2, offlineSeconds: 30)
    for row in WorldTests.merged {
      let (name, strategy) = (padded(row.field, 8), padded(row.strategy, 16))
      #expect(lines.all.contains("    \(name) \(strategy) \(row.before)"))
      for (device, edit) in row.edits.enumerated() {
        #expect(lines.all.contains("  device \(device + 1): \(name) \(edit)"))
      }
    }
    let after = lines.all.drop { !$0.contains("The rows afterwards") }.dropFirst()
    #expect(
      Array(after)
        == WorldTests.merged.map {
          "  \(padded($0.field, 8)) \(padded($0.strategy, 16)) \($0.after)   – \($0.says)"
        })
  }

  @Test("what is said of a merge by three devices names what stands")
  func showOfThree() async throws {
    let lines = Lines()
    let show = try await MergeShow { lines.add($0) }
    try await show.run(devices: 3, offlineSeconds: 30)
    let after = lines.all.drop { !$0.contains("The rows afterwards") }.dropFirst()
    #expect(after.contains { $0.hasSuffix(" \"by one\"   – the latest edit stands") })
    #expect(after.contains { $0.hasSuffix(" 12   – all increments count") })
  }

  private struct Merged {
    let field: String
    let strategy: String
    let before: String
    let edits: [String]
    let after: String
    let says: String

    init(
      _ field: String, _ strategy: String, _ before: String, _ edits: [String], _ after: String,
      _ says: String
    ) {
      self.field = field
      self.strategy = strategy
      self.before = before
      self.edits = edits
      self.after = after
      self.says = says
    }
  }

  /// What `roost simulate --devices 2` shows of each field.
  private static let merged: [Merged] = [
    Merged(
      "title", "LAST_WRITE_WINS", #""before""#, [#""by one""#, #""by two""#], #""by two""#,
      "the latest edit stands"),
    Merged(
      "plan", "CLIENT_WINS", #""rehearse""#, [#""load in""#, #""sound check""#],
      #""sound check""#, "the edit that arrives last stands"),
    Merged(
      "stage", "SERVER_WINS", #""left""#, [#""right""#, #""centre""#], #""right""#,
      "the first to arrive stands; the others were not made on what is stored"),
    Merged(
      "notes", "MERGE_DEEP", #"{"key":"C"}"#,
      [#"{"tempo":120}"#, #"{"mood":"slow","key":null}"#], #"{"tempo":120,"mood":"slow"}"#,
      "members are merged one by one"),
    Merged("best", "MAX", "10", ["30", "20"], "30", "the greatest"),
    Merged("least", "MIN", "10", ["3", "5"], "3", "the least"),
    Merged(
      "tags", "SET_UNION", #"["loud"]"#,
      [#"{"$add":["new"]}"#, #"{"$add":["live"],"$remove":["loud"]}"#], #"["new","live"]"#,
      "adds and removes of all"),
    Merged(
      "plays", "COUNTER", "5", [#"{"$increment":2}"#, #"{"$increment":3}"#], "10",
      "all increments count"),
    Merged(
      "trail", "APPEND", #"["start"]"#,
      [#"{"$add":["one was here"]}"#, #"{"$add":["two was here"]}"#],
      #"["start","one was here","two was here"]"#,
      "all that was added, in the order of arrival"),
    Merged(
      "streak", "LATEST_VALID", "4", ["5", "-1"], "5",
      "the latest that the rule accepts (streak >= 0)"),
    Merged(
      "price", "REJECT", "100", ["120", "90"], "120",
      "what else was wanted is refused, and its person sees both values"),
    Merged(
      "poster", "USER_CHOICE", #""red""#, [#""blue""#, #""green""#], #""blue""#,
      "the server's value stands until the person chooses"),
  ]

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

private final class Lines {
  private(set) var all: [String] = []
  func add(_ line: String) { all.append(line) }
}
