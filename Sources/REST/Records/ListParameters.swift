import Records
import RoostCore
import Schema
import Transport

/// Reads the query of a list.
struct ListParameters {
  static let known = ["limit", "sort", "after", "count"]
  static let limits = 1...200

  let collection: CompiledCollection
  let cursors: ListCursors
  let caller: Caller

  func query(of request: Request) throws -> ListQuery {
    var query = ListQuery()
    guard let text = request.query, !text.isEmpty else { return query }
    let parameters = try QueryParameters(text)
    var after: String?
    for item in parameters.items {
      let name = item.name
      let value = try parameters.single(name) ?? ""
      switch name {
      case "limit": query.limit = try limit(value)
      case "sort": query.sort = try sort(value)
      case "after": after = value
      case "count":
        guard let count = ListQuery.Count(rawValue: value) else {
          throw RoostError.invalid("?count", "enum", "count is none, estimated or exact.")
        }
        query.count = count
      default:
        let hint =
          Schema.nearest(name, among: ListParameters.known).map { " Did you mean \($0)?" } ?? ""
        throw RoostError.invalid(
          "?\(name.prefix(60))", "unknown_parameter",
          "A list takes limit, sort, after and count, not \"\(name.prefix(60))\".\(hint)")
      }
    }
    if let after {
      query.after = try cursors.decode(after, of: query.sort, in: collection, for: caller)
    }
    return query
  }

  private func limit(_ text: String) throws -> Int {
    // Int takes a sign too, which is no way to write a number of records.
    guard text.first?.isNumber == true, let limit = Int(text),
      ListParameters.limits.contains(limit)
    else {
      throw RoostError.invalid("?limit", "range", "limit is a number from 1 to 200.")
    }
    return limit
  }

  private func sort(_ text: String) throws -> SortKey {
    let descending = text.hasPrefix("-")
    let name = descending ? String(text.dropFirst()) : text
    let key = SortKey(name: name, descending: descending)
    guard collection.isSortable(key) else { throw RecordStore.unknownSort(name, collection) }
    return key
  }
}
