/// An address of a PostgreSQL server, as far as Roost looks into it; libpq reads the rest.
package struct DatabaseAddress: Sendable {
  private let text: String

  package init(_ text: String) { self.text = text }

  /// Whether a text begins as an address does.
  static func isBegun(_ text: String) -> Bool {
    text.hasPrefix("postgresql://") || text.hasPrefix("postgres://")
  }

  /// The addresses of a list with commas or spaces; a comma between the hosts of one address does not
  /// end it.
  package static func list(_ text: String) -> [String] {
    var addresses: [String] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" }) {
      var continues = false
      for part in word.split(separator: ",") {
        if continues, !isBegun(String(part)), let last = addresses.popLast() {
          addresses.append(last + "," + part)
        } else {
          addresses.append(String(part))
        }
        continues = true
      }
    }
    return addresses
  }

  /// Whether it holds a password: `user:password@` or the parameter `password`.
  package var hasPassword: Bool {
    guard let scheme = text.firstRange(of: "://") else { return text.contains("password=") }
    let rest = text[scheme.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") { return true }
    // A password with an unescaped slash is still one.
    if let at = rest.lastIndex(of: "@"), rest[..<at].prefix(while: { $0 != "?" }).contains(":") {
      return true
    }
    guard let query = text.firstIndex(of: "?") else { return false }
    return text[query...].split(whereSeparator: { $0 == "?" || $0 == "&" }).contains {
      $0.lowercased().hasPrefix("password=")
    }
  }

  /// The address for people: without user information and parameters.
  package var shown: String {
    guard let scheme = text.firstRange(of: "://") else { return "postgresql" }
    let rest = text[scheme.upperBound...]
    // To libpq a user may hold a "?", and not a "/"; whoever forgets to escape means both.
    let at =
      rest.prefix { $0 != "/" }.lastIndex(of: "@") ?? rest.prefix { $0 != "?" }.lastIndex(of: "@")
    let place = at.map { rest[rest.index(after: $0)...] } ?? rest
    return "postgresql://\(place.prefix { $0 != "?" })"
  }
}
