/// What an `Accept-Encoding` says about gzip (RFC 9110 section 12.5.3).
package enum AcceptedCodings {
  /// Whether gzip is acceptable, and not less wanted than the bytes as they are.
  package static func takesGzip(_ field: String) -> Bool {
    var gzip: Int?
    var identity: Int?
    var any: Int?
    for (count, element) in field.split(separator: ",").enumerated() {
      guard count < 32 else { break }
      let parts = element.split(separator: ";", omittingEmptySubsequences: false)
      guard let quality = quality(parts.dropFirst()) else { continue }
      switch trimmed(parts[0]).lowercased() {
      case "gzip", "x-gzip": gzip = max(gzip ?? 0, quality)
      case "identity": identity = quality
      case "*": any = quality
      default: break
      }
    }
    let wanted = gzip ?? any ?? 0
    return wanted > 0 && wanted >= identity ?? 0
  }

  /// The weight in thousandths; 1,000 without one, nil for a malformed one.
  private static func quality(_ parameters: ArraySlice<Substring>) -> Int? {
    for parameter in parameters {
      let sides = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard trimmed(sides[0]).lowercased() == "q" else { continue }
      guard sides.count == 2 else { return nil }
      return thousandths(trimmed(sides[1]))
    }
    return 1000
  }

  /// `0`, `0.5`, `0.125`, `1`, `1.000` (RFC 9110 section 12.4.2).
  private static func thousandths(_ text: String) -> Int? {
    let digits = Array(text.utf8)
    guard let first = digits.first, first == 0x30 || first == 0x31, digits.count <= 5 else {
      return nil
    }
    var value = Int(first - 0x30) * 1000
    guard digits.count > 1 else { return value }
    guard digits[1] == 0x2E else { return nil }
    var weight = 100
    for digit in digits.dropFirst(2) {
      guard digit &- 0x30 < 10 else { return nil }
      value += Int(digit - 0x30) * weight
      weight /= 10
    }
    return value <= 1000 ? value : nil
  }

  private static func trimmed(_ text: Substring) -> String {
    String(
      text.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}
