import RoostCore
import Schema

/// The JSON Schemas of a collection: a record, a create, a change, a list.
struct CollectionSchemas {
  /// Records of an inverse relation that `expand` puts into one record.
  private static let expandedRecords = 50

  let collection: Collection
  /// A value for each field that one is known for, made once.
  private let values: [String: JSON]

  init(_ collection: Collection) {
    self.collection = collection
    var values: [String: JSON] = [:]
    for field in collection.fields { values[field.name] = FieldExample.of(field) }
    self.values = values
  }

  private func schema(of field: Field) -> FieldSchema {
    FieldSchema(field: field, collection: collection, example: values[field.name])
  }

  /// The parts for `components/schemas`.
  var all: [(String, JSON)] {
    [
      (ComponentNames.record(collection), record), (ComponentNames.create(collection), create),
      (ComponentNames.update(collection), update), (ComponentNames.list(collection), list),
    ]
  }

  private var record: JSON {
    var properties: [(String, JSON)] = [
      ("id", TypeSchema.uuid.with(("examples", [.string(FieldExample.id(collection.typeName))]))),
      ("version", ["type": "integer", "minimum": 1, "readOnly": true, "examples": [1]]),
      ("createdAt", time), ("updatedAt", time),
    ]
    for field in collection.fields {
      properties.append((field.name, schema(of: field).answered))
    }
    for inverse in collection.inverses {
      properties.append(
        (
          inverse.name,
          [
            "type": "array", "items": .reference("schemas/" + inverse.typeName),
            "maxItems": .int(Int64(CollectionSchemas.expandedRecords)), "readOnly": true,
            "description": .string("Only with `expand=\(inverse.name)`."),
          ]
        ))
    }
    let about =
      "Fields that the rules hide from the caller are left out, and those that `fields` does not ask "
      + "for."
    let schema: JSON = [
      "type": "object",
      "description": .string(
        [collection.description, about].compactMap { $0 }.joined(separator: " ")),
      "properties": .table(properties), "required": ["id"], "additionalProperties": false,
    ]
    return schema.with(
      ("deprecated", collection.deprecation == nil ? nil : true),
      ("examples", [recordExample]))
  }

  private var time: JSON {
    TypeSchema.dateTime.with(("readOnly", true), ("examples", ["2025-05-01T20:00:00.000Z"]))
  }

  private var create: JSON {
    var properties: [(String, JSON)] = [
      (
        "id",
        TypeSchema.uuid.with(
          ("description", "Chosen by the client, so that a repeat makes no second record."))
      )
    ]
    let settable = collection.fields.filter { !$0.isServerOnly }
    for field in settable {
      properties.append((field.name, schema(of: field).created))
    }
    let required = settable.filter { collection.mustBeGiven($0) }.map(\.name)
    let schema: JSON = [
      "type": "object", "properties": .table(properties),
      "additionalProperties": false,
    ]
    return schema.with(
      ("required", required.isEmpty ? nil : .texts(required)),
      ("examples", createExample.map { [$0] }))
  }

  private var update: JSON {
    var properties: [(String, JSON)] = [
      (
        "id",
        TypeSchema.uuid.with(
          ("readOnly", true), ("description", "Only the id that the record has is taken."))
      )
    ]
    for field in collection.fields where !field.isServerOnly {
      properties.append((field.name, schema(of: field).updated))
    }
    let schema: JSON = [
      "type": "object", "properties": .table(properties), "additionalProperties": false,
      "description": "The fields that it names change; the others stay.",
    ]
    return schema.with(("examples", [updateExample]))
  }

  private var list: JSON {
    [
      "type": "object",
      "properties": [
        "items": [
          "type": "array", "items": .reference("schemas/" + ComponentNames.record(collection)),
          "maxItems": 200,
        ],
        "next": [
          "type": ["string", "null"],
          "description": "What `after` of the next page takes; null on the last page.",
        ],
        "count": [
          "type": "integer", "minimum": 0, "description": "Where `count` asked for it.",
        ],
      ],
      "required": ["items", "next"], "additionalProperties": false,
      "examples": [listExample],
    ]
  }

  // MARK: Examples

  var recordExample: JSON {
    var members: [(String, JSON)] = [
      ("id", .string(FieldExample.id(collection.typeName))), ("version", 1),
      ("createdAt", "2025-05-01T20:00:00.000Z"), ("updatedAt", "2025-05-01T20:00:00.000Z"),
    ]
    for field in collection.fields {
      if let value = values[field.name] {
        members.append((field.name, value))
      } else if !field.isRequired {
        members.append((field.name, .null))
      }
    }
    return .table(members)
  }

  var listExample: JSON { ["items": [recordExample], "next": .null] }

  /// A create that the server takes where the records that it refers to are there; nil where no value
  /// is known for a field that must be given.
  var createExample: JSON? {
    var members: [(String, JSON)] = []
    for field in collection.fields where !field.isServerOnly && !collection.fillsOwner(field) {
      if let value = values[field.name] {
        members.append((field.name, value))
      } else if collection.mustBeGiven(field) {
        return nil
      }
    }
    return .table(members)
  }

  var updateExample: JSON {
    let changeable = collection.fields.filter { !$0.isServerOnly && !$0.isImmutable }
    for field in changeable {
      if let value = values[field.name] { return .table([(field.name, value)]) }
    }
    return .object(JSONObject())
  }
}
