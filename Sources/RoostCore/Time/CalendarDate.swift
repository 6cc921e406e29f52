/// A day of the proleptic Gregorian calendar, years 0000 to 9999.
package struct CalendarDate: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let daysSince1970: Int64

  package init(daysSince1970: Int64) { self.daysSince1970 = daysSince1970 }

  package static func < (left: CalendarDate, right: CalendarDate) -> Bool {
    left.daysSince1970 < right.daysSince1970
  }

  /// Reads `2026-01-31`; nil for anything else, and for days that no calendar has.
  package init?(_ text: String) {
    var scanner = DigitScanner(text)
    guard let date = CalendarDate(scanning: &scanner), scanner.isAtEnd else { return nil }
    self = date
  }

  init?(scanning scanner: inout DigitScanner) {
    guard let year = scanner.digits(4), scanner.take("-"),
      let month = scanner.digits(2), month >= 1, month <= 12, scanner.take("-"),
      let day = scanner.digits(2), day >= 1, day <= CalendarDate.days(inMonth: month, of: year)
    else { return nil }
    self.init(year: year, month: month, day: day)
  }

  /// From a valid civil date, by the algorithm `days_from_civil` of Howard Hinnant,
  /// "chrono-Compatible Low-Level Date Algorithms".
  package init(year: Int64, month: Int64, day: Int64) {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = Timestamp.floorDivide(shifted, 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    daysSince1970 = era * 146_097 + dayOfEra - 719_468
  }

  /// Year, month and day, by the algorithm `civil_from_days` of the same source.
  package var civil: (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = Timestamp.floorDivide(daysSince1970 + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  package var description: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the ten bytes of `description`.
  package func write(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 10) { buffer in
      if let start = buffer.baseAddress { format(into: start) }
      out.append(contentsOf: UnsafeBufferPointer(buffer))
    }
  }

  /// Writes the ten bytes of `description`.
  func format(into buffer: UnsafeMutablePointer<UInt8>) {
    let (year, month, day) = civil
    let century = UInt32(truncatingIfNeeded: year)
    CalendarDate.formatPair(century / 100, buffer, 0)
    CalendarDate.formatPair(century % 100, buffer, 2)
    buffer[4] = UInt8(ascii: "-")
    CalendarDate.formatPair(UInt32(truncatingIfNeeded: month), buffer, 5)
    buffer[7] = UInt8(ascii: "-")
    CalendarDate.formatPair(UInt32(truncatingIfNeeded: day), buffer, 8)
  }

  /// Writes a number below 100 as two digits; a greater one as 99.
  @inline(__always) static func formatPair(
    _ value: UInt32, _ buffer: UnsafeMutablePointer<UInt8>, _ start: Int
  ) {
    let pairs = UnsafeRawPointer(twoDigits.utf8Start)
    UnsafeMutableRawPointer(buffer).storeBytes(
      of: pairs.loadUnaligned(fromByteOffset: Int(min(value, 99)) * 2, as: UInt16.self),
      toByteOffset: start, as: UInt16.self)
  }

  /// `000102…99`.
  private static let twoDigits: StaticString = """
    0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546\
    4748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293\
    949596979899
    """

  static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

}
