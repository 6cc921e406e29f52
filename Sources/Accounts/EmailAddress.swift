/// An e-mail address in the one form in which it is stored and compared: lower-case ASCII.
package struct EmailAddress: Sendable, Hashable {
  package let text: String

  /// What an address that is refused needs.
  package static let rule = "Give an e-mail address such as name@example.com."

  /// Reads an address; space around it is dropped and case does not matter.
  ///
  /// The dot-atom form of RFC 5321 with a domain of at least two labels; quoted local parts,
  /// address literals and characters beyond ASCII (write the domain's `xn--` form) are refused.
  package init?(_ text: String) {
    let isSpace: (UInt8) -> Bool = { $0 == 32 || $0 >= 9 && $0 <= 13 }
    var bytes = Array(text.utf8.drop(while: isSpace))
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    bytes = bytes.map { $0 >= 65 && $0 <= 90 ? $0 + 32 : $0 }
    let halves = bytes.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard bytes.count <= 254, halves.count == 2, EmailAddress.isLocal(halves[0]),
      EmailAddress.isDomain(halves[1])
    else { return nil }
    self.text = String(decoding: bytes, as: UTF8.self)
  }

  /// The part before the sign.
  var local: String { String(text.prefix { $0 != "@" }) }

  private static func isLocal(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.count <= 64 else { return false }
    let marks = Array("!#$%&'*+-/=?^_`{|}~".utf8)
    return bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .allSatisfy { !$0.isEmpty && $0.allSatisfy { isAlphanumeric($0) || marks.contains($0) } }
  }

  private static func isDomain(_ bytes: ArraySlice<UInt8>) -> Bool {
    let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard labels.count >= 2, let last = labels.last,
      !last.allSatisfy({ (48...57).contains($0) })
    else { return false }
    let hyphen = UInt8(ascii: "-")
    return labels.allSatisfy { label in
      (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
        && label.allSatisfy { isAlphanumeric($0) || $0 == hyphen }
    }
  }

  /// A digit or a lower-case letter.
  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (97...122).contains(byte)
  }
}
