import HTTPClient
import Queries
import REST
import RoostCore

/// The figures of functions, and what administrators are told of them.
enum FunctionMetrics {
  static func all(_ app: App) -> [Metric] {
    let lines = app.functions.lines
    guard !lines.isEmpty else { return [] }
    typealias Sample = (labels: [(String, String)], value: Double)
    var runs: [Sample] = []
    var seconds: [Sample] = []
    var open: [Sample] = []
    var postponed: [Sample] = []
    var loops: [Sample] = []
    for line in lines {
      let name = ("function", line.function.name)
      let figures = line.figures
      for outcome in FunctionRun.Outcome.allCases {
        runs.append(
          ([name, ("outcome", outcome.rawValue)], Double(figures.outcomes[outcome] ?? 0)))
      }
      seconds.append(([name], Double(figures.milliseconds) / 1000))
      open.append(([name], line.breakerState.state == .closed ? 0 : 1))
      postponed.append(([name], Double(figures.postponed)))
      loops.append(([name], Double(figures.loops)))
    }
    return [
      Metric(
        "roost_function_runs_total", .counter, "Calls of functions by outcome.", samples: runs),
      Metric(
        "roost_function_seconds_total", .counter, "Time spent in calls of functions.",
        samples: seconds),
      Metric(
        "roost_function_breaker_open", .gauge,
        "Whether a function is left alone because it failed too often.", samples: open),
      Metric(
        "roost_function_postponed_total", .counter,
        "Calls that were put off because a function is left alone.", samples: postponed),
      Metric(
        "roost_function_loops_total", .counter,
        "Changes that called nothing because too many functions followed from one another.",
        samples: loops),
    ]
  }

  /// What the administrator's routes show and do.
  static func source(_ app: App) -> FunctionRoutes.Source {
    let (functions, database) = (app.functions, app.database)
    return FunctionRoutes.Source(
      list: {
        var runs: [FunctionRun] = []
        for line in functions.lines {
          let name = line.function.name
          runs += try await database.read(.statement) { reader in
            try await FunctionRuns.list(of: name, limit: 10, in: reader)
          }
        }
        return functions.listing(runs)
      },
      runs: { name, limit in
        _ = try functions.known(name)
        let runs = try await database.read(.statement) { reader in
          try await FunctionRuns.list(of: name, limit: limit, in: reader)
        }
        return .array(runs.map(\.json))
      },
      test: { try await functions.test($0).json })
  }
}
