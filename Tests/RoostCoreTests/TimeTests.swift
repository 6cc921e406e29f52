import RoostCore
import Testing

@Suite struct TimeTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-01-31T20:00:00.123Z", 1_769_889_600_123),
    ("2026-01-31T21:00:00.123456+01:00", 1_769_889_600_123), ("1969-12-31T23:59:59.999Z", -1),
    ("2000-02-29t00:00:00z", 951_782_400_000),
  ]) func readsRFC3339(text: String, milliseconds: Int64) {
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2026-01-31", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-31T24:00:00Z",
    "2026-01-31T20:00Z", "2026-01-31T20:00:00", "2026-01-31T20:00:00.Z", "2026-1-1T00:00:00Z",
    "2026-01-31T20:00:00+0100", "2026-01-31T20:00:00Zx", "0000-01-01T00:00:00+23:59",
  ]) func refusesOtherTexts(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test func writesEveryDayOfFourCenturiesAsItReads() {
    for day in stride(from: Int64(-719_528), to: 2_932_896, by: 97) {
      let date = CalendarDate(daysSince1970: day)
      #expect(CalendarDate(date.description) == date)
    }
    #expect(Timestamp.maximum.description == "9999-12-31T23:59:59.999Z")
    #expect(Timestamp.minimum.description == "0000-01-01T00:00:00.000Z")
  }

  @Test(arguments: [
    ("PT45M", 2_700_000, "PT45M"), ("P1DT2H", 93_600_000, "P1DT2H"), ("PT1.5S", 1500, "PT1.5S"),
    ("P2W", 1_209_600_000, "P14D"), ("PT0S", 0, "PT0S"), ("-PT1S", -1000, "-PT1S"),
    ("PT90M", 5_400_000, "PT1H30M"),
  ]) func readsDurations(text: String, milliseconds: Int64, canonical: String) {
    let duration = CalendarDuration(text)
    #expect(duration?.milliseconds == milliseconds)
    #expect(duration?.description == canonical)
  }

  @Test(arguments: [
    "", "P", "PT", "P1Y", "P1M", "PT1", "1H", "PT1H1H", "PT1S1M", "P99999999999999999D", "PT1.5H",
  ])
  func refusesOtherDurations(text: String) {
    #expect(CalendarDuration(text) == nil)
  }

  @Test func readsYearsWhereAnApproximationIsMeant() {
    #expect(CalendarDuration("P2Y", allowingYears: true)?.milliseconds == 63_072_000_000)
  }
}
