import Records
import RoostCore

/// Reads `sort`.
struct SortParameter {
  private static let maximumKeys = 4

  let collection: CompiledCollection
  let reader: RecordReader

  /// The keys of an order such as `-date,venue`.
  func keys(_ text: String) throws -> [SortKey] {
    let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .map { Substring($0) }
    guard parts.count <= SortParameter.maximumKeys else {
      throw RoostError.invalid(
        "?sort", "too_many", "sort has at most \(SortParameter.maximumKeys) keys.")
    }
    var keys: [SortKey] = []
    for part in parts {
      let descending = part.utf8.first == UInt8(ascii: "-")
      let column = try reader.sortColumn(
        String(descending ? part.dropFirst() : part), of: collection)
      guard !keys.contains(where: { $0.column == column }) else {
        throw RoostError.invalid("?sort", "repeated", "sort names \"\(part.prefix(60))\" twice.")
      }
      keys.append(SortKey(column: column, descending: descending))
    }
    return keys
  }
}
