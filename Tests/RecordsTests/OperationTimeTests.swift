import Records
import RoostCore
import Testing

/// Temporal constraints count from when a change was made, as far as that can be believed.
@Suite struct OperationTimeTests {
  private static let schema = """
    type Booking @collection @allow(ops: [ALL], owner: "owner") {
      owner: User!
      startsAt: DateTime! @constraint(temporal: FUTURE)
    }
    """

  /// Minutes from now: what is claimed, what was accepted last, and what counts.
  @Test(arguments: [
    (0, -10, 0), (-5, -10, -5), (-20, -10, -10), (1, -10, 1), (2, -10, 1), (60, -10, 1),
    (-5, 30, 1),
  ])
  func aClaimIsHeldBetweenTheLastOneAndAMinuteFromNow(claimed: Int, last: Int, counts: Int) {
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    func minutes(_ number: Int) -> Timestamp {
      Timestamp(milliseconds: now.milliseconds + Int64(number) * 60_000)
    }
    let time = OperationTime(claimed: minutes(claimed), lastAccepted: minutes(last))
    #expect(time.clamped(now: now) == minutes(counts))
    let end = Timestamp(milliseconds: .max)
    #expect(OperationTime(claimed: end, lastAccepted: now).clamped(now: end) == end)
  }

  @Test func whatLayInTheFutureWhenItWasMadeIsAccepted() async throws {
    let house = try await RecordsHouse(OperationTimeTests.schema)
    let now = house.time.now()
    func at(_ seconds: Int64) -> Timestamp {
      Timestamp(milliseconds: now.milliseconds + seconds * 1000)
    }
    let body: JSON = ["startsAt": .string(at(-3600).description)]
    func book(made: Timestamp?, last: Timestamp) async -> RoostError? {
      await refusal {
        let operation = try house.records.prepareCreate(
          house.collection("bookings"), body, by: .caller(house.ann),
          madeAt: made.map { OperationTime(claimed: $0, lastAccepted: last) })
        _ = try await house.records.batch([operation], answerBytes: .max)
      }
    }
    #expect(await book(made: nil, last: now)?.issues.first?.code == "future")
    #expect(await book(made: at(-7200), last: at(-86_400)) == nil)
    #expect(await book(made: at(-1800), last: at(-86_400))?.issues.first?.code == "future")
    #expect(await book(made: at(-7200), last: at(-60))?.issues.first?.code == "future")
    await house.close()
  }
}
