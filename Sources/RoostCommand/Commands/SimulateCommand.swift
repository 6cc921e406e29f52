import Glibc
import RoostCore
import RoostServer
import Simulation

/// `roost simulate`: devices and a server in made-up worlds, in which everything goes wrong.
struct SimulateCommand: Command {
  let name = "simulate"
  let summary = "try sync in made-up worlds, or see how devices merge"
  let operands = ""
  let options = [
    Option("--seeds", "N", "how many worlds (100)"),
    Option("--from", "S", "the first seed (1)"),
    Option("--seed", "S", "one world alone"),
    Option("--trace", nil, "print everything that happens in it"),
    Option("--bugs", nil, "plant each known bug, and say how soon it is found"),
    Option("--devices", "N", "show how so many devices merge, step by step"),
    Option("--offline", "SECONDS", "how long they are offline (30s)"),
    Option("--engine", "ENGINE", "sqlite (the default), or postgres, where no disk fails"),
    Option("--url", "ADDRESS", "the PostgreSQL of --engine postgres (ROOST_TEST_POSTGRES)"),
    Option(
      "--nodes", "N", "servers beside each other, of which any is asked; PostgreSQL alone (1)"),
    Option("--workers", "N", "worlds at a time (one a processor)"),
  ]
  let discussion = """
    Each seed is a world: people, devices, a network and a server with a disk, all of which fail as
    the seed has it. The server is the real one, over SQLite, and the devices are real clients. In
    the end everything heals, and every invariant of sync is checked. The same seed makes the same
    world, everywhere.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    try SimulateCommand.check(arguments)
    if let devices = arguments["--devices"] {
      let show = try await MergeShow { print($0) }
      try await show.run(
        devices: try whole(devices, "--devices", 2...10),
        offlineSeconds: Int64(try seconds(arguments["--offline"] ?? "30s")))
      return ExitStatus.success
    }
    let workers = try whole(
      arguments["--workers"] ?? "\(Processors.available)", "--workers", 1...256)
    let address = try address(arguments)
    let nodes = try whole(arguments["--nodes"] ?? "1", "--nodes", 1...8)
    if nodes > 1, address == nil {
      throw Arguments.Failure(description: "--nodes \(nodes): takes --engine postgres")
    }
    if let address {
      // Else every world would fail, and its seed be blamed.
      _ = try AppDatabase.isThere(
        "",
        Settings(
          file: nil, environment: [SettingKeys.database.environment: address], flags: [:]))
    }
    let simulation = try await Worlds(address: address, nodes: nodes)
    if arguments.has("--bugs") { return await bugs(simulation, workers) }
    if let seed = arguments["--seed"] {
      return await one(
        UInt64(try whole(seed, "--seed", 0...Int.max)), arguments.has("--trace"), simulation)
    }
    let count = try whole(arguments["--seeds"] ?? "100", "--seeds", 1...100_000_000)
    let from = try whole(arguments["--from"] ?? "1", "--from", 0...1_000_000_000)
    let most = address == nil ? 5 : .max
    let report = await simulation.run(
      UInt64(from)..<UInt64(from + count), workers: workers, failures: most)
    print(
      "\(report.worlds) worlds, \(Int(report.worldsPerSecond)) a second, "
        + "\(report.failures.count) failures, hash \(SimulateCommand.digits(report.hash))")
    for invariant in Invariant.allCases {
      guard let missing = invariant.missing else { continue }
      print("not checked: \(invariant.rawValue) \(invariant.says) (\(missing))")
    }
    let engine =
      (address == nil ? "" : "--engine postgres ") + (nodes == 1 ? "" : "--nodes \(nodes) ")
    for failure in report.failures {
      await show(failure, simulation, engine)
    }
    var isSame = true
    if address != nil {
      let files = try await Worlds(hasDisk: false).run(
        UInt64(from)..<UInt64(from + count), workers: workers)
      for (seed, state) in report.states.sorted(by: { $0.key < $1.key })
      where files.states[seed] != state {
        isSame = false
        print("seed \(seed): \(Invariant.engines.rawValue) \(Invariant.engines.says): it does not")
      }
    }
    return report.failures.isEmpty && isSame ? ExitStatus.success : ExitStatus.failure
  }

  /// Refuses options that would say nothing beside others, and words that are no options.
  private static func check(_ arguments: Arguments) throws(Arguments.Failure) {
    if let word = arguments.operands.first {
      throw Arguments.Failure(
        description: "\"\(word)\" is no option; one world alone is roost simulate --seed S")
    }
    for (option, owner) in [("--trace", "--seed"), ("--offline", "--devices")]
    where arguments.has(option) && !arguments.has(owner) {
      throw Arguments.Failure(description: "\(option) belongs to \(owner)")
    }
    if arguments.has("--url"), arguments["--engine"] != "postgres" {
      throw Arguments.Failure(description: "--url belongs to --engine postgres")
    }
    let alone = [
      "--devices": [
        "--seeds", "--from", "--seed", "--trace", "--bugs", "--engine", "--nodes", "--workers",
      ],
      "--bugs": ["--seeds", "--from", "--seed", "--engine", "--nodes"],
      "--seed": ["--seeds", "--from", "--workers"],
    ]
    for option in ["--devices", "--bugs", "--seed"] where arguments.has(option) {
      guard let other = alone[option]?.first(where: { arguments.has($0) }) else { continue }
      throw Arguments.Failure(description: "\(option) and \(other) do not go together")
    }
  }

  /// Where the PostgreSQL is; nil for SQLite.
  private func address(_ arguments: Arguments) throws(Arguments.Failure) -> String? {
    switch arguments["--engine"] ?? "sqlite" {
    case "sqlite": return nil
    case "postgres":
      if let url = arguments["--url"] { return url }
      guard let text = getenv("ROOST_TEST_POSTGRES") else {
        throw Arguments.Failure(description: "--engine postgres needs --url ADDRESS")
      }
      return String(cString: text)
    case let other:
      throw Arguments.Failure(description: "--engine \(other): takes sqlite or postgres")
    }
  }

  private func show(
    _ failure: Worlds.Failure, _ simulation: Worlds, _ engine: String
  ) async {
    print("\nseed \(failure.seed) fails: roost simulate \(engine)--seed \(failure.seed) --trace")
    if let error = failure.error { print("  \(error)") }
    for breach in failure.breaches {
      print("  \(breach.invariant.rawValue) \(breach.invariant.says): \(breach.detail)")
    }
    let steps = await simulation.shortest(failure.seed)
    print("  it fails after \(steps) steps; the last of them:")
    let trace = await simulation.trace(failure.seed, steps: steps)
    // What comes behind the steps is the same in every world.
    let lines = trace.lines.prefix { $0 != Worlds.calm }
    for line in lines.suffix(30) + trace.lines.filter({ $0.hasPrefix("!!") }) {
      print("  " + line.prefix(200))
    }
  }

  private func one(_ seed: UInt64, _ isTraced: Bool, _ simulation: Worlds) async -> Int32 {
    let trace = await simulation.trace(seed)
    if isTraced { for line in trace.lines { print(line) } }
    print("seed \(seed): hash \(SimulateCommand.digits(trace.hash))")
    for breach in trace.breaches {
      print("  \(breach.invariant.rawValue) \(breach.invariant.says): \(breach.detail)")
    }
    if let error = trace.error { print("  \(error)") }
    return trace.breaches.isEmpty && trace.error == nil
      ? ExitStatus.success : ExitStatus.failure
  }

  /// Runs each planted bug until it is found.
  private func bugs(_ simulation: Worlds, _ workers: Int) async -> Int32 {
    var isWhole = true
    for bug in PlantedBug.all {
      let report = await simulation.run(1..<2001, bug: bug, workers: workers, failures: 1)
      let found = report.failures.first { !$0.breaches.isEmpty }
      let name = bug.name + String(repeating: " ", count: max(1, 56 - bug.name.count))
      if let found {
        print("\(name)found by invariant \(bug.invariant.rawValue) at seed \(found.seed)")
      } else {
        isWhole = false
        print("\(name)NOT FOUND by invariant \(bug.invariant.rawValue) in \(report.worlds) seeds")
        for failure in report.failures { print("  seed \(failure.seed): \(failure.error ?? "")") }
      }
    }
    return isWhole ? ExitStatus.success : ExitStatus.failure
  }

  /// A hash as it is told, always as long.
  static func digits(_ hash: UInt64) -> String {
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  private func whole(
    _ text: String, _ option: String, _ range: ClosedRange<Int>
  ) throws(Arguments.Failure) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw Arguments.Failure(
        description:
          "\(option) \(text): takes a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private func seconds(_ text: String) throws(Arguments.Failure) -> Int {
    let range = 1...1_000_000
    guard let number = Int(text.hasSuffix("s") ? String(text.dropLast()) : text),
      range.contains(number)
    else {
      throw Arguments.Failure(
        description: "--offline \(text): takes seconds, such as 30s or 30, from "
          + "\(range.lowerBound)s to \(range.upperBound)s")
    }
    return number
  }
}
