/// JSON pointers (RFC 6901).
package enum JSONPointer {
  /// A key as a segment of a pointer: `~` and `/` are written `~0` and `~1`.
  ///
  /// Cutting a key to a length that a message can bear is the caller's.
  package static func escape(_ key: String) -> String {
    // Names seldom have either, and readers make a pointer for each member that they look at.
    var key = key
    let isPlain = key.withUTF8 { bytes in
      !bytes.contains(UInt8(ascii: "~")) && !bytes.contains(UInt8(ascii: "/"))
    }
    return isPlain ? key : escape(key[...])
  }

  /// The same for a part of a key.
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
