import RoostCore
import Schema

/// Bounds on what a row may grow to by changes that are each small: a merge adds to what is stored.
enum StoredBounds {
  /// Bytes of a JSON field, the same as for one that is sent whole.
  static let jsonBytes = 65_536
  /// Elements of a list, unless its constraint says less.
  static let listElements = 10_000
  /// Bytes of a list.
  static let listBytes = 1_048_576
  /// Bytes of a row's clocks.
  static let clockBytes = 1_048_576
  /// How long the clock of a part is kept: no device brings an older change.
  private static let partMilliseconds: Int64 = 90 * 86_400_000

  /// What is wrong with the size of a value, or nil.
  static func issue(_ value: FieldValue, _ field: Field) -> FieldIssue? {
    guard case .json(let json) = value else { return nil }
    if field.isList, let count = json.array?.count, count > listElements {
      return FieldIssue(
        pointer: "/" + field.name, code: "max_items",
        message: "\(field.name) holds at most \(listElements) elements.")
    }
    let limit = field.isList ? listBytes : jsonBytes
    guard json.encoded.count > limit else { return nil }
    return FieldIssue(
      pointer: "/" + field.name, code: "range",
      message: "\(field.name) holds at most \(limit) bytes.")
  }

  /// The time before which parts are forgotten.
  static func oldestPart(at tick: HybridTime) -> HybridTime {
    HybridTime(milliseconds: max(0, tick.milliseconds - partMilliseconds), counter: 0)
  }

  /// Refuses a change that makes the row's clocks too large: so many elements or paths were changed
  /// one by one that the row should be several.
  static func check(_ clocks: RowClocks, _ collection: CompiledCollection) throws {
    guard clocks.encoded.count > clockBytes else { return }
    throw RoostError(
      .invalid,
      "Too many elements of this record of \(collection.name) were changed one by one in the "
        + "last 90 days: keep them as records of their own.")
  }
}
