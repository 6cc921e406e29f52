import Queries
import RoostCore
import Schema

/// A column whose values are texts of others: what a field is split into, or put together from.
struct ComputedColumn: ColumnWork {
  /// A column with the field that it holds, which a template calls by its name.
  struct Source: Sendable {
    let column: String
    let field: Field
  }

  /// Values of an earlier time in the column, which hold where nothing else was said since.
  struct Kept: Sendable {
    /// Since when the column is kept.
    let at: Timestamp
    /// The columns that `returns` read; the first one is the column itself.
    let columns: [Source]
    /// Texts of `columns` that are to be what one of the sources holds.
    let returns: [FormerNames.Return]
  }

  let item: String
  let shadow: String
  let field: Field
  /// Nil where nothing says how the value is made.
  let template: TextTemplate?
  let sources: [Source]
  let kept: Kept?
  let isLenient: Bool

  init(
    item: String, shadow: String, field: Field, template: TextTemplate?, sources: [Source],
    kept: Kept? = nil, isLenient: Bool = false
  ) {
    self.item = item
    self.shadow = shadow
    self.field = field
    self.template = template
    self.sources = sources
    self.kept = kept
    self.isLenient = isLenient
  }

  // MARK: On record

  /// Reads what `json` wrote; what is kept is nothing for a record.
  init?(_ json: JSON) {
    guard let item = json["item"]?.string, let shadow = json["shadow"]?.string,
      let name = json["name"]?.string, let to = json["to"]?.string,
      let shape = TypeSignature.field(name, to), let list = json["sources"]?.array
    else { return nil }
    var sources: [Source] = []
    for entry in list {
      guard let name = entry["name"]?.string, let column = entry["column"]?.string,
        let type = entry["type"]?.string, let field = TypeSignature.field(name, type)
      else { return nil }
      sources.append(Source(column: column, field: field))
    }
    var value: FieldValue?
    if let json = json["default"], case .success(let decoded) = shape.decode(json, pointer: "") {
      value = decoded
    }
    self.init(
      item: item, shadow: shadow,
      field: Field(
        name: name, type: shape.type, isRequired: json["isRequired"]?.bool ?? false,
        defaultValue: value),
      template: json["template"]?.string.flatMap { try? TextTemplate($0) }, sources: sources,
      isLenient: json["isLenient"]?.bool ?? false)
  }

  var json: JSON {
    var object: JSONObject = JSONObject()
    object["item"] = .string(item)
    object["shadow"] = .string(shadow)
    object["name"] = .string(field.name)
    object["to"] = .string(TypeSignature.of(field))
    object["isRequired"] = .bool(field.isRequired)
    object["default"] = field.defaultValue.map { field.json($0) }
    object["template"] = template.map { .string($0.source) }
    object["sources"] = .array(
      sources.map { source in
        [
          "name": .string(source.field.name), "column": .string(source.column),
          "type": .string(TypeSignature.of(source.field)),
        ]
      })
    object["isLenient"] = .bool(isLenient)
    return .object(object)
  }

  var lenient: ComputedColumn { lenient(true) }

  func lenient(_ isLenient: Bool) -> ComputedColumn {
    ComputedColumn(
      item: item, shadow: shadow, field: field, template: template, sources: sources, kept: kept,
      isLenient: isLenient)
  }

  // MARK: Values

  var columns: [String] {
    let all = (sources + (kept?.columns ?? [])).map(\.column)
    return kept == nil ? all : all + ["createdAt"]
  }

  func value(of row: any Row) -> Result<FieldValue?, FieldIssue> {
    let values = values(sources, ColumnWorks.firstValue, row)
    if let kept {
      let own = self.values(kept.columns, ColumnWorks.firstValue + sources.count, row)
      let createdAt = row.timestamp(ColumnWorks.firstValue + columns.count - 1)
      if isThere(kept, own, createdAt), holds(kept, own, values) { return .success(nil) }
    }
    let text = template?.value { name in
      sources.firstIndex { $0.field.name == name }.flatMap {
        values[$0].text(of: sources[$0].field)
      }
    }
    guard let text else { return empty.map { $0 } }
    let plain = Field(name: field.name, type: .string, isRequired: false)
    return ValueConversion(from: plain, to: field).convert(.text(text)).map { $0 }
  }

  private func values(_ list: [Source], _ first: Int, _ row: any Row) -> [FieldValue] {
    list.enumerated().map { index, source in
      StoredKind(source.field).value(first + index, in: row)
    }
  }

  /// What a row has for which there is no text.
  private var empty: Result<FieldValue, FieldIssue> {
    if let value = field.defaultValue { return .success(value) }
    guard field.isRequired else { return .success(.null) }
    let names = sources.map(\.field.name).joined(separator: ", ")
    return .failure(
      FieldIssue(
        pointer: "/" + field.name, code: "required",
        message: template == nil
          ? "\(item) is required, and nothing says how it is made of \(names)."
          : "\(item) is required, and there is nothing for it in \(names)."))
  }

  /// Whether a row has something that is kept: of one that is younger, nothing is.
  ///
  /// That nothing was there is kept as well as what was.
  private func isThere(_ kept: Kept, _ own: [FieldValue], _ createdAt: Timestamp) -> Bool {
    if own.first == .null, field.isRequired { return false }
    return createdAt < kept.at || own.contains { $0 != .null }
  }

  /// Whether what is kept is what the sources say still.
  private func holds(_ kept: Kept, _ own: [FieldValue], _ values: [FieldValue]) -> Bool {
    // Nothing says how they are compared: who wrote nothing meanwhile has taken nothing back.
    if kept.returns.isEmpty { return values.allSatisfy { $0 == .null } }
    return kept.returns.allSatisfy { way in
      guard let index = sources.firstIndex(where: { $0.field.name == way.source }) else {
        return false
      }
      let text = way.template.value { name in
        kept.columns.firstIndex { $0.field.name == name }
          .flatMap { own[$0].text(of: kept.columns[$0].field) }
      }
      let plain = Field(name: way.source, type: .string, isRequired: false)
      let target = sources[index].field
      guard
        case .success(let value) = ValueConversion(from: plain, to: target)
          .convert(text.map { .text($0) } ?? .null)
      else { return false }
      return value == values[index]
    }
  }

  /// The rows to look at in favour of the sources: all but those that say nothing newer than what is
  /// kept.
  var changed: SQL? {
    guard let kept, let own = kept.columns.first else { return nil }
    let early = kept.at.milliseconds - 600_000
    return """
      \(identifier: "updatedAt") >= \(early) OR (\(identifier: own.column) IS NULL AND (\(isFilled)))
      """
  }

  /// Whether a row has something to make a value of.
  var isFilled: SQL {
    if field.defaultValue != nil { return "1 = 1" }
    if sources.isEmpty { return "1 = 0" }
    return sources.map { source -> SQL in "\(identifier: source.column) IS NOT NULL" }
      .joined(by: " OR ")
  }
}

extension FieldValue {
  /// The value as a text, which that of a text is itself; nil for null.
  fileprivate func text(of field: Field) -> String? {
    if self == .null { return nil }
    let json = field.json(self)
    return json.string ?? json.text
  }
}
