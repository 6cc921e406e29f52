package import RoostCore

extension SchemaLens {
  /// The form in which a lens is kept.
  package var json: JSON {
    func strings(_ list: [String]) -> JSON { .array(list.map { .string($0) }) }
    return [
      "collections": .array(collections.map(\.json)), "added": strings(added),
      "removed": strings(removed),
    ]
  }

  /// The lens that was kept so; nil for what is none.
  package init?(_ json: JSON) {
    func strings(_ json: JSON?) -> [String]? { json?.array.map { $0.compactMap(\.string) } }
    guard let list = json["collections"]?.array, let added = strings(json["added"]),
      let removed = strings(json["removed"])
    else { return nil }
    let collections = list.compactMap { CollectionLens($0) }
    guard collections.count == list.count else { return nil }
    self.init(collections: collections, added: added, removed: removed)
  }
}

extension SchemaLens.CollectionLens {
  fileprivate var json: JSON {
    [
      "old": .string(oldName), "new": .string(newName), "oldType": .string(oldType),
      "newType": .string(newType), "fields": .array(fields.map(\.json)),
    ]
  }

  fileprivate init?(_ json: JSON) {
    guard let old = json["old"]?.string, let new = json["new"]?.string,
      let oldType = json["oldType"]?.string, let newType = json["newType"]?.string,
      let list = json["fields"]?.array
    else { return nil }
    let fields = list.compactMap { SchemaLens.FieldLens($0) }
    guard fields.count == list.count else { return nil }
    self.init(oldName: old, newName: new, oldType: oldType, newType: newType, fields: fields)
  }
}

extension SchemaLens.FieldLens {
  fileprivate var json: JSON {
    switch self {
    case .changed(let old, let oldType, let new, let newType):
      [
        "is": "changed", "old": .string(old), "oldType": .string(oldType), "new": .string(new),
        "newType": .string(newType),
      ]
    case .added(let name, let value): ["is": "added", "name": .string(name), "value": value]
    case .dropped(let name, let value): ["is": "dropped", "name": .string(name), "value": value]
    }
  }

  fileprivate init?(_ json: JSON) {
    switch json["is"]?.string {
    case "changed":
      guard let old = json["old"]?.string, let oldType = json["oldType"]?.string,
        let new = json["new"]?.string, let newType = json["newType"]?.string
      else { return nil }
      self = .changed(old: old, oldType: oldType, new: new, newType: newType)
    case "added", "dropped":
      guard let name = json["name"]?.string, let value = json["value"] else { return nil }
      self =
        json["is"]?.string == "added"
        ? .added(name: name, value: value) : .dropped(name: name, value: value)
    default: return nil
    }
  }
}
