/// Writes instants as text and remembers the days of the last ones: the dates of a list mostly lie
/// close together, and a date costs more than the time of day.
struct TimestampText {
  /// The ten bytes of a day's text.
  private struct Day {
    var number = Int64.min
    var start: UInt64 = 0
    var end: UInt16 = 0
  }

  /// A day has its place by its number, so that the few dates of a row do not drive each other out.
  private var days: InlineArray<4, Day> = .init(repeating: Day())
  /// The last instant, which a record that was never changed says twice, and its text.
  private var last = Int64.min
  private var text: (UInt64, UInt64, UInt64) = (0, 0, 0)

  /// Writes the 24 bytes of `Timestamp.description`.
  @inline(__always)
  mutating func format(_ value: Timestamp, into buffer: UnsafeMutablePointer<UInt8>) {
    let bytes = UnsafeMutableRawPointer(buffer)
    if value.milliseconds == last, last != .min {
      bytes.storeBytes(of: text, as: (UInt64, UInt64, UInt64).self)
      return
    }
    let (number, time) = Timestamp.floorDivide(value.milliseconds, 86_400_000)
    let place = Int(truncatingIfNeeded: number & 3)
    if days[place].number != number {
      CalendarDate(daysSince1970: number).format(into: buffer)
      days[place].number = number
      days[place].start = bytes.loadUnaligned(as: UInt64.self)
      days[place].end = bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)
    }
    bytes.storeBytes(of: days[place].start, as: UInt64.self)
    bytes.storeBytes(of: days[place].end, toByteOffset: 8, as: UInt16.self)
    Timestamp.formatTime(time, into: buffer)
    last = value.milliseconds
    text = bytes.loadUnaligned(as: (UInt64, UInt64, UInt64).self)
  }
}
