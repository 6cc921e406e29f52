/// Header fields of an answer, in order.
///
/// Names are written as given and compared without case.
package struct Headers: Sendable {
  package private(set) var fields: [(name: String, value: String)] = []

  package init() {}

  /// Replaces every field of that name.
  ///
  /// A value with a control character is a programmer's bug that would split the answer; such
  /// characters become spaces.
  package mutating func set(_ name: String, _ value: String) {
    fields.removeAll { Headers.equal($0.name, name) }
    add(name, value)
  }

  package mutating func add(_ name: String, _ value: String) {
    if Headers.isClean(value) {
      fields.append((name, value))
    } else {
      let safe = value.utf8.map { $0 >= 0x20 && $0 != 0x7F ? $0 : 0x20 }
      fields.append((name, String(decoding: safe, as: UTF8.self)))
    }
  }

  private static func isClean(_ value: String) -> Bool {
    var value = value
    return value.withUTF8 { bytes in
      for byte in bytes where byte < 0x20 && byte != 9 || byte == 0x7F { return false }
      return true
    }
  }

  package subscript(name: String) -> String? {
    fields.first { Headers.equal($0.name, name) }?.value
  }

  package static func equal(_ left: String, _ right: String) -> Bool {
    guard left.utf8.count == right.utf8.count else { return false }
    var (left, right) = (left, right)
    return left.withUTF8 { left in
      right.withUTF8 { right in
        for index in left.indices where lower(left[index]) != lower(right[index]) { return false }
        return true
      }
    }
  }

  private static func lower(_ byte: UInt8) -> UInt8 {
    byte >= 65 && byte <= 90 ? byte + 32 : byte
  }
}
