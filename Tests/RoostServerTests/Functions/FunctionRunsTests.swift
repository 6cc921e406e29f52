import Queries
import RoostCore
import RoostServer
import Testing

@Suite("The record of functions' runs")
struct FunctionRunsTests {
  private static let schema = "type Booking @collection @allow(ops: [ALL]) { title: String }"
  private static let day: Int64 = 86_400_000

  private func run(_ number: Int, _ function: String, at: Timestamp) -> FunctionRun {
    FunctionRun(
      id: UUID(high: 1, low: UInt64(number)), function: function, cause: .trigger,
      operation: UUID(high: 2, low: UInt64(number)), attempt: number, startedAt: at,
      milliseconds: 12, outcome: number % 2 == 0 ? .done : .failed,
      status: number % 2 == 0 ? 200 : nil, bytes: 34, mutations: 1,
      error: number % 2 == 0 ? nil : String(repeating: "x", count: 10_000))
  }

  @Test("Runs are listed from the newest, and go when they are thirty days old")
  func keeps() async throws {
    let house = try await ImportHouse(Self.schema)
    let now = SystemTime().now()
    let ages = [0, 1, 29, 31, 400]
    try await house.app.database.write { transaction in
      for (number, age) in ages.enumerated() {
        let at = now.adding(milliseconds: -Int64(age) * Self.day)
        try await FunctionRuns.add(
          run(number, number == 1 ? "second" : "first", at: at), in: transaction)
      }
    }
    func attempts(_ function: String?, _ limit: Int = 50) async throws -> [Int] {
      try await house.app.database.read(.statement) { reader in
        try await FunctionRuns.list(of: function, limit: limit, in: reader)
      }.map(\.attempt)
    }
    #expect(try await attempts(nil) == [0, 1, 2, 3, 4])
    #expect(try await attempts(nil, 2) == [0, 1])
    #expect(try await attempts("first") == [0, 2, 3, 4])
    #expect(try await attempts("third") == [])
    try await FunctionRuns.trim(on: house.app.database, now: now)
    #expect(try await attempts(nil) == [0, 1, 2])
    let kept = try await house.app.database.read(.statement) { reader in
      try await FunctionRuns.list(of: "second", limit: 1, in: reader)
    }
    // What is kept of a reason has an end.
    #expect(kept.first?.error?.utf8.count == 500)
    #expect(kept.first?.status == nil)
    #expect(kept.first?.outcome == .failed)
    await house.close()
  }
}
