/// Reads fixed-width digits and single characters from a short text.
struct DigitScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8.prefix(64)) }

  var isAtEnd: Bool { position == bytes.count }

  /// Exactly `count` digits as a number, or nil.
  mutating func digits(_ count: Int) -> Int64? {
    guard position + count <= bytes.count else { return nil }
    var value: Int64 = 0
    for index in position..<(position + count) {
      let digit = bytes[index] &- 48
      guard digit < 10 else { return nil }
      value = value * 10 + Int64(digit)
    }
    position += count
    return value
  }

  /// One to eighteen digits as a number, or nil.
  mutating func number() -> Int64? {
    var value: Int64 = 0
    var count = 0
    while position < bytes.count, bytes[position] &- 48 < 10 {
      guard count < 18 else { return nil }
      value = value * 10 + Int64(bytes[position] - 48)
      position += 1
      count += 1
    }
    return count > 0 ? value : nil
  }

  /// The digits of a fraction (one to nine), cut to thousandths.
  mutating func fraction() -> Int64? {
    var value: Int64 = 0
    var count = 0
    while position < bytes.count, bytes[position] &- 48 < 10 {
      guard count < 9 else { return nil }
      if count < 3 { value = value * 10 + Int64(bytes[position] - 48) }
      count += 1
      position += 1
    }
    guard count > 0 else { return nil }
    while count < 3 {
      value *= 10
      count += 1
    }
    return value
  }

  /// Takes `character` if it is next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
    position += 1
    return true
  }
}
