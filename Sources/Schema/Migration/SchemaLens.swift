package import RoostCore

/// What stands between two schemas of an app, as data: how a record of the older one is written in
/// the newer one, and back.
///
/// A pure function of two models, and of a record. It is kept with the history of schemas, so that a
/// client that was built for the older one can be answered later, whatever a parser of then thinks of
/// the text of now.
package struct SchemaLens: Sendable {
  /// A collection that is in both schemas.
  package struct CollectionLens: Sendable {
    package let oldName: String
    package let newName: String
    package let oldType: String
    package let newType: String
    package let fields: [FieldLens]
  }

  /// What became of one field; fields that stayed as they are have none.
  package enum FieldLens: Sendable {
    /// Another name, another type, or both; types are signatures.
    case changed(old: String, oldType: String, new: String, newType: String)
    /// Not known to the older schema: what its records have for it.
    case added(name: String, value: JSON)
    /// Not known to the newer one: what records have for it that were never seen with a value.
    case dropped(name: String, value: JSON)
  }

  package let collections: [CollectionLens]
  /// Types that only the newer, and that only the older schema has.
  package let added: [String]
  package let removed: [String]

  package init(collections: [CollectionLens], added: [String], removed: [String]) {
    self.collections = collections
    self.added = added
    self.removed = removed
  }

  package init(from old: SchemaModel, to new: SchemaModel) {
    let difference = SchemaDifference(from: old, to: new)
    added = difference.added.map(\.typeName)
    removed = difference.removed.map(\.typeName)
    collections = difference.collections.compactMap { collection in
      let fields = SchemaLens.fields(collection)
      guard !fields.isEmpty || collection.isRenamed || collection.route != nil else { return nil }
      return CollectionLens(
        oldName: collection.old.name, newName: collection.new.name,
        oldType: collection.old.typeName, newType: collection.new.typeName, fields: fields)
    }
  }

  private static func fields(_ collection: CollectionDifference) -> [FieldLens] {
    let changed = collection.fields.compactMap { field -> FieldLens? in
      let before = TypeSignature.of(field.old)
      let after = TypeSignature.of(field.new)
      guard before != after || field.old.name != field.new.name else { return nil }
      return .changed(
        old: field.old.name, oldType: before, new: field.new.name, newType: after)
    }
    return changed
      + collection.addedFields.map { .added(name: $0.name, value: $0.defaultJSON ?? .null) }
      + collection.removedFields.map { .dropped(name: $0.name, value: $0.emptyValue) }
  }

  /// The lens of a collection, by its name in the older schema.
  package func collection(oldName: String) -> CollectionLens? {
    collections.first { $0.oldName == oldName }
  }

  /// The lens of a collection, by its name in the newer schema.
  package func collection(newName: String) -> CollectionLens? {
    collections.first { $0.newName == newName }
  }
}

extension SchemaLens.CollectionLens {
  /// A record, or a part of one, of the older schema as the newer one has it.
  ///
  /// `isWhole` fills in what only the newer schema knows. Issues name values that the newer type
  /// cannot hold, by their older names; the record is then without them.
  package func forward(
    _ record: JSONObject, isWhole: Bool = true
  ) -> (record: JSONObject, issues: [FieldIssue]) {
    var result = record
    var issues: [FieldIssue] = []
    var taken: [(String, JSON)] = []
    for field in fields {
      switch field {
      case .changed(let old, let oldType, let new, let newType):
        guard let value = record[old] else { continue }
        result[old] = nil
        switch Self.convert(value, old, oldType, new, newType) {
        case .success(let value): taken.append((new, value))
        case .failure(let issue):
          issues.append(FieldIssue(pointer: "/" + old, code: issue.code, message: issue.message))
        }
      case .added(let name, let value):
        if isWhole, record[name] == nil { taken.append((name, value)) }
      case .dropped(let name, _): result[name] = nil
      }
    }
    for (name, value) in taken { result[name] = value }
    return (result, issues)
  }

  /// A record, or a part of one, of the newer schema as the older one has it.
  ///
  /// `kept` are the last values of dropped fields, where they are kept. A value that the older type
  /// cannot hold becomes null, and an issue names it by its newer name.
  package func backward(
    _ record: JSONObject, kept: JSONObject = JSONObject(), isWhole: Bool = true
  ) -> (record: JSONObject, issues: [FieldIssue]) {
    var result = record
    var issues: [FieldIssue] = []
    var taken: [(String, JSON)] = []
    for field in fields {
      switch field {
      case .changed(let old, let oldType, let new, let newType):
        guard let value = record[new] else { continue }
        result[new] = nil
        switch Self.convert(value, new, newType, old, oldType) {
        case .success(let value): taken.append((old, value))
        case .failure(let issue):
          taken.append((old, .null))
          issues.append(FieldIssue(pointer: "/" + new, code: issue.code, message: issue.message))
        }
      case .added(let name, _): result[name] = nil
      case .dropped(let name, let value):
        if isWhole { taken.append((name, kept[name] ?? value)) }
      }
    }
    for (name, value) in taken { result[name] = value }
    return (result, issues)
  }

  private static func convert(
    _ value: JSON, _ old: String, _ oldType: String, _ new: String, _ newType: String
  ) -> Result<JSON, FieldIssue> {
    if oldType == newType || value.isNull { return .success(value) }
    guard let before = TypeSignature.field(old, oldType),
      let after = TypeSignature.field(new, newType)
    else { return .success(value) }
    let json = ValueConversion(from: before, to: after).convert(value)
    return after.decode(json, pointer: "/" + new).map { decoded in
      var writer = JSONWriter(capacity: 64)
      after.encode(decoded, into: &writer)
      return (try? JSON.parse(writer.bytes)) ?? json
    }
  }
}

extension Field {
  /// What a record has that was never given a value for this field: null, or where a value is
  /// required the default, else the emptiest value of the type.
  package var emptyValue: JSON {
    guard isRequired else { return .null }
    if let defaultJSON { return defaultJSON }
    if isList { return [] }
    switch type {
    case .boolean: return false
    case .int, .int64, .float, .money: return 0
    case .string, .id: return ""
    case .json: return .object(JSONObject())
    case .enumeration(_, let values): return values.first.map { .string($0) } ?? .null
    default: return .null
    }
  }
}
