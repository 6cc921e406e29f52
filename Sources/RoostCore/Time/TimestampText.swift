/// Writes instants as text and remembers the day of the last one: the dates of a list mostly lie close
/// together, and a date costs more than the time of day.
struct TimestampText {
  private var day = Int64.min
  /// The ten bytes of the day's text.
  private var start: UInt64 = 0
  private var end: UInt16 = 0

  /// Writes the 24 bytes of `Timestamp.description`.
  @inline(__always)
  mutating func format(_ value: Timestamp, into buffer: UnsafeMutablePointer<UInt8>) {
    let (day, time) = Timestamp.floorDivide(value.milliseconds, 86_400_000)
    let bytes = UnsafeMutableRawPointer(buffer)
    if day == self.day {
      bytes.storeBytes(of: start, as: UInt64.self)
      bytes.storeBytes(of: end, toByteOffset: 8, as: UInt16.self)
    } else {
      CalendarDate(daysSince1970: day).format(into: buffer)
      self.day = day
      start = bytes.loadUnaligned(as: UInt64.self)
      end = bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
    }
    Timestamp.formatTime(time, into: buffer)
  }
}
