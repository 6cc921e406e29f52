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
  /// that went on behind a backup, over which others had written meanwhile.
  @Test("what once failed holds", arguments: [98714, 94373, 25745] as [UInt64])
  func found(_ seed: UInt64) async throws {
    let report = try await Worlds().run(seed..<seed + 1, workers: 1)
    #expect(report.failures.isEmpty)
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
    arguments: ["a sequence skips", "a removal has values", "an increment counts one more"])
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

  @Test("two devices that were away show the same afterwards")
  func show() async throws {
    let lines = Lines()
    let show = try await MergeShow { lines.add($0) }
    try await show.run(devices: 2, offlineSeconds: 30)
    let after = lines.all.drop { !$0.contains("The rows afterwards") }.dropFirst()
    #expect(after.count == 12)
    #expect(!after.contains { $0.contains(" | ") })
    #expect(after.contains { $0.contains("COUNTER") && $0.contains(" 10 ") })
  }
}

private final class Lines {
  private(set) var all: [String] = []
  func add(_ line: String) { all.append(line) }
}
