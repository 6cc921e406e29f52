import Foundation
import RoostCore
import Rules
import TestEngine
import Testing

/// The outputs of the compiler say the same, and the same as a reader of the rules who walks over the
/// rows: the test in memory, the predicates of the engine, the scopes, and the filters.
///
/// A case is a collection of a random schema, a caller and a live row, read through all outputs. More
/// of them: `ROOST_RULES_CASES=1000000`; a failure again: `ROOST_RULES_SEED=<seed>`.
@Suite struct AgreementTests {
  private static func setting(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  @Test func everyOutputSaysWhatTheRulesSay() async throws {
    let wanted =
      AgreementTests.setting("ROOST_RULES_CASES")
      ?? (TestEngine.isThorough ? 10_000 : 3_000)
    let first = AgreementTests.setting("ROOST_RULES_SEED")
    var seed = UInt64(first ?? 20_261_121)
    var total = (schemas: 0, cases: 0, shown: 0, streamed: 0, filters: 0)
    var forms: [String: Int] = [:]
    let clock = ContinuousClock()
    let start = clock.now
    repeat {
      var agreement = try await Agreement(seed: seed)
      try await agreement.run()
      total.schemas += 1
      total.cases += agreement.cases
      total.shown += agreement.shown
      total.streamed += agreement.streamed
      total.filters += agreement.filters
      forms.merge(agreement.forms, uniquingKeysWith: +)
      seed += 1
    } while total.cases < wanted && first == nil
    print("rules agree: \(total), seeds from \(first ?? 20_261_121), in \(clock.now - start)")
    print("rows seen through scopes by form: \(forms.sorted { $0.key < $1.key })")
    guard first == nil else { return }
    // Outputs that show nothing would agree as well.
    #expect(total.shown * 8 > total.cases)
    #expect(total.streamed * 10 > total.cases)
    // Few cases meet the rare forms too seldom.
    for (form, count) in forms where wanted >= 10_000 && count * 2_000 < total.cases {
      Issue.record("only \(count) rows were seen through scopes with \(form)")
    }
    if wanted >= 10_000 { #expect(forms.count == Agreement.forms.count) }
  }
}
