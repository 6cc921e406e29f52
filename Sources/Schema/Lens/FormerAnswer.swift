package import RoostCore

/// Writes records as an older client knows them.
package struct FormerAnswer {
  /// The members of every record beside its fields.
  static let systemNames = ["id", "version", "createdAt", "updatedAt"]

  private let schema: FormerSchema

  package init(schema: FormerSchema) { self.schema = schema }

  /// A page; `lost` takes the fields whose value the older version cannot hold.
  package func list(
    _ page: JSON, of collection: FormerCollection, _ shown: Set<String>?, _ lost: inout Set<String>
  ) -> JSON {
    guard var object = page.object, let items = object["items"]?.array else { return page }
    var records: [JSON] = []
    records.reserveCapacity(items.count)
    for item in items { records.append(record(item, of: collection, shown, &lost)) }
    object["items"] = .array(records)
    return .object(object)
  }

  /// A record with the members that the older version has, in its order; what was left out stays so.
  package func record(
    _ record: JSON, of collection: FormerCollection, _ shown: Set<String>?,
    _ lost: inout Set<String>
  ) -> JSON {
    guard let object = record.object else { return record }
    var members: [(key: String, value: JSON)] = []
    members.reserveCapacity(object.count)
    var values = [JSON?](repeating: nil, count: collection.fields.count)
    var others: [String: JSON] = [:]
    for (name, value) in object {
      if let index = collection.index(ofNow: name) {
        values[index] = value
      } else if FormerAnswer.systemNames.contains(name) {
        members.append((name, value))
      } else {
        others[name] = value
      }
    }
    for (field, value) in zip(collection.fields, values) {
      let name = field.old.name
      if let shown, !shown.contains(name) { continue }
      if field.now == nil {
        members.append((name, field.joined(object) ?? field.old.emptyValue))
      } else if let value {
        members.append((name, self.value(value, of: field, &lost)))
      }
    }
    for inverse in collection.old.inverses {
      guard let now = schema.currentName(of: inverse, in: collection), let value = others[now],
        let target = schema.collection(ofType: inverse.typeName)
      else { continue }
      members.append((inverse.name, expanded(value, of: target, &lost)))
    }
    return .object(JSONObject(uniqueMembers: members))
  }

  private func value(
    _ value: JSON, of field: FormerField, _ lost: inout Set<String>
  ) -> JSON {
    if case .object = value, let target = schema.target(of: field.old) {
      return record(value, of: target, nil, &lost)
    }
    let (value, isLost) = field.backward(value)
    if isLost { lost.insert(field.old.name) }
    return value
  }

  private func expanded(
    _ value: JSON, of target: FormerCollection, _ lost: inout Set<String>
  ) -> JSON {
    guard let records = value.array else { return value }
    var former: [JSON] = []
    for one in records { former.append(record(one, of: target, nil, &lost)) }
    return .array(former)
  }
}
