import RoostCore
import Schema

/// The JSON Schemas of a field: as it is answered, and as it is sent.
struct FieldSchema {
  /// Elements of a list that are taken at most, whatever the schema says.
  private static let maximumItems = 10_000

  let field: Field
  /// Nil for an argument of an action.
  let collection: Collection?
  let example: JSON?

  /// As it is answered: the type without the bounds, which older records need not keep.
  var answered: JSON {
    var schema = TypeSchema.value(field.type)
    if case .reference(let typeName) = field.type, !field.isList {
      // By `expand` the record stands in the place of its id.
      schema = ["anyOf": [TypeSchema.uuid, .reference("schemas/" + typeName)]]
    }
    if field.isList {
      schema = [
        "type": "array",
        "items": field.elementsAreRequired ? schema : TypeSchema.nullable(schema),
      ]
    }
    if !field.isRequired { schema = TypeSchema.nullable(schema) }
    return noted(
      schema.with(("readOnly", field.isServerOnly ? true : nil)),
      field.derivation.map { "Derived: \($0.text)." } ?? "")
  }

  /// As a create takes it.
  var created: JSON {
    noted(
      sent.with(("default", field.defaultJSON)))
  }

  /// As a change takes it: a value, or an intent.
  var updated: JSON {
    guard !field.isImmutable else {
      return noted(
        sent.with(("readOnly", true)), "It cannot be changed: only the value that it has is taken.",
      )
    }
    guard let intent else { return noted(sent) }
    return noted(["anyOf": [sent, intent]])
  }

  /// A value with all bounds.
  private var sent: JSON {
    var schema = bounded(TypeSchema.value(field.type))
    if field.isList {
      schema = [
        "type": "array",
        "items": field.elementsAreRequired ? schema : TypeSchema.nullable(schema),
      ]
      let most = min(field.constraint?.maxItems ?? .max, FieldSchema.maximumItems)
      schema = schema.with(
        ("minItems", field.constraint?.minItems.map { .int(Int64($0)) }),
        ("maxItems", .int(Int64(most))))
    }
    return field.isRequired ? schema : TypeSchema.nullable(schema)
  }

  private var intent: JSON? {
    if field.isList {
      let element = TypeSchema.value(field.type)
      let list: JSON = [
        "type": "array", "maxItems": .int(Int64(FieldSchema.maximumItems)),
        "items": field.elementsAreRequired ? element : TypeSchema.nullable(element),
      ]
      return [
        "type": "object", "properties": ["$add": list, "$remove": list], "minProperties": 1,
        "additionalProperties": false,
        "description": "Adds and removes elements, whatever others did meanwhile.",
      ]
    }
    switch field.type {
    case .int, .int64, .float, .money:
      return [
        "type": "object", "properties": ["$increment": TypeSchema.value(field.type)],
        "required": ["$increment"], "additionalProperties": false,
        "description": "Adds to the number, whatever others did meanwhile.",
      ]
    default: return nil
    }
  }

  /// One value with the bounds that JSON Schema can tell.
  private func bounded(_ schema: JSON) -> JSON {
    guard let constraint = field.constraint else { return schema }
    if field.type == .duration { return schema }
    var schema = schema
    if let min = constraint.min { schema = schema.with(("minimum", larger(min, schema))) }
    if let max = constraint.max { schema = schema.with(("maximum", smaller(max, schema))) }
    schema = schema.with(
      ("exclusiveMinimum", constraint.exclusiveMin.map(JSON.number)),
      ("minLength", constraint.minLength.map { .int(Int64($0)) }))
    if let length = constraint.maxLength {
      schema = schema.with(("maxLength", smaller(Double(length), schema, "maxLength")))
    }
    if let pattern = constraint.pattern.flatMap({ ScriptPattern.of($0.source) }) {
      // A type with a pattern of its own keeps it: both must match.
      schema =
        schema["pattern"] == nil
        ? schema.with(("pattern", .string(pattern)))
        : schema.with(("allOf", [["pattern": .string(pattern)]]))
    }
    return schema
  }

  private func larger(_ bound: Double, _ schema: JSON) -> JSON {
    .number(max(bound, schema["minimum"]?.double ?? -.infinity))
  }

  private func smaller(_ bound: Double, _ schema: JSON, _ key: String = "maximum") -> JSON {
    .number(min(bound, schema[key]?.double ?? .infinity))
  }

  // MARK: In words

  /// The schema with what is said about the field.
  ///
  /// Beside `$ref` other members stand too, since OpenAPI 3.1.
  private func noted(_ schema: JSON, _ more: String = "") -> JSON {
    let own = schema["description"]?.string
    let sentences = [field.description, own, more.isEmpty ? nil : more] + remarks.map { $0 }
    let text = sentences.compactMap { $0 }.joined(separator: " ")
    return schema.with(
      ("description", text.isEmpty ? nil : .string(text)),
      ("deprecated", field.deprecation == nil ? nil : true),
      ("examples", example.map { [$0] }), ("x-roost-type", .string(field.declaredType)))
  }

  private var remarks: [String] {
    var remarks: [String] = []
    if let deprecation = field.deprecation {
      remarks.append("Deprecated: " + deprecation.sentence)
      if let successor = deprecation.successor { remarks.append("Use `\(successor)`.") }
    }
    if collection?.fillsOwner(field) == true {
      remarks.append("The caller, where a create leaves it out.")
    }
    remarks += FieldWords.bounds(field, beyondJSONSchema: true)
    return remarks
  }
}
