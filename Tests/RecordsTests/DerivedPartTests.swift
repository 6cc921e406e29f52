import RoostCore
import Schema
import Testing

@testable import Records

@Suite struct DerivedPartTests {
  @Test(arguments: [
    ("2026-01-31", "2026-01-31", "2026-01-26", "2026-01-01", "2026-01-01"),
    ("2026-02-01", "2026-02-01", "2026-01-26", "2026-02-01", "2026-01-01"),
    ("2026-02-02", "2026-02-02", "2026-02-02", "2026-02-01", "2026-01-01"),
    ("1970-01-01", "1970-01-01", "1969-12-29", "1970-01-01", "1970-01-01"),
    ("1969-12-31", "1969-12-31", "1969-12-29", "1969-12-01", "1969-01-01"),
    ("2024-02-29", "2024-02-29", "2024-02-26", "2024-02-01", "2024-01-01"),
  ])
  func aPartOfTheCalendarIsNamedByItsFirstDay(
    _ text: String, _ day: String, _ week: String, _ month: String, _ year: String
  ) throws {
    let date = try #require(CalendarDate(text))
    let parts: [Schema.Grouping.Part] = [.day, .week, .month, .year]
    #expect(parts.map { $0.first(of: date).description } == [day, week, month, year])
  }

  @Test func doublesKeepTheirOrderAsIntegersAndComeBack() throws {
    let values: [Double] = [
      -Double.greatestFiniteMagnitude, -1e10, -1.5, -Double.leastNonzeroMagnitude, 0,
      Double.leastNonzeroMagnitude, 0.1, 1, 1.5, 1e10, Double.greatestFiniteMagnitude,
    ]
    let numbers = values.compactMap { DerivedNumber.of(.double($0)) }
    #expect(numbers.count == values.count)
    #expect(numbers == numbers.sorted())
    #expect(Set(numbers).count == numbers.count)
    for (value, number) in zip(values, numbers) {
      #expect(DerivedNumber.value(number, as: .float) == .double(value))
    }
    #expect(DerivedNumber.of(.double(-0.0)) == DerivedNumber.of(.double(0)))
  }

  @Test func aPartComesBackAsItWasStored() {
    let key = UUID(high: 1, low: 2)
    for values in [[], [nil], [0], [nil, nil], [-1, nil, Int64.max]] as [[Int64?]] {
      let part = DerivedPart(key: key, values: values)
      #expect(DerivedPart(key: key, held: part.held, slots: values.count) == part)
    }
    #expect(DerivedPart(key: key, values: [nil]) != DerivedPart(key: key, values: [0]))
  }

  @Test func sumsBeyondSixtyFourBitsComeBackAsTheyWere() {
    let sums: [Int128] = [
      0, -1, Int128(Int64.max), Int128(Int64.min), Int128(Int64.max) * 1000, Int128.min,
    ]
    #expect(DerivedLists.sums(DerivedLists.text(of: sums)) == sums)
    #expect(DerivedLists.sums("") == [])
  }
}
