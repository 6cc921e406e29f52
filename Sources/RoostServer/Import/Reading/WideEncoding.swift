/// UTF-16 or UTF-32, as the first bytes of a file show it.
struct WideEncoding {
  /// For people.
  let name: String
  /// For `iconv`: with the order of the bytes where no mark says it.
  let converter: String

  /// Nil for what is neither: by a mark, or by the zeros beside an ASCII character.
  init?(_ bytes: [UInt8]) {
    let isZero = bytes.map { $0 == 0 }
    let found: (String, String)? =
      switch (bytes.count, isZero) {
      case (4, _) where bytes == [0xFF, 0xFE, 0, 0] || bytes == [0, 0, 0xFE, 0xFF]:
        ("UTF-32", "UTF-32")
      case (4, [false, true, true, true]): ("UTF-32", "UTF-32LE")
      case (4, [true, true, true, false]): ("UTF-32", "UTF-32BE")
      case (2..., _) where bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]):
        ("UTF-16", "UTF-16")
      case (2..., _) where !isZero[0] && isZero[1]: ("UTF-16", "UTF-16LE")
      case (2..., _) where isZero[0] && !isZero[1]: ("UTF-16", "UTF-16BE")
      default: nil
      }
    guard let found else { return nil }
    (name, converter) = found
  }
}
