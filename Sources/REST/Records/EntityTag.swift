import Cryptography
import Records
import Rules
import Transport

/// The strong entity tag of a record as it was answered: its version, and the shape of its
/// collection, since a new field changes the bytes of records that nobody touched.
struct EntityTag {
  let version: Int64
  let shape: Shape

  /// Eight hex digits that tell the fields of a collection from those that it had before.
  struct Shape: Sendable {
    let digits: String

    init(_ collection: CompiledCollection) {
      digits = Hex.encode(Array(SHA256.digest(Array(collection.shape.utf8)).prefix(4)))
    }

    init(digits: String) { self.digits = digits }

    /// The shape of an answer that does not hold all of the collection's fields, or more than them.
    ///
    /// `members` are those that the caller sees, nil for all; `query` is what `fields` and `expand`
    /// ask for, and `expanded` which versions of other records came with it.
    func part(members: FieldSet?, query: String, expanded: [UInt8]) -> Shape {
      guard members != nil || !query.isEmpty || !expanded.isEmpty else { return self }
      var bytes = Array(digits.utf8)
      for member in members?.members ?? [-1] {
        withUnsafeBytes(of: Int32(truncatingIfNeeded: member).littleEndian) { bytes += $0 }
      }
      bytes.append(0)
      bytes += query.utf8
      bytes.append(0)
      bytes += expanded
      return Shape(digits: Hex.encode(Array(SHA256.digest(bytes).prefix(4))))
    }

    /// The shapes of all collections, by their numbers.
    static func all(_ catalogue: Catalogue) -> [Int64: Shape] {
      Dictionary(catalogue.collections.map { ($0.number, Shape($0)) }) { first, _ in first }
    }
  }

  var text: String { "\"" + String(version) + "-" + shape.digits + "\"" }

  /// Whether an `If-None-Match` names this tag; compared weakly, as RFC 9110 asks for it.
  func matchesWeakly(_ condition: String) -> Bool { EntityTag.list(condition, holds: text) }

  /// Whether an `If-None-Match` names `tag`, or any; compared weakly.
  static func list(_ condition: String, holds tag: String) -> Bool {
    StaticDocument.holds(condition, tag, weakly: true)
  }

  /// What an `If-Match` expects; only the version counts.
  ///
  /// A weak or foreign tag expects a version that no record has, so that the change is refused with
  /// 412.
  static func expectation(_ condition: String?) -> Expectation {
    guard let condition else { return .nothing }
    let tags = list(condition)
    if tags.contains("*") { return .any }
    return .oneOf(Set(tags.map { version(of: $0) ?? -1 }))
  }

  private static func version(of tag: String) -> Int64? {
    guard tag.hasPrefix("\""), tag.hasSuffix("\""), tag.utf8.count >= 3 else { return nil }
    let inner = tag.dropFirst().dropLast()
    return Int64(inner.prefix { $0 != "-" })
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: ",").map { part in
      String(
        part.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }
          .reversed())
    }
  }
}
