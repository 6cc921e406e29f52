/// How often something may happen: `count` times in `seconds`, and `burst` times at once after a rest.
package struct Rate: Sendable, Equatable {
  package let count: Int
  package let seconds: Int
  package let burst: Int

  package init(count: Int, seconds: Int, burst: Int) {
    precondition(count > 0 && seconds > 0 && burst > 0, "a rate lets something through")
    self.count = count
    self.seconds = seconds
    self.burst = burst
  }

  /// So often that it never refuses; for imports, benchmarks and tests.
  package static let unlimited = Rate(count: 1_000_000_000, seconds: 1, burst: 1_000_000_000)

  /// Reads a rate such as `600 per minute` or `600 per minute, burst 100`; nil for anything else.
  ///
  /// Without a burst it is as large as the count; one that takes more than a year to come back is none.
  package init?(_ text: String) {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "," })
    guard words.count == 3 || words.count == 5 && words[3] == "burst" && text.contains(","),
      words[1] == "per", let count = Rate.number(words[0]), let unit = Rate.units[String(words[2])]
    else { return nil }
    let burst = words.count == 5 ? Rate.number(words[4]) : count
    guard let burst, burst / count <= Rate.longestSeconds / unit else { return nil }
    self.init(count: count, seconds: unit, burst: burst)
  }

  private static let longestSeconds = 365 * 86_400
  private static let units = ["second": 1, "minute": 60, "hour": 3600, "day": 86_400]

  private static func number(_ text: Substring) -> Int? {
    guard let number = Int(text), number > 0, number <= 1_000_000_000 else { return nil }
    return number
  }

  /// The whole seconds in which a burst that is spent comes back.
  package var refillSeconds: Int {
    max(1, Int((intervalNanoseconds * UInt64(burst) + 999_999_999) / 1_000_000_000))
  }

  /// The time between two that follow each other evenly.
  var intervalNanoseconds: UInt64 { UInt64(seconds) * 1_000_000_000 / UInt64(count) }
}
