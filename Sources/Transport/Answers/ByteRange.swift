/// What a `Range` asks of a document of a known length (RFC 9110 section 14).
package enum ByteRange: Sendable, Equatable {
  /// There is no range, one in another unit, a malformed one, or several: all of it is answered.
  case whole
  case part(Range<Int>)
  case unsatisfiable

  package init(_ field: String?, of length: Int) {
    self = .whole
    guard let field, field.utf8.count <= 100, field.lowercased().hasPrefix("bytes=") else { return }
    let text = field.dropFirst(6)
    let sides = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, sides.allSatisfy({ $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }) else {
      return
    }
    if sides[0].isEmpty {
      guard !sides[1].isEmpty else { return }
      let count = min(ByteRange.number(sides[1]), length)
      self = count == 0 ? .unsatisfiable : .part((length - count)..<length)
      return
    }
    let first = ByteRange.number(sides[0])
    let last = sides[1].isEmpty ? Int.max : ByteRange.number(sides[1])
    guard last >= first else { return }
    self = first >= length ? .unsatisfiable : .part(first..<(min(last, length - 1) + 1))
  }

  /// A number of digits; the largest where it is larger than that.
  private static func number(_ digits: Substring) -> Int { Int(digits) ?? .max }
}
