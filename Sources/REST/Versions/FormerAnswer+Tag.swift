import Cryptography
import Schema

extension FormerAnswer {
  /// The tag of what an older version is answered: that of now says nothing of it.
  static func tag(_ tag: String, _ schema: FormerSchema) -> String {
    let parts = tag.split(separator: "-", maxSplits: 1)
    guard parts.count == 2 else { return tag }
    let bytes = Array("\(tag) \(schema.version) \(schema.current)".utf8)
    return "\(parts[0])-\(Hex.encode(Array(SHA256.digest(bytes).prefix(4))))\""
  }
}
