import RoostCore
import Schema

/// A column of a file by its name, and by its place where the file has a header.
struct ResolvedColumn: Sendable {
  let name: String
  /// Counts from 0; nil for members of JSON Lines.
  let index: Int?
}

/// A template whose columns are resolved.
struct ResolvedKey: Sendable {
  let template: TextTemplate
  let columns: [String: ResolvedColumn]

  /// The text for a line; nil where one of its columns is empty or missing.
  func text(_ line: SourceLine) -> String? {
    template.key { name in columns[name].flatMap { line.keyText($0) } }
  }

  /// The issue of a line for which there is no text.
  var emptiness: FieldIssue {
    FieldIssue(
      pointer: "/id", code: "required",
      message: "The id is made from \(template.columns.joined(separator: " and ")), and a part is "
        + "empty.")
  }
}

/// One record's values by column.
struct SourceLine {
  let content: SourceRecord.Content

  /// The value of a column, nil where it is missing.
  func value(_ column: ResolvedColumn) -> JSON? {
    switch content {
    case .columns(let texts):
      guard let index = column.index, index < texts.count else { return nil }
      return .string(texts[index])
    case .cells(let texts):
      guard let index = column.index, index < texts.count else { return nil }
      return texts[index].map { .string($0) }
    case .members(let members): return members[column.name]
    case .broken: return nil
    }
  }

  /// The value of a column for a field; nil where the field is to be left out.
  func value(
    _ column: ResolvedColumn, _ field: Field, keepsEmpty: Bool
  ) -> Result<JSON?, FieldIssue> {
    guard let value = value(column) else { return .success(nil) }
    guard case .string(let text) = value else { return .success(value.isNull ? nil : value) }
    if text.isEmpty, !keepsEmpty { return .success(nil) }
    if case .members = content { return .success(value) }
    return TextConversion.json(text, for: field).map { $0 }
  }

  /// The value of a column that bears the name of a field: of an export as it was, null included.
  func named(_ column: ResolvedColumn, _ field: Field) -> Result<JSON?, FieldIssue> {
    guard case .cells = content else { return value(column, field, keepsEmpty: false) }
    guard case .string(let text) = value(column) else { return .success(.null) }
    return TextConversion.json(text, for: field).map { $0 }
  }

  /// The value of a column as part of a key: texts, whole numbers and booleans.
  func keyText(_ column: ResolvedColumn) -> String? {
    switch value(column) {
    case .string(let text)?: text.isEmpty ? nil : text
    case .int(let number)?: "\(number)"
    case .bool(let value)?: "\(value)"
    default: nil
    }
  }

  /// Everything that the line says, by name.
  func members(_ header: [String]?) -> JSONObject {
    switch content {
    case .members(let members): return members
    case .columns(let texts):
      return JSONObject(
        uniqueMembers: zip(header ?? [], texts).map { (key: $0, value: .string($1)) })
    case .cells(let texts):
      return JSONObject(
        uniqueMembers: zip(header ?? [], texts).map {
          (key: $0, value: $1.map { .string($0) } ?? .null)
        })
    case .broken: return JSONObject()
    }
  }
}

/// Finds the columns that a mapping names in a file's header.
struct ColumnResolver {
  let mapping: ImportMapping
  let header: [String]?

  func column(_ name: String, _ place: SourcePlace) throws -> ResolvedColumn {
    guard let header else { return ResolvedColumn(name: name, index: nil) }
    guard let index = header.firstIndex(of: name) else {
      let hint =
        nearest(name, among: header).map { "; did you mean \($0)?" }
        ?? "; it has \(header.prefix(12).joined(separator: ", "))"
      throw mapping.fault(place, "the file has no column \(name.prefix(60))" + hint)
    }
    return ResolvedColumn(name: name, index: index)
  }

  func key(_ template: KeyTemplate) throws -> ResolvedKey {
    var columns: [String: ResolvedColumn] = [:]
    for name in template.template.columns { columns[name] = try column(name, template.place) }
    return ResolvedKey(template: template.template, columns: columns)
  }

  func identity() throws -> RecordPlan.Identity {
    switch mapping.identity {
    case .key(let template): return .key(try key(template))
    case .column(let name, let place): return .column(try column(name, place))
    case .automatic:
      if let header {
        return header.firstIndex(of: "id").map { .column(ResolvedColumn(name: "id", index: $0)) }
          ?? .content
      }
      return .column(ResolvedColumn(name: "id", index: nil))
    }
  }
}
