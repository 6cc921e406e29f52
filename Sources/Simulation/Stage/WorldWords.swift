import RoostCore
import SyncProtocol

/// The words of the app's next major version, by those of the first one: four fields and a
/// collection have other names, and one field is of another type.
///
/// Beside the product's lenses, in a table of its own: what a world compares them with must not be
/// derived from the schemas.
enum WorldWords {
  /// Of gigs: a COUNTER, a SET_UNION, a MERGE_DEEP and a USER_CHOICE.
  static let fields = [
    "plays": "shows", "tags": "labels", "notes": "remarks", "poster": "placard",
  ]
  private static let firstFields = Dictionary(
    uniqueKeysWithValues: fields.map { ($0.value, $0.key) })

  /// The field of gigs that was a whole number, and is a text.
  static let retyped = "fee"
  /// What the first version does not know.
  static let unknown = "mood"

  static func collection(_ first: String) -> String { first == "news" ? "bulletins" : first }

  /// The collection's name in the first version; one of either may be asked for.
  static func firstCollection(_ name: String) -> String { name == "bulletins" ? "news" : name }

  static func firstKey(_ row: RowKey) -> RowKey {
    row.collection == "bulletins" ? RowKey(collection: "news", id: row.id) : row
  }

  // MARK: Operations

  /// An operation of the first version in the words of the next.
  static func next(_ operation: ClientOperation) -> ClientOperation {
    renamed(operation, collection, fields) { value in
      value.int.map { .string("\($0)") } ?? value
    }
  }

  /// An operation of either version in the words of the first.
  static func first(_ operation: ClientOperation) -> ClientOperation {
    renamed(operation, firstCollection, firstFields, number)
  }

  private static func renamed(
    _ operation: ClientOperation, _ collection: (String) -> String, _ names: [String: String],
    _ retype: (JSON) -> JSON
  ) -> ClientOperation {
    switch operation {
    case .create(let name, let id, let values):
      return .create(
        collection: collection(name), id: id, fields: row(values, of: name, names, retype))
    case .update(let name, let id, let values, let base):
      let stamps = name == "gigs" ? base.map { (names[$0.key] ?? $0.key, $0.value) } : nil
      return .update(
        collection: collection(name), id: id, fields: row(values, of: name, names, retype),
        base: stamps.map { Dictionary(uniqueKeysWithValues: $0) } ?? base)
    case .delete(let name, let id): return .delete(collection: collection(name), id: id)
    case .action, .resolve: return operation
    }
  }

  // MARK: Rows

  /// A row of the next version in the words of the first, with what that does not know.
  static func first(_ values: JSONObject, of collection: String) -> JSONObject {
    row(values, of: collection, firstFields, number)
  }

  private static func row(
    _ values: JSONObject, of collection: String, _ names: [String: String],
    _ retype: (JSON) -> JSON
  ) -> JSONObject {
    guard collection == "gigs" else { return values }
    return JSONObject(
      uniqueMembers: values.members.map { member in
        (
          names[member.key] ?? member.key,
          member.key == retyped ? retype(member.value) : member.value
        )
      })
  }

  /// The number that a text is; none where it is no number.
  private static func number(_ value: JSON) -> JSON {
    guard let text = value.string else { return value }
    return Int64(text).map { .int($0) } ?? .null
  }
}
