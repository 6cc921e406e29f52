/// JSON pointers (RFC 6901).
package enum JSONPointer {
  /// A key as a segment of a pointer: `~` and `/` are written `~0` and `~1`.
  ///
  /// Cutting a key to a length that a message can bear is the caller's.
  package static func escape(_ key: some StringProtocol) -> String {
    var text = ""
    for scalar in key.unicodeScalars {
      switch scalar {
      case "~": text += "~0"
      case "/": text += "~1"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
