/// The version of an app's API, by the rules of semantic versioning (semver.org 2.0.0), without
/// pre-releases and build metadata.
package struct APIVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let major: Int
  package let minor: Int
  package let patch: Int

  package init(_ major: Int, _ minor: Int, _ patch: Int) {
    self.major = major
    self.minor = minor
    self.patch = patch
  }

  /// The version of a schema that is the first of its app.
  package static let first = APIVersion(1, 0, 0)

  /// Reads `2.1.0`; nil for anything else.
  package init?(_ text: String) {
    guard let parts = APIVersion.numbers(text), parts.count == 3 else { return nil }
    self.init(parts[0], parts[1], parts[2])
  }

  /// One to three numbers between dots, without leading zeros; nil for anything else.
  package static func numbers(_ text: String) -> [Int]? {
    guard text.utf8.count <= 32 else { return nil }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count) else { return nil }
    var numbers: [Int] = []
    for part in parts {
      guard (1...9).contains(part.count), part.allSatisfy({ $0 >= 48 && $0 <= 57 }),
        part.count == 1 || part.first != 48, let number = Int(Substring(part))
      else { return nil }
      numbers.append(number)
    }
    return numbers
  }

  /// The version that a change of that level makes of this one.
  package func next(_ level: ChangeLevel) -> APIVersion {
    switch level {
    case .none: self
    case .patch: APIVersion(major, minor, patch + 1)
    case .minor: APIVersion(major, minor + 1, 0)
    case .major: APIVersion(major + 1, 0, 0)
    }
  }

  package static func < (left: APIVersion, right: APIVersion) -> Bool {
    (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
  }

  package var description: String { "\(major).\(minor).\(patch)" }
}

/// What a change asks of those who use an app's API.
package enum ChangeLevel: Int, Sendable, Comparable, CaseIterable {
  case none
  /// Only what is said about the API changes.
  case patch
  /// What worked before works as before; there is more, or it is allowed more.
  case minor
  /// Something that worked before is refused or gone, or answers otherwise.
  case major

  package static func < (left: ChangeLevel, right: ChangeLevel) -> Bool {
    left.rawValue < right.rawValue
  }
}
