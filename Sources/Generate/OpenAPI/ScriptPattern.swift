/// Patterns of RE2 that say the same in the regular expressions of ECMAScript (ECMA-262), which
/// JSON Schema uses.
enum ScriptPattern {
  /// The pattern, where every part of it means the same there; else nil.
  ///
  /// What the two read otherwise is left out: flags and named groups of RE2, its classes of Unicode
  /// and POSIX, its anchors, `\s`, which takes in more there, and brackets that stand for themselves.
  static func of(_ source: String) -> String? {
    var scanner = Scanner(bytes: Array(source.utf8))
    return scanner.isShared() ? source : nil
  }

  private struct Scanner {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func isShared() -> Bool {
      while let byte = next() {
        switch byte {
        case UInt8(ascii: "\\"): if !isSharedEscape(inClass: false) { return false }
        case UInt8(ascii: "("): if !isSharedGroup() { return false }
        case UInt8(ascii: "["): if !isSharedClass() { return false }
        case UInt8(ascii: "{"): if !isRepetition() { return false }
        case UInt8(ascii: "]"), UInt8(ascii: "}"): return false
        default: continue
        }
      }
      return true
    }

    private mutating func next() -> UInt8? {
      guard index < bytes.count else { return nil }
      defer { index += 1 }
      return bytes[index]
    }

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func isSharedEscape(inClass: Bool) -> Bool {
      guard let byte = next() else { return false }
      let signs = Array("^$\\.*+?()[]{}|/dDwWnrtfv".utf8)
      if signs.contains(byte) { return true }
      return inClass
        ? byte == UInt8(ascii: "-") : byte == UInt8(ascii: "b") || byte == UInt8(ascii: "B")
    }

    /// A group that is plain, or only not captured.
    private mutating func isSharedGroup() -> Bool {
      guard peek == UInt8(ascii: "?") else { return true }
      index += 1
      return next() == UInt8(ascii: ":")
    }

    private mutating func isSharedClass() -> Bool {
      if peek == UInt8(ascii: "^") { index += 1 }
      if peek == UInt8(ascii: "]") { return false }
      while let byte = next() {
        switch byte {
        case UInt8(ascii: "]"): return true
        case UInt8(ascii: "["): return false
        case UInt8(ascii: "\\"): if !isSharedEscape(inClass: true) { return false }
        default: continue
        }
      }
      return false
    }

    /// `{2}`, `{2,}` or `{2,3}`.
    private mutating func isRepetition() -> Bool {
      var digits = 0
      var commas = 0
      while let byte = next() {
        switch byte {
        case 48...57: digits += 1
        case UInt8(ascii: ","):
          commas += 1
          if digits == 0 || commas > 1 { return false }
        case UInt8(ascii: "}"): return digits > 0
        default: return false
        }
      }
      return false
    }
  }
}
