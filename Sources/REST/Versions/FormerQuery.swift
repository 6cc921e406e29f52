import RoostCore
import Rules
import Schema
import Transport

/// Writes the query of an older client in the names of now.
struct FormerQuery {
  let schema: FormerSchema
  let collection: FormerCollection

  /// The query as it is sent on.
  private(set) var text: String?
  /// The members that the client asks for, by its own names; nil for all.
  private(set) var shown: Set<String>?

  init(_ query: String?, of collection: FormerCollection, in schema: FormerSchema) throws {
    self.schema = schema
    self.collection = collection
    guard let query, !query.isEmpty else { return }
    var parts: [String] = []
    var asked: [String] = []
    var expanded: [String] = []
    for item in try QueryParameters(query).items {
      var value = item.value
      switch item.name {
      case "filter":
        value = try FormerFilter(schema: schema, collection: collection).text(value)
      case "sort": value = try sort(value)
      case "fields":
        asked = FormerQuery.names(value)
        shown = []
        value = try fields(asked)
      case "expand":
        let paths = FormerQuery.names(value)
        expanded = paths.map { String($0.prefix { $0 != "." }) }
        let now = try paths.compactMap(expansion)
        // What is gone has nothing to be expanded.
        if now.isEmpty, !paths.isEmpty { continue }
        value = now.joined(separator: ",")
      default: break
      }
      parts.append(FormerQuery.encoded(item.name) + "=" + FormerQuery.encoded(value))
    }
    if shown != nil { shown = Set(asked + expanded + ["id"]) }
    text = parts.joined(separator: "&")
  }

  private static func names(_ text: String) -> [String] {
    text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private func sort(_ text: String) throws -> String {
    try FormerQuery.names(text).map { part in
      let sign = part.hasPrefix("-") ? "-" : ""
      let name = String(part.dropFirst(sign.count))
      if RowColumn.systemNames.contains(name) { return part }
      guard let field = collection.field(named: name) else {
        throw RoostError.invalid(
          "?sort", "unknown_field",
          "\(collection.old.name) cannot be sorted by \"\(name.prefix(60))\"."
            + FormerFault.hint(name, among: names))
      }
      guard let now = field.now else { throw FormerFault.dropped(field, "?sort") }
      guard field.keepsOrder else { throw FormerFault.retyped(field, "?sort") }
      return sign + now.name
    }.joined(separator: ",")
  }

  private func fields(_ asked: [String]) throws -> String {
    let now = try asked.flatMap { name -> [String] in
      if RowColumn.systemNames.contains(name) { return [name] }
      guard let field = collection.field(named: name) else {
        throw RoostError.invalid(
          "?fields", "unknown_field",
          "\(collection.old.typeName) has no field \"\(name.prefix(60))\"."
            + FormerFault.hint(name, among: names))
      }
      return field.sources
    }
    return now.isEmpty ? "id" : now.joined(separator: ",")
  }

  /// The path of relations; nil where one of them is gone.
  private func expansion(_ path: String) throws -> String? {
    var here = collection
    var steps: [String] = []
    for step in path.split(separator: ".", omittingEmptySubsequences: false) {
      let name = String(step)
      if let field = here.field(named: name), let next = schema.target(of: field.old) {
        guard let now = field.now, next.now != nil else { return nil }
        steps.append(now.name)
        here = next
      } else if let inverse = here.old.inverses.first(where: { $0.name == name }),
        let next = schema.collection(ofType: inverse.typeName)
      {
        guard let now = schema.currentName(of: inverse, in: here) else { return nil }
        steps.append(now)
        here = next
      } else {
        throw RoostError.invalid(
          "?expand", "unknown_relation",
          "\(here.old.typeName) has no relation \"\(name.prefix(60))\" to expand.")
      }
    }
    return steps.joined(separator: ".")
  }

  private var names: [String] { RowColumn.systemNames + collection.old.fields.map(\.name) }

  /// Percent-encoded, but for what needs none anywhere (RFC 3986, section 2.3).
  private static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 48...57, 65...90, 97...122, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
      default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
