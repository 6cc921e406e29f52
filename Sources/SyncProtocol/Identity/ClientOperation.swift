package import RoostCore

/// One thing that a mutation does; all operations of a mutation take place, or none does.
package enum ClientOperation: Sendable, Equatable {
  /// `{"kind": "create", coll, id, args: {field: value}}`
  case create(collection: String, id: UUID, fields: JSONObject)
  /// `{"kind": "update", coll, id, args: {field: value or intent}, base?: {field: stamp}}`
  ///
  /// `base` holds, for fields whose strategy compares, the stamp that the entry gave for the value
  /// on which the edit was made.
  case update(collection: String, id: UUID, fields: JSONObject, base: [String: Stamp])
  /// `{"kind": "delete", coll, id}`
  case delete(collection: String, id: UUID)
  /// `{"kind": "action", name, args}`
  case action(name: String, arguments: JSONObject)
  /// `{"kind": "resolve", id, args: {"choose": "theirs"} or {"choose": "mine"} or {"value": …}}`,
  /// where `id` is that of the conflict.
  case resolve(conflict: UUID, choice: ConflictChoice)

  /// The row that the operation is about; nil for an action and for a conflict.
  package var row: RowKey? {
    switch self {
    case .create(let collection, let id, _), .update(let collection, let id, _, _),
      .delete(let collection, let id):
      RowKey(collection: collection, id: id)
    case .action, .resolve: nil
    }
  }
}

/// A row of a collection.
package struct RowKey: Hashable, Sendable {
  package let collection: String
  package let id: UUID

  package init(collection: String, id: UUID) {
    self.collection = collection
    self.id = id
  }
}

/// What a person chose where two values stood against each other.
package enum ConflictChoice: Sendable, Equatable {
  case theirs
  case mine
  case value(JSON)
}

extension ClientOperation {
  /// The operation as it stands in a mutation, and as it is hashed.
  package var json: JSON {
    var object = JSONObject()
    switch self {
    case .create(let collection, let id, let fields):
      object["kind"] = "create"
      object["coll"] = .string(collection)
      object["id"] = .string(id.description)
      object["args"] = .object(fields)
    case .update(let collection, let id, let fields, let base):
      object["kind"] = "update"
      object["coll"] = .string(collection)
      object["id"] = .string(id.description)
      object["args"] = .object(fields)
      if !base.isEmpty {
        var stamps = JSONObject()
        let ordered = base.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (field, stamp) in ordered { stamps[field] = .string(stamp.description) }
        object["base"] = .object(stamps)
      }
    case .delete(let collection, let id):
      object["kind"] = "delete"
      object["coll"] = .string(collection)
      object["id"] = .string(id.description)
    case .action(let name, let arguments):
      object["kind"] = "action"
      object["name"] = .string(name)
      object["args"] = .object(arguments)
    case .resolve(let conflict, let choice):
      object["kind"] = "resolve"
      object["id"] = .string(conflict.description)
      switch choice {
      case .theirs: object["args"] = ["choose": "theirs"]
      case .mine: object["args"] = ["choose": "mine"]
      case .value(let value): object["args"] = ["value": value]
      }
    }
    return .object(object)
  }

  /// Reads an operation; strict, because a part of it that was passed over would make another one.
  package init(_ json: JSON, pointer: String) throws(RoostError) {
    let members = try Members(json, pointer, strict: true)
    let kind = try members.text("kind")
    switch kind {
    case "create", "update":
      try members.only(
        kind == "create" ? ["kind", "coll", "id", "args"] : ["kind", "coll", "id", "args", "base"])
      let collection = try members.text("coll")
      let id = try members.uuid("id")
      let fields = try members.object("args")
      if kind == "create" {
        self = .create(collection: collection, id: id, fields: fields)
      } else {
        self = .update(
          collection: collection, id: id, fields: fields, base: try members.stamps("base"))
      }
    case "delete":
      try members.only(["kind", "coll", "id"])
      self = .delete(collection: try members.text("coll"), id: try members.uuid("id"))
    case "action":
      try members.only(["kind", "name", "args"])
      self = .action(name: try members.text("name"), arguments: try members.object("args"))
    case "resolve":
      try members.only(["kind", "id", "args"])
      let choice = try ConflictChoice(try members.object("args"), pointer + "/args")
      self = .resolve(conflict: try members.uuid("id"), choice: choice)
    default:
      throw Members.issue(
        pointer + "/kind", "unknown_kind",
        "An operation is a create, update, delete, action or resolve.")
    }
  }
}

extension ConflictChoice {
  fileprivate init(_ object: JSONObject, _ pointer: String) throws(RoostError) {
    if object.count == 1, let value = object["value"] {
      self = .value(value)
    } else if object.count == 1, object["choose"]?.string == "theirs" {
      self = .theirs
    } else if object.count == 1, object["choose"]?.string == "mine" {
      self = .mine
    } else {
      throw Members.issue(
        pointer, "type", "A resolve takes {\"choose\": \"theirs\" or \"mine\"} or {\"value\": …}.")
    }
  }
}
