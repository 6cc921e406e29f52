package import RoostCore

/// Who holds what: one atom of the scopes that sync and realtime are indexed by.
package enum Scope: Hashable, Sendable {
  /// Every caller, with or without an account.
  case everyone
  /// Every account.
  case users
  /// Accounts that are not anonymous.
  case account
  /// Accounts without an e-mail address.
  case anonymous
  /// One account.
  case user(UUID)
  /// Everyone who has a role, directly or by inheritance; the name in the form of `encoded`.
  case role(String)
  /// Everyone who has a claim, in the form of `encoded`.
  case claim(String)
  /// The accounts at the end of a path from one row.
  case path(PathScope)

  /// The text that is stored: `public`, `users`, `account`, `anonymous`, `user:<id>`, `role:<name>`,
  /// `claim:<text>`, `<Type>:<id>#<path>`.
  ///
  /// It holds visible ASCII without `&`, which joins the atoms of a conjunction.
  package var text: String {
    switch self {
    case .everyone: "public"
    case .users: "users"
    case .account: "account"
    case .anonymous: "anonymous"
    case .user(let id): "user:\(id)"
    case .role(let name): "role:\(name)"
    case .claim(let claim): "claim:\(claim)"
    case .path(let path): "\(path.type):\(path.id)#\(path.path)"
    }
  }

  /// The atom of a stored text, or nil.
  package init?(text: String) {
    switch text {
    case "public": self = .everyone
    case "users": self = .users
    case "account": self = .account
    case "anonymous": self = .anonymous
    default:
      guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      let kind = String(text[..<colon])
      let rest = text[text.utf8.index(after: colon)...]
      if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "#")) {
        guard let id = UUID(String(rest[..<mark])) else { return nil }
        self = .path(
          PathScope(type: kind, id: id, path: String(rest[rest.utf8.index(after: mark)...])))
        return
      }
      switch kind {
      case "user":
        guard let id = UUID(String(rest)) else { return nil }
        self = .user(id)
      case "role": self = .role(String(rest))
      case "claim": self = .claim(String(rest))
      default: return nil
      }
    }
  }

  /// The role of that name.
  package static func role(named name: String) -> Scope { .role(encoded(name)) }

  /// The claim of that text.
  package static func claim(named name: String) -> Scope { .claim(encoded(name)) }

  /// Text as it stands in a scope: `#`, `%`, `&` and all but visible ASCII as `%` and two
  /// hexadecimal digits.
  ///
  /// Scopes of different bytes are therefore different, although Swift takes two spellings of a
  /// character for the same.
  static func encoded(_ text: String) -> String {
    if text.utf8.allSatisfy({ isPlain($0) }) { return text }
    let digits = Array("0123456789abcdef".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if Scope.isPlain(byte) {
        bytes.append(byte)
      } else {
        bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7f && byte != 0x23 && byte != 0x25 && byte != 0x26
  }

  /// Whether only accounts hold it.
  var needsAccount: Bool {
    switch self {
    case .users, .account, .anonymous, .user, .path: true
    case .everyone, .role, .claim: false
    }
  }
}

/// The accounts at the end of a path from one row: `Band:<id>#members.user`.
package struct PathScope: Hashable, Sendable {
  /// The type of the row.
  package let type: String
  package let id: UUID
  /// What follows, with the test of the membership in brackets and that of the row itself behind
  /// `!`: `members[role=="LEADER"].user!isActive`.
  package let path: String

  package init(type: String, id: UUID, path: String) {
    self.type = type
    self.id = id
    self.path = path
  }
}

extension Scope: Comparable {
  package static func < (left: Scope, right: Scope) -> Bool {
    switch (left, right) {
    case (.user(let left), .user(let right)): left < right
    case (.role(let left), .role(let right)), (.claim(let left), .claim(let right)):
      left < right
    case (.path(let left), .path(let right)):
      (left.type, left.id, left.path) < (right.type, right.id, right.path)
    default: left.rank < right.rank
    }
  }

  private var rank: Int {
    switch self {
    case .everyone: 0
    case .users: 1
    case .account: 2
    case .anonymous: 3
    case .user: 4
    case .role: 5
    case .claim: 6
    case .path: 7
    }
  }
}
