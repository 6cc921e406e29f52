import RoostCore
import Schema

/// The paths under `/v1/actions`, and the JSON Schemas of what they take.
enum ActionPaths {
  static func all(_ model: SchemaModel) -> [(String, JSON)] {
    model.actions.map { ("/v1/actions/\($0.name)", path($0, model)) }
  }

  /// The parts for `components/schemas`.
  static func schemas(_ model: SchemaModel) -> [(String, JSON)] {
    model.actions.map { action in
      (
        component(action),
        object(action.arguments).with(
          ("examples", example(action.arguments).map { [$0] }))
      )
    }
  }

  // The names of types hold no dots, so these cannot meet.
  private static func component(_ action: ActionDeclaration) -> String {
    action.name + ".arguments"
  }

  private static func path(_ action: ActionDeclaration, _ model: SchemaModel) -> JSON {
    let deprecated = action.deprecation.map { "Deprecated: " + $0.sentence }
    let text = [action.description, deprecated].compactMap { $0 }.joined(separator: " ")
    let operation: JSON = .members(
      ("operationId", .string("actions." + action.name)), ("tags", ["actions"]),
      ("summary", .string("The action \(action.name)")),
      ("description", text.isEmpty ? nil : .string(text)),
      ("deprecated", action.deprecation == nil ? nil : true),
      ("parameters", [RequestParameters.shared("Idempotency-Key")]),
      (
        "requestBody",
        [
          "required": .bool(action.arguments.contains(where: \.mustBeGiven)),
          "content": [
            "application/json": .members(
              ("schema", .reference("schemas/" + component(action))),
              ("example", example(action.arguments)))
          ],
        ]
      ),
      (
        "responses",
        ProblemResponses.answers(
          [(200, answer(action, model))],
          ProblemResponses.common + ProblemResponses.body + [
            .forbidden, .notFound, .conflict, .preconditionFailed, .storageFull, .functionFailed,
            .functionTimeout,
          ])
      ),
      // Some actions are open to people without an account: the handler says so, and not the
      // schema.
      ("security", [["bearer": []], JSON.object(JSONObject())]))
    return ["parameters": [RequestParameters.shared("Roost-Version")], "post": operation]
  }

  private static func answer(_ action: ActionDeclaration, _ model: SchemaModel) -> JSON {
    .members(
      ("description", "What the action answers; records as far as the caller may read them."),
      (
        "headers",
        .table(
          Headers.always + [("Idempotent-Replayed", .reference("headers/Idempotent-Replayed"))]
            + (isOnItsWayOut(action) ? Headers.onTheWayOut : []))
      ),
      (
        "content",
        [
          "application/json": .members(
            (
              "schema",
              [
                "type": "object", "properties": ["result": result(action, model)],
                "required": ["result"], "additionalProperties": false,
              ]
            ))
        ]
      ))
  }

  /// Whether answers say that the action, or something of its arguments, is deprecated.
  private static func isOnItsWayOut(_ action: ActionDeclaration) -> Bool {
    func isDeprecated(_ argument: ActionArgument) -> Bool {
      if argument.deprecation != nil { return true }
      guard case .input(let input) = argument.content else { return false }
      return input.fields.contains(where: isDeprecated)
    }
    return action.deprecation != nil || action.arguments.contains(where: isDeprecated)
  }

  private static func result(_ action: ActionDeclaration, _ model: SchemaModel) -> JSON {
    let field = action.result.field
    var schema = TypeSchema.value(field.type)
    if let type = action.result.recordType.flatMap({ model.collection(ofType: $0) }) {
      schema = .reference("schemas/" + ComponentNames.record(type))
    }
    if field.isList {
      schema = [
        "type": "array",
        "items": field.elementsAreRequired ? schema : TypeSchema.nullable(schema),
      ]
    }
    return field.isRequired ? schema : TypeSchema.nullable(schema)
  }

  // MARK: Arguments

  private static func object(_ arguments: [ActionArgument]) -> JSON {
    let required = arguments.filter(\.mustBeGiven).map(\.name)
    let schema: JSON = [
      "type": "object", "properties": .table(arguments.map { ($0.name, Self.schema(of: $0)) }),
      "additionalProperties": false,
    ]
    return schema.with(("required", required.isEmpty ? nil : .texts(required)))
  }

  private static func schema(of argument: ActionArgument) -> JSON {
    switch argument.content {
    case .value(let field):
      return FieldSchema(field: field, collection: nil, example: FieldExample.of(field)).created
        .with(("deprecated", argument.deprecation == nil ? nil : true))
    case .input(let input):
      var schema = object(input.fields)
      if input.isList {
        schema = [
          "type": "array",
          "items": input.elementsAreRequired ? schema : TypeSchema.nullable(schema),
        ]
      }
      if !input.isRequired { schema = TypeSchema.nullable(schema) }
      return schema.with(
        ("description", argument.description.map { .string($0) }),
        ("deprecated", argument.deprecation == nil ? nil : true),
        ("x-roost-type", .string(input.declaredType)))
    }
  }

  /// Arguments that the server takes; nil where no value is known for one that must be given.
  private static func example(_ arguments: [ActionArgument]) -> JSON? {
    var members: [(String, JSON)] = []
    for argument in arguments {
      switch argument.content {
      case .value(let field):
        // An id is most likely that of a record.
        if field.type == .id, !field.isList, field.constraint == nil {
          members.append((argument.name, .string(FieldExample.id("Record"))))
        } else if let value = FieldExample.of(field) {
          members.append((argument.name, value))
        } else if argument.mustBeGiven {
          return nil
        }
      case .input(let input):
        guard let value = example(input.fields) else {
          if argument.mustBeGiven { return nil }
          continue
        }
        members.append((argument.name, input.isList ? [value] : value))
      }
    }
    return .table(members)
  }
}
