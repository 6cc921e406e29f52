import RoostCore
import Schema

extension ImportMapping {
  /// Reads a mapping file by its path; throws `ImportFault`.
  package static func load(_ path: String) throws -> ImportMapping {
    try parse(InputFile(path: path).contents(maximum: YAMLNode.maximumBytes), path: path)
  }

  /// Reads a mapping file; throws `ImportFault` with file, line and column.
  package static func parse(_ bytes: [UInt8], path: String) throws -> ImportMapping {
    do throws(YAMLError) {
      guard let node = try YAMLNode.parse(bytes) else {
        throw YAMLError(
          place: SourcePlace(line: 1, column: 1),
          message: "the mapping is empty; it needs collection: and fields:")
      }
      return try MappingParser(path: path).mapping(node)
    } catch {
      throw ImportFault(exitStatus: 2, code: "mapping", "\(path):\(error)")
    }
  }
}

/// Turns the YAML of a mapping file into an `ImportMapping`; knows no schema yet.
private struct MappingParser {
  let path: String

  private static let keys = [
    "collection", "accounts", "format", "encoding", "id", "owner", "fields",
  ]

  func mapping(_ node: YAMLNode) throws(YAMLError) -> ImportMapping {
    let members = try members(node, "the mapping", MappingParser.keys)
    let target = try target(members, node.place)
    var fields: [ImportMapping.FieldRule] = []
    if let owner = members["owner"] { fields.append(try self.owner(owner)) }
    let given = members["fields"]
    if let given { fields += try self.fields(given, besides: fields) }
    return ImportMapping(
      target: target, format: try choice(members["format"], "format", FileFormat.allCases),
      encoding: try choice(members["encoding"], "encoding", TextEncoding.allCases) ?? .utf8,
      identity: try identity(members["id"]),
      fields: given == nil && members["owner"] == nil ? nil : fields, path: path)
  }

  private func target(
    _ members: [String: YAMLNode], _ place: SourcePlace
  ) throws(YAMLError) -> ImportMapping.Target {
    let collection = members["collection"]
    if let accounts = members["accounts"] {
      if let isWanted = accounts.scalar?.bool, isWanted {
        guard collection == nil, members["owner"] == nil else {
          throw fault(accounts, "with accounts: true there is no collection: and no owner:")
        }
        return .accounts
      }
      throw fault(accounts, "accounts: takes true")
    }
    guard let collection else {
      throw YAMLError(
        place: place, message: "collection: is missing (or accounts: true for accounts)")
    }
    return .collection(try text(collection, "collection: takes a name"), collection.place)
  }

  private func choice<Choice: RawRepresentable>(
    _ node: YAMLNode?, _ key: String, _ choices: [Choice]
  ) throws(YAMLError) -> Choice? where Choice.RawValue == String {
    guard let node else { return nil }
    let names = choices.map(\.rawValue)
    let given = node.text ?? ""
    if let choice = Choice(rawValue: given) { return choice }
    throw fault(
      node, "\(key): takes \(names.joined(separator: ", "))" + hint(given, names))
  }

  private func identity(_ node: YAMLNode?) throws(YAMLError) -> ImportMapping.Identity {
    guard let node else { return .automatic }
    let (key, value) = try single(node, "id:", ["key", "column"])
    if key == "key" { return .key(try template(value)) }
    return .column(try text(value, "column: takes a name"), value.place)
  }

  private func owner(_ node: YAMLNode) throws(YAMLError) -> ImportMapping.FieldRule {
    let members = try members(node, "owner:", ["field", "account"])
    guard let field = members["field"], let account = members["account"] else {
      throw fault(node, "owner: needs field: and account:")
    }
    return ImportMapping.FieldRule(
      field: try text(field, "field: takes a name"), place: field.place,
      source: .account(try template(account)))
  }

  private func fields(
    _ node: YAMLNode, besides others: [ImportMapping.FieldRule]
  ) throws(YAMLError) -> [ImportMapping.FieldRule] {
    guard let members = node.mapping else {
      throw fault(node, "fields: takes a mapping of fields to columns, not \(node.kind)")
    }
    var rules: [ImportMapping.FieldRule] = []
    for member in members {
      if others.contains(where: { $0.field == member.key }) {
        throw YAMLError(
          place: member.keyPlace, message: "\(member.key) is filled by owner: already")
      }
      rules.append(
        ImportMapping.FieldRule(
          field: member.key, place: member.keyPlace, source: try source(member.value)))
    }
    return rules
  }

  private func source(_ node: YAMLNode) throws(YAMLError) -> ImportMapping.Source {
    let kinds = ["column", "reference", "account", "value"]
    let members = try members(node, "a field", kinds + ["empty"])
    let given = kinds.filter { members[$0] != nil }
    guard given.count == 1, let kind = given.first, let value = members[kind] else {
      throw fault(node, "a field takes one of column:, reference:, account: and value:")
    }
    var keepsEmpty = false
    if let empty = members["empty"] {
      guard kind == "column" else { throw fault(empty, "empty: goes with column:") }
      guard ["null", "keep"].contains(empty.text) else {
        throw fault(empty, "empty: takes null or keep")
      }
      keepsEmpty = empty.text == "keep"
    }
    switch kind {
    case "column":
      return .column(
        try text(value, "column: takes a name"), value.place, keepsEmpty: keepsEmpty)
    case "reference": return .reference(try template(value))
    case "account": return .account(try template(value))
    default: return .constant(json(value))
    }
  }

  // MARK: Parts

  private func json(_ node: YAMLNode) -> JSON {
    switch node {
    case .scalar(let scalar):
      if scalar.isNull { return .null }
      if let bool = scalar.bool { return .bool(bool) }
      if let int = scalar.int { return .int(Int64(int)) }
      if let double = scalar.double { return .double(double) }
      return .string(scalar.text)
    case .sequence(let nodes, _): return .array(nodes.map(json))
    case .mapping(let members, _):
      return .object(
        JSONObject(uniqueMembers: members.map { (key: $0.key, value: json($0.value)) }))
    }
  }

  private func template(_ node: YAMLNode) throws(YAMLError) -> KeyTemplate {
    let text = try text(node, "a text such as \"artist:{id}\" is expected")
    do throws(TextTemplate.Fault) {
      return try KeyTemplate(text, place: node.place)
    } catch {
      throw fault(node, error.message)
    }
  }

  private func text(_ node: YAMLNode, _ message: String) throws(YAMLError) -> String {
    guard let scalar = node.scalar, !scalar.isNull, !scalar.text.isEmpty else {
      throw fault(node, message)
    }
    return scalar.text
  }

  private func single(
    _ node: YAMLNode, _ subject: String, _ keys: [String]
  ) throws(YAMLError) -> (String, YAMLNode) {
    let members = try members(node, subject, keys)
    guard members.count == 1, let member = members.first else {
      throw fault(
        node, "\(subject) takes one of \(keys.map { $0 + ":" }.joined(separator: ", "))")
    }
    return (member.key, member.value)
  }

  private func members(
    _ node: YAMLNode, _ subject: String, _ keys: [String]
  ) throws(YAMLError) -> [String: YAMLNode] {
    let list = keys.map { $0 + ":" }.joined(separator: ", ")
    guard let members = node.mapping else {
      throw fault(node, "\(subject) takes a mapping with \(list), not \(node.kind)")
    }
    var known: [String: YAMLNode] = [:]
    for member in members {
      guard keys.contains(member.key) else {
        throw YAMLError(
          place: member.keyPlace,
          message: "\(subject) has no \(member.key.prefix(60)):" + hint(member.key, keys))
      }
      known[member.key] = member.value
    }
    return known
  }

  private func hint(_ name: String, _ names: [String]) -> String {
    nearest(name, among: names).map { "; did you mean \($0)?" } ?? ""
  }

  private func fault(_ node: YAMLNode, _ message: String) -> YAMLError {
    YAMLError(place: node.place, message: message)
  }
}
