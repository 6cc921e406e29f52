import Records
import RoostCore
import Rules
import Schema
import Transport

/// Reads the query of a list.
struct ListParameters {
  static let known = ["filter", "sort", "limit", "after", "fields", "expand", "count", "search"]
  static let limits = 1...200
  let collection: CompiledCollection
  let cursors: ListCursors
  let reader: RecordReader
  var parent: ListQuery.Parent?

  /// The list that a request asks for, and what its cursors belong to.
  func query(of request: Request) throws -> (ListQuery, ListCursors.Context) {
    var query = ListQuery()
    query.parent = parent
    let parameters = try QueryParameters(request.query)
    var after: String?
    var conditions = Conditions()
    for item in parameters.items {
      let value = try parameters.single(item.name) ?? ""
      switch item.name {
      case "limit": query.limit = try limit(value)
      case "sort":
        query.sort = try SortParameter(collection: collection, reader: reader).keys(value)
        conditions.sort = value
      case "after": after = value
      case "count": query.count = try count(value)
      case "filter":
        query.filter = try reader.filter(value, of: collection)
        conditions.filter = value
      case "search":
        query.search = try reader.search(value, of: collection)
        conditions.search = value
      case "fields", "expand": break
      default: throw ListParameters.unknown(item.name, among: ListParameters.known, of: "A list")
      }
    }
    query.shown = try ShownParameters(collection: collection, reader: reader).members(parameters)
    let context = ListCursors.Context(
      collection: collection, caller: reader.caller, conditions: text(conditions, query.sort))
    if let after {
      let keys = query.sort.prefix { $0.column != .id }.count
      query.after = try cursors.decode(after, keys: keys, context)
    }
    return (query, context)
  }

  /// What a list consists of, as it was written; a page may be asked for with another limit or
  /// other fields.
  private struct Conditions {
    var filter: String?
    var search: String?
    var sort: String?
  }

  /// The conditions in an order of their own (that of their names), each with its length, so that
  /// none can be taken for another; behind them the types of what is sorted by, since a cursor holds
  /// values of them.
  private func text(_ conditions: Conditions, _ sort: [SortKey]) -> String {
    var text = parent.map { "\(collection.index) \($0.field) \($0.id)" } ?? ""
    func add(_ start: String, _ value: String?) {
      guard let value else { return }
      text += start
      text += String(value.utf8.count)
      text += " "
      text += value
    }
    add(" filter ", conditions.filter)
    add(" search ", conditions.search)
    add(" sort ", conditions.sort)
    for key in sort {
      guard case .field(let index) = key.column else { continue }
      text += " "
      text += TypeSignature.of(collection.fields[index])
    }
    return text
  }

  static func unknown(_ name: String, among known: [String], of what: String) -> RoostError {
    let hint = Schema.nearest(name, among: known).map { " Did you mean \($0)?" } ?? ""
    return RoostError.invalid(
      "?\(name.prefix(60))", "unknown_parameter",
      "\(what) takes \(known.joined(separator: ", ")), not \"\(name.prefix(60))\".\(hint)")
  }

  private func limit(_ text: String) throws -> Int {
    // Int takes a sign too, which is no way to write a number of records.
    guard let first = text.utf8.first, (48...57).contains(first), let limit = Int(text),
      ListParameters.limits.contains(limit)
    else {
      throw RoostError.invalid("?limit", "range", "limit is a number from 1 to 200.")
    }
    return limit
  }

  private func count(_ text: String) throws -> ListQuery.Count {
    guard let count = ListQuery.Count(rawValue: text) else {
      throw RoostError.invalid("?count", "enum", "count is none, estimated or exact.")
    }
    return count
  }
}
