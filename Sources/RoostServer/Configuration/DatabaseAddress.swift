/// An address of a PostgreSQL server, as far as Roost looks into it; libpq reads the rest.
package struct DatabaseAddress: Sendable {
  private let text: String

  package init(_ text: String) { self.text = text }

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
