package import RoostCore

/// Who made a change and when, by a hybrid clock: the greater stamp is the later change.
///
/// Text: sixteen hexadecimal digits of the time, a hyphen, the client's UUID; lower case. Texts sort
/// as stamps do. Binary: the time's eight bytes and the client's sixteen, both big-endian.
package struct Stamp: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let time: HybridTime
  /// The client; zero for changes that the server stamped by itself.
  package let client: UUID

  package init(time: HybridTime, client: UUID) {
    self.time = time
    self.client = client
  }

  /// Before every stamp that a clock gives.
  package static let zero = Stamp(time: HybridTime(rawValue: 0), client: .zero)
  package static let byteCount = 24

  package static func < (left: Stamp, right: Stamp) -> Bool {
    left.time != right.time ? left.time < right.time : left.client < right.client
  }

  /// The stamp, or where it is not later than `other`, the next time after that one.
  package func following(_ other: Stamp) -> Stamp {
    if self > other || other.time.rawValue == .max { return self }
    return Stamp(time: HybridTime(rawValue: other.time.rawValue + 1), client: client)
  }

  /// Reads the text; nil for anything else, upper case included.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 53, bytes[16] == UInt8(ascii: "-"),
      let time = HybridTime(hexadecimal: bytes[0..<16]),
      let client = bytes[17...].withUnsafeBytes({ UUID(utf8: $0) }),
      Digits.isLowerCase(bytes[17...])
    else { return nil }
    self.init(time: time, client: client)
  }

  package var description: String {
    String(unsafeUninitializedCapacity: 53) { text in
      Digits.format(time.rawValue, into: text)
      text[16] = UInt8(ascii: "-")
      if let start = text.baseAddress { client.format(into: start + 17) }
      return 53
    }
  }

  /// Reads the binary form; nil for another count.
  package init?(bytes: [UInt8]) {
    guard bytes.count == Stamp.byteCount else { return nil }
    var time: UInt64 = 0
    for byte in bytes[0..<8] { time = time << 8 | UInt64(byte) }
    guard let client = bytes[8...].withUnsafeBytes({ UUID(bytes: $0) }) else { return nil }
    self.init(time: HybridTime(rawValue: time), client: client)
  }

  package var bytes: [UInt8] {
    withUnsafeBytes(of: time.rawValue.bigEndian) { Array($0) } + client.bytes
  }
}

extension HybridTime {
  /// Reads sixteen lower-case hexadecimal digits.
  package init?(_ text: String) { self.init(hexadecimal: Array(text.utf8)[...]) }

  init?(hexadecimal digits: ArraySlice<UInt8>) {
    guard let value = Digits.hexadecimal(digits) else { return nil }
    self.init(rawValue: value)
  }

  /// Sixteen lower-case hexadecimal digits.
  package var text: String { Digits.hexadecimal(rawValue) }
}

/// Numbers of 64 bits as sixteen lower-case hexadecimal digits.
enum Digits {
  static func hexadecimal(_ value: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { text in
      format(value, into: text)
      return 16
    }
  }

  static func append(_ value: UInt64, to text: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { digits in
      format(value, into: digits)
      text.append(contentsOf: digits)
    }
  }

  /// Writes the sixteen digits to the begin of `text`.
  static func format(_ value: UInt64, into text: UnsafeMutableBufferPointer<UInt8>) {
    for index in 0..<16 {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - index * 4)) & 15
      text[index] = digit < 10 ? 48 + digit : 87 + digit
    }
  }

  /// Whether hexadecimal digits, and what stands between them, are in lower case.
  static func isLowerCase(_ text: some Sequence<UInt8>) -> Bool {
    text.allSatisfy { !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0) }
  }

  static func hexadecimal(_ digits: some Collection<UInt8>) -> UInt64? {
    guard digits.count == 16 else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      switch digit {
      case 48...57: value = value << 4 | UInt64(digit - 48)
      case 97...102: value = value << 4 | UInt64(digit - 87)
      default: return nil
      }
    }
    return value
  }
}
