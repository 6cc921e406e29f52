/// An instant: whole milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Valid instants lie in the years 0000 to 9999, those that RFC 3339 can write.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static let minimum = Timestamp(milliseconds: -62_167_219_200_000)
  package static let maximum = Timestamp(milliseconds: 253_402_300_799_999)

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// This instant moved by `milliseconds`, clamped to the valid range.
  package func adding(milliseconds: Int64) -> Timestamp {
    let (sum, overflow) = self.milliseconds.addingReportingOverflow(milliseconds)
    if overflow { return milliseconds < 0 ? .minimum : .maximum }
    return Timestamp(
      milliseconds: Swift.min(
        Swift.max(sum, Timestamp.minimum.milliseconds), Timestamp.maximum.milliseconds))
  }

  /// RFC 3339 in UTC with milliseconds, such as `2026-01-31T20:00:00.000Z`.
  package var description: String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(24)
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the 24 bytes of `description`.
  package func write(to out: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { buffer in
      if let start = buffer.baseAddress { format(into: start) }
      out.append(contentsOf: UnsafeBufferPointer(buffer))
    }
  }

  /// Writes the 24 bytes of `description`.
  func format(into buffer: UnsafeMutablePointer<UInt8>) {
    let (days, inDay) = Timestamp.floorDivide(milliseconds, 86_400_000)
    CalendarDate(daysSince1970: days).format(into: buffer)
    Timestamp.formatTime(inDay, into: buffer)
  }

  /// Writes what follows the date in `description`, for that many milliseconds of a day.
  @inline(__always)
  static func formatTime(_ milliseconds: Int64, into buffer: UnsafeMutablePointer<UInt8>) {
    // 32-bit divisions are several times faster than 64-bit ones.
    let time = UInt32(truncatingIfNeeded: milliseconds)
    buffer[10] = UInt8(ascii: "T")
    CalendarDate.formatPair(time / 3_600_000, buffer, 11)
    buffer[13] = UInt8(ascii: ":")
    CalendarDate.formatPair(time / 60_000 % 60, buffer, 14)
    buffer[16] = UInt8(ascii: ":")
    CalendarDate.formatPair(time / 1000 % 60, buffer, 17)
    buffer[19] = UInt8(ascii: ".")
    CalendarDate.formatPair(time % 1000 / 10, buffer, 20)
    buffer[22] = UInt8(truncatingIfNeeded: 48 + time % 10)
    buffer[23] = UInt8(ascii: "Z")
  }

  /// Reads RFC 3339 (`2026-01-31T20:00:00Z`, any offset, up to nine digits of a fraction, which are
  /// cut to milliseconds); nil for anything else.
  ///
  /// A leap second (`:60`) reads as the next second.
  package init?(_ text: String) {
    var scanner = DigitScanner(text)
    guard let date = CalendarDate(scanning: &scanner),
      scanner.take("T") || scanner.take("t") || scanner.take(" "),
      let hour = scanner.digits(2), hour < 24, scanner.take(":"),
      let minute = scanner.digits(2), minute < 60, scanner.take(":"),
      let second = scanner.digits(2), second <= 60
    else { return nil }
    var fraction: Int64 = 0
    if scanner.take(".") {
      guard let milliseconds = scanner.fraction() else { return nil }
      fraction = milliseconds
    }
    var offset: Int64 = 0
    if !(scanner.take("Z") || scanner.take("z")) {
      let negative = scanner.take("-")
      guard negative || scanner.take("+"), let hours = scanner.digits(2), hours < 24,
        scanner.take(":"), let minutes = scanner.digits(2), minutes < 60
      else { return nil }
      offset = (hours * 60 + minutes) * (negative ? -60_000 : 60_000)
    }
    guard scanner.isAtEnd else { return nil }
    let day = date.daysSince1970 * 86_400_000
    let value = day + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offset
    guard value >= Timestamp.minimum.milliseconds, value <= Timestamp.maximum.milliseconds
    else { return nil }
    milliseconds = value
  }

  @inline(__always) static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    var quotient = value / by
    var remainder = value % by
    if remainder < 0 {
      quotient -= 1
      remainder += by
    }
    return (quotient, remainder)
  }
}
