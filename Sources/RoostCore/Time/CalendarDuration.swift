/// A length of time in days and smaller units, to the millisecond; months and years have no fixed
/// length and are refused, so that durations have an order.
package struct CalendarDuration: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (left: CalendarDuration, right: CalendarDuration) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// Reads ISO 8601 in weeks, days, hours, minutes and seconds: `PT45M`, `P1DT2H`, `PT1.5S`, `P2W`,
  /// with an optional leading minus.
  ///
  /// `allowingYears` also reads `P2Y` as 365 days a year and `P3M` as 30 days a month, for windows
  /// and retention, where an approximate length is meant.
  package init?(_ text: String, allowingYears: Bool = false) {
    var scanner = DigitScanner(text)
    let negative = scanner.take("-")
    guard scanner.take("P") else { return nil }
    var total: Int64 = 0
    var parts = 0
    var inTime = false
    // Each unit may appear once and in order; the rank rises with each one read.
    var rank = -1
    while !scanner.isAtEnd {
      if !inTime, scanner.take("T") {
        inTime = true
        rank = 3
        guard !scanner.isAtEnd else { return nil }
        continue
      }
      guard let number = scanner.number() else { return nil }
      var fraction: Int64 = 0
      let hasFraction = scanner.take(".") || scanner.take(",")
      if hasFraction {
        guard let milliseconds = scanner.fraction() else { return nil }
        fraction = milliseconds
      }
      guard let (unit, unitRank) = CalendarDuration.unit(&scanner, inTime, allowingYears),
        unitRank > rank, !hasFraction || unit == 1000
      else { return nil }
      let (product, overflow) = number.multipliedReportingOverflow(by: unit)
      let (sum, overflowToo) = total.addingReportingOverflow(product + (overflow ? 0 : fraction))
      guard !overflow, !overflowToo else { return nil }
      total = sum
      rank = unitRank
      parts += 1
    }
    guard parts > 0 else { return nil }
    milliseconds = negative ? -total : total
  }

  private static func unit(
    _ scanner: inout DigitScanner, _ inTime: Bool, _ allowingYears: Bool
  ) -> (Int64, Int)? {
    if inTime {
      if scanner.take("H") { return (3_600_000, 4) }
      if scanner.take("M") { return (60_000, 5) }
      if scanner.take("S") { return (1000, 6) }
      return nil
    }
    if allowingYears, scanner.take("Y") { return (365 * 86_400_000, 0) }
    if allowingYears, scanner.take("M") { return (30 * 86_400_000, 1) }
    if scanner.take("W") { return (7 * 86_400_000, 2) }
    if scanner.take("D") { return (86_400_000, 3) }
    return nil
  }

  /// ISO 8601 in days, hours, minutes and seconds, the shortest form: `PT45M`, `P1DT2H`, `PT0S`.
  package var description: String {
    String(unsafeUninitializedCapacity: CalendarDuration.longestText) { buffer in
      buffer.baseAddress.map { format(into: $0) } ?? 0
    }
  }

  /// No `description` has more bytes than this.
  package static let longestText = 48

  /// Writes the bytes of `description` and returns how many there are.
  package func format(into start: UnsafeMutablePointer<UInt8>) -> Int {
    var text = DurationText(start: start)
    if milliseconds < 0 { text.append(UInt8(ascii: "-")) }
    text.append(UInt8(ascii: "P"))
    let total = milliseconds.magnitude
    let days = total / 86_400_000
    let time = UInt32(truncatingIfNeeded: total % 86_400_000)
    if days > 0 {
      text.append(days, UInt8(ascii: "D"))
      if time == 0 { return text.count }
    }
    text.append(UInt8(ascii: "T"))
    let hours = time / 3_600_000
    let minutes = time / 60_000 % 60
    let seconds = time / 1000 % 60
    let thousandths = time % 1000
    if hours > 0 { text.append(UInt64(hours), UInt8(ascii: "H")) }
    if minutes > 0 { text.append(UInt64(minutes), UInt8(ascii: "M")) }
    guard seconds > 0 || thousandths > 0 || total == 0 else { return text.count }
    text.append(UInt64(seconds), thousandths > 0 ? UInt8(ascii: ".") : UInt8(ascii: "S"))
    guard thousandths > 0 else { return text.count }
    text.append(UInt8(truncatingIfNeeded: 48 + thousandths / 100))
    if thousandths % 100 > 0 { text.append(UInt8(truncatingIfNeeded: 48 + thousandths / 10 % 10)) }
    if thousandths % 10 > 0 { text.append(UInt8(truncatingIfNeeded: 48 + thousandths % 10)) }
    text.append(UInt8(ascii: "S"))
    return text.count
  }
}

/// Bytes of a duration's text, one behind the other.
private struct DurationText {
  let start: UnsafeMutablePointer<UInt8>
  var count = 0

  mutating func append(_ byte: UInt8) {
    start[count] = byte
    count += 1
  }

  /// Appends a number in decimal digits, and its unit.
  mutating func append(_ value: UInt64, _ unit: UInt8) {
    append(digits: value)
    append(unit)
  }

  private mutating func append(digits value: UInt64) {
    if value >= 10 { append(digits: value / 10) }
    append(UInt8(truncatingIfNeeded: 48 + value % 10))
  }
}
