import Foundation
import Rules
import Testing

/// The comparison finds what it is there to find: one planted fault at a time.
@Suite struct PlantedFaultTests {
  private static let cases = 8_000

  @Test(arguments: Fault.allCases)
  func aPlantedFaultIsFound(_ fault: Fault) async throws {
    var seed: UInt64 = 1
    var cases = 0
    while cases < PlantedFaultTests.cases {
      var agreement = try await Agreement(seed: seed, fault: fault)
      do {
        try await agreement.run()
      } catch {
        cases += agreement.cases
        print("planted \(fault): found after \(cases) cases, seed \(seed)")
        // It was the fault that was found, and not one that was there before.
        var healthy = try await Agreement(seed: seed)
        try await healthy.run()
        return
      }
      cases += agreement.cases
      seed += 1
    }
    Issue.record("\(fault) was not found within \(cases) cases")
  }
}
