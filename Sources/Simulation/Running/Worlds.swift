import RoostCore
import Synchronization

/// Runs worlds, as many at a time as there are processors.
package struct Worlds: Sendable {
  /// A world in which something did not hold.
  package struct Failure: Sendable {
    package let seed: UInt64
    package let breaches: [Breach]
    /// Steps after which it shows, at the least.
    package let steps: Int
    /// What happened up to there.
    package let lines: [String]
    /// A fault of the world, or an error that nothing expected.
    package let error: String?
  }

  package struct Report: Sendable {
    package var worlds = 0
    package var failures: [Failure] = []
    package var nanoseconds: UInt64 = 0
    /// Of all worlds, in the order of their seeds.
    package var hash: UInt64 = 0
    /// What people see at the end, by the seed.
    package var states: [UInt64: UInt64] = [:]
    package var worldsPerSecond: Double {
      nanoseconds == 0 ? 0 : Double(worlds) * 1e9 / Double(nanoseconds)
    }
  }

  /// The line of a trace behind which no more faults come.
  package static let calm = "everything heals"

  private let plain: Stage
  /// Of every fourth world: one in which scopes are held through others.
  private let linked: Stage
  /// Of every 128th: one in which another major version of the app is deployed.
  private let renamed: Stage
  private let hasDisk: Bool

  /// `address` is that of a PostgreSQL, on which the server may be several processes; nil for SQLite on
  /// disks in memory.
  ///
  /// Without `hasDisk` no disk fails, so that the worlds are the same on both.
  package init(address: String? = nil, nodes: Int = 1, hasDisk: Bool = true) async throws {
    plain = try await Stage(address: address, nodes: nodes)
    linked = try await Stage(address: address, nodes: nodes, linked: true)
    renamed = try await Stage(address: address, nodes: nodes, renamed: true)
    self.hasDisk = hasDisk
  }

  private func stage(of seed: UInt64) -> Stage {
    if seed % 4 == 3 { return linked }
    return seed % 128 == 6 ? renamed : plain
  }

  /// Runs the worlds of `seeds`; ends after so many failures.
  package func run(
    _ seeds: Range<UInt64>, bug: PlantedBug? = nil, workers: Int, failures most: Int = 5
  ) async -> Report {
    let time = SystemTime()
    let begin = time.monotonicNanoseconds()
    let results = Results(
      next: seeds.lowerBound, end: seeds.upperBound, most: most, countsErrors: bug == nil)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<max(1, workers) {
        group.addTask {
          while let seed = results.take() {
            let (outcome, error) = await world(seed, bug)
            results.put(seed, outcome, error)
          }
        }
      }
    }
    var report = Report()
    report.nanoseconds = time.monotonicNanoseconds() - begin
    let all = results.all
    report.worlds = all.count
    for (seed, result) in all.sorted(by: { $0.key < $1.key }) {
      report.states[seed] = result.state
      report.hash = (report.hash ^ result.hash) &* 0x100_0000_01B3
      guard !result.breaches.isEmpty || result.error != nil else { continue }
      report.failures.append(
        Failure(
          seed: seed, breaches: result.breaches, steps: result.steps, lines: [],
          error: result.error))
    }
    return report
  }

  /// One world, with its trace.
  package func trace(_ seed: UInt64, bug: PlantedBug? = nil, steps: Int = .max) async -> Trace {
    var failure: String?
    let world: World
    do {
      world = try World(
        seed: seed, stage: stage(of: seed), bug: bug, hasDisk: hasDisk, keepsLines: true)
    } catch {
      return Trace(hash: 0, lines: [], breaches: [], error: World.text(error))
    }
    do {
      _ = try await world.run(steps: steps)
    } catch {
      failure = World.text(error)
    }
    return Trace(
      hash: world.trace.hash, lines: world.trace.lines, breaches: world.breaches, error: failure)
  }

  package struct Trace: Sendable {
    package let hash: UInt64
    package let lines: [String]
    package let breaches: [Breach]
    package let error: String?
  }

  /// The fewest steps after which the world of a failing seed fails.
  package func shortest(_ seed: UInt64, bug: PlantedBug? = nil) async -> Int {
    for steps in 0..<Weather.mostSteps {
      let world = try? World(seed: seed, stage: stage(of: seed), bug: bug, hasDisk: hasDisk)
      let outcome = try? await world?.run(steps: steps)
      if outcome.map({ !$0.breaches.isEmpty || $0.steps < steps }) ?? true { return steps }
    }
    return Weather.mostSteps
  }

  private func world(_ seed: UInt64, _ bug: PlantedBug?) async -> (World.Outcome?, String?) {
    do {
      let world = try World(seed: seed, stage: stage(of: seed), bug: bug, hasDisk: hasDisk)
      return (try await world.run(), nil)
    } catch {
      return (nil, World.text(error))
    }
  }

  /// What the workers share.
  private final class Results: Sendable {
    struct Result: Sendable {
      let hash: UInt64
      let state: UInt64
      let breaches: [Breach]
      let steps: Int
      let error: String?
    }
    private struct State {
      var next: UInt64
      var failures = 0
      var found: [UInt64: Result] = [:]
    }
    private let state: Mutex<State>
    private let end: UInt64
    private let most: Int

    /// A planted bug may end a world before it is found.
    private let countsErrors: Bool

    init(next: UInt64, end: UInt64, most: Int, countsErrors: Bool) {
      self.countsErrors = countsErrors
      state = Mutex(State(next: next))
      self.end = end
      self.most = most
    }

    func take() -> UInt64? {
      state.withLock { state in
        guard state.next < end, state.failures < most else { return nil }
        defer { state.next += 1 }
        return state.next
      }
    }

    func put(_ seed: UInt64, _ outcome: World.Outcome?, _ error: String?) {
      state.withLock { state in
        let result = Result(
          hash: outcome?.hash ?? 0, state: outcome?.state ?? 0,
          breaches: outcome?.breaches ?? [], steps: outcome?.steps ?? 0, error: error)
        if (error != nil && countsErrors) || !result.breaches.isEmpty { state.failures += 1 }
        state.found[seed] = result
      }
    }

    var all: [UInt64: Result] { state.withLock { $0.found } }
  }
}
