/// The binary forms of PostgreSQL's numbers, as `…send` writes them: big-endian.
enum BinaryFormat {
  /// A whole number of one, two, four or eight bytes; a boolean is one of one byte.
  static func integer(_ bytes: UnsafeRawBufferPointer) -> Int64 {
    switch bytes.count {
    case 8: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    case 4: Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    case 2: Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
    case 1: Int64(bytes[0])
    default: 0
    }
  }

  /// A number of four or eight bytes as IEEE 754 has it.
  static func double(_ bytes: UnsafeRawBufferPointer) -> Double {
    switch bytes.count {
    case 8: Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    case 4: Double(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
    default: 0
    }
  }

  /// A `numeric`: as a whole number if it is one that fits, and rounded to a double.
  ///
  /// The form is the number of digits to base 10,000, the weight of the first, the sign, the scale
  /// and the digits, each of two bytes (`numeric_send`).
  static func numeric(_ bytes: UnsafeRawBufferPointer) -> (whole: Int64?, double: Double) {
    guard bytes.count >= 8 else { return (nil, .nan) }
    func field(_ index: Int) -> Int {
      Int(Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: Int16.self)))
    }
    let count = field(0)
    let weight = field(1)
    switch UInt16(truncatingIfNeeded: field(2)) {
    case 0xC000: return (nil, .nan)
    case 0xD000: return (nil, .infinity)
    case 0xF000: return (nil, -.infinity)
    default: break
    }
    guard count >= 0, bytes.count >= 8 + count * 2 else { return (nil, .nan) }
    let isNegative = field(2) != 0
    var whole: Int64? = 0
    var text = isNegative ? "-" : ""
    for index in 0..<count {
      let digit = Int64(field(4 + index))
      let digits = String(digit)
      text += String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      if index <= weight {
        whole = appending(digit, to: whole, isNegative)
      } else if digit != 0 {
        whole = nil
      }
    }
    // Groups of zeros at the end are not sent.
    if weight >= count, count > 0 {
      for _ in count...weight { whole = appending(0, to: whole, isNegative) }
    }
    let exponent = (weight - count + 1) * 4
    return (whole, count == 0 ? 0 : Double(text + "e\(exponent)") ?? .nan)
  }

  private static func appending(_ digit: Int64, to whole: Int64?, _ isNegative: Bool) -> Int64? {
    guard let whole else { return nil }
    let (product, overflows) = whole.multipliedReportingOverflow(by: 10_000)
    guard !overflows else { return nil }
    let (sum, isTooLarge) =
      isNegative
      ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
    return isTooLarge ? nil : sum
  }
}
