package import RoostCore

/// Dates in HTTP's own format, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
package enum HTTPDate {
  /// The 29 bytes of `time`.
  package static func bytes(_ time: Timestamp) -> [UInt8] {
    let (seconds, _) = floorDivide(time.milliseconds, 1000)
    let (days, inDay) = floorDivide(seconds, 86_400)
    let (year, month, day) = CalendarDate(daysSince1970: days).civil
    // 1970-01-01 was a Thursday.
    let weekday = floorDivide(days + 4, 7).remainder
    var out: [UInt8] = []
    out.reserveCapacity(29)
    appendName(weekdays, weekday, &out)
    out += [0x2C, 0x20]
    appendDigits(day, 2, &out)
    out.append(0x20)
    appendName(months, month - 1, &out)
    out.append(0x20)
    appendDigits(year, 4, &out)
    out.append(0x20)
    appendDigits(inDay / 3600, 2, &out)
    out.append(0x3A)
    appendDigits(inDay / 60 % 60, 2, &out)
    out.append(0x3A)
    appendDigits(inDay % 60, 2, &out)
    out += Array(" GMT".utf8)
    return out
  }

  private static let weekdays = Array("SunMonTueWedThuFriSat".utf8)
  private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

  private static func appendName(_ names: [UInt8], _ index: Int64, _ out: inout [UInt8]) {
    let start = Int(index) * 3
    out += names[start..<(start + 3)]
  }

  private static func appendDigits(_ value: Int64, _ width: Int, _ out: inout [UInt8]) {
    if width > 1 { appendDigits(value / 10, width - 1, &out) }
    out.append(UInt8(48 + value % 10))
  }

  private static func floorDivide(
    _ value: Int64, _ by: Int64
  ) -> (quotient: Int64, remainder: Int64) {
    let remainder = value % by
    return remainder < 0 ? (value / by - 1, remainder + by) : (value / by, remainder)
  }
}
