/// Writes whole numbers in decimal digits.
package enum DecimalText {
  /// No number has more bytes than this.
  package static let longest = 20

  /// Writes the digits of `value`, with a minus before them if it has one; returns how many bytes
  /// there are.
  package static func write(_ value: Int64, to start: UnsafeMutablePointer<UInt8>) -> Int {
    if UInt64(bitPattern: value) < 10 {
      start[0] = 48 + UInt8(truncatingIfNeeded: value)
      return 1
    }
    let magnitude = value.magnitude
    var place = value < 0 ? 1 : 0
    if place > 0 { start[0] = UInt8(ascii: "-") }
    place += count(magnitude)
    let length = place
    // Most numbers fit 32 bits, whose divisions are several times faster than those of 64.
    var rest = magnitude
    while rest > UInt64(UInt32.max) {
      place -= 1
      start[place] = UInt8(truncatingIfNeeded: 48 + rest % 10)
      rest /= 10
    }
    var low = UInt32(truncatingIfNeeded: rest)
    while low >= 10 {
      place -= 1
      start[place] = UInt8(truncatingIfNeeded: 48 + low % 10)
      low /= 10
    }
    start[place - 1] = UInt8(truncatingIfNeeded: 48 + low)
    return length
  }

  /// The number of digits of a number that is not 0.
  @inline(__always) private static func count(_ value: UInt64) -> Int {
    if value < 10 { return 1 }
    if value < 100 { return 2 }
    if value < 1000 { return 3 }
    if value < 10_000 { return 4 }
    var (rest, digits) = (value / 10_000, 4)
    while rest > 0 {
      rest /= 10
      digits += 1
    }
    return digits
  }
}
