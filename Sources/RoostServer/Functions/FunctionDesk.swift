import Queries
package import RoostCore
import Schema

/// What `roost functions` does: looks at the record of runs, and calls a function to see whether it
/// answers.
package enum FunctionDesk {
  /// The newest runs, from the data of an app that is not served, or from the server that the
  /// settings name.
  package static func runs(
    of function: String?, limit: Int, _ data: String, _ settings: Settings, ambient: Ambient
  ) async throws -> [FunctionRun] {
    let desk = try await JobDesk.open(data, settings, ambient: ambient)
    do {
      let runs = try await desk.database.read(.statement) { reader in
        try await FunctionRuns.list(of: function, limit: limit, in: reader)
      }
      await desk.database.close()
      return runs
    } catch {
      await desk.database.close()
      throw error
    }
  }

  /// Calls a function with nothing to do; what it answers changes nothing and is not written down.
  package static func test(
    _ name: String, _ book: FunctionBook, ambient: Ambient
  ) async throws -> FunctionRun {
    let functions = AppFunctions(book, ambient)
    defer { functions.stop() }
    return try await AppFunctions.test(try functions.known(name), ambient)
  }
}
