import RoostCore
import Schema

/// The paths of a collection: its list, its records, its relations.
///
/// Operations that no rule allows to anybody are left out.
struct CollectionPaths {
  private let collection: Collection
  private let model: SchemaModel
  private let schemas: CollectionSchemas
  /// Those of all collections, by their types.
  private let all: [String: CollectionSchemas]

  init(_ schemas: CollectionSchemas, all: [String: CollectionSchemas], model: SchemaModel) {
    collection = schemas.collection
    self.schemas = schemas
    self.all = all
    self.model = model
  }

  private var name: String { collection.name }

  var paths: [(String, JSON)] {
    var paths: [(String, JSON)] = []
    let many = operations([(.read, "get", list), (.create, "post", create)])
    if !many.isEmpty { paths.append(("/v1/\(name)", item(many))) }
    let one = operations([
      (.read, "get", read), (.update, "patch", update), (.delete, "delete", delete),
    ])
    let id = RequestParameters.shared("id")
    if !one.isEmpty { paths.append(("/v1/\(name)/{id}", item(one, [id]))) }
    for inverse in collection.inverses {
      guard let target = model.collection(ofType: inverse.typeName), isAllowed(.read, target),
        isAllowed(.read, collection)
      else { continue }
      paths.append(
        ("/v1/\(name)/{id}/\(inverse.name)", item([("get", related(inverse, target))], [id])))
    }
    return paths
  }

  private func isAllowed(_ operation: Operation, _ collection: Collection) -> Bool {
    collection.allows.contains { $0.operations.contains(operation) }
  }

  private func operations(_ all: [(Operation, String, JSON)]) -> [(String, JSON)] {
    all.filter { isAllowed($0.0, collection) }.map { ($0.1, $0.2) }
  }

  private func item(_ operations: [(String, JSON)], _ parameters: [JSON] = []) -> JSON {
    .table(
      [("parameters", .array(parameters + [RequestParameters.shared("Roost-Version")]))]
        + operations)
  }

  private func operation(
    _ operation: Operation, _ verb: String, _ summary: String, of subject: Collection? = nil,
    parameters: [JSON] = [], body: JSON? = nil, answers: JSON
  ) -> JSON {
    let subject = subject ?? collection
    let isPublic = subject.allows.contains {
      $0.operations.contains(operation) && $0.audience == .everyone && $0.roles == nil
    }
    let who = RuleWords.who(operation, subject)
    return .members(
      ("operationId", .string("\(name).\(verb)")), ("tags", [.string(name)]),
      ("summary", .string(summary)),
      ("description", .string("Who may: " + who.joined(separator: " "))),
      ("deprecated", collection.deprecation == nil ? nil : true),
      ("parameters", parameters.isEmpty ? nil : .array(parameters)), ("requestBody", body),
      ("responses", answers),
      ("security", isPublic ? [JSON.object(JSONObject()), ["bearer": []]] : [["bearer": []]]))
  }

  private func answer(
    _ description: String, _ headers: [(String, JSON)], _ schema: String? = nil,
    example: JSON? = nil
  ) -> JSON {
    .members(
      ("description", .string(description)), ("headers", .table(headers)),
      (
        "content",
        schema.map { name in
          [
            "application/json": .members(
              ("schema", .reference("schemas/" + name)), ("example", example))
          ]
        }
      ))
  }

  private func body(_ schema: String, _ example: JSON?) -> JSON {
    [
      "required": true,
      "content": [
        "application/json": .members(
          ("schema", .reference("schemas/" + schema)), ("example", example))
      ],
    ]
  }

  private func page(_ target: Collection) -> JSON {
    answer(
      "A page.", Headers.always + Headers.deprecation(target) + Headers.refreshed(target),
      ComponentNames.list(target),
      example: all[target.typeName]?.listExample)
  }

  private var list: JSON {
    operation(
      .read, "list", "List \(name)", parameters: RequestParameters.list(collection),
      answers: ProblemResponses.answers(
        [(200, page(collection))], ProblemResponses.common + [.forbidden, .invalid]))
  }

  private func related(_ inverse: InverseField, _ target: Collection) -> JSON {
    operation(
      .read, "list_\(inverse.name)", "List the \(inverse.name) of a record of \(name)", of: target,
      parameters: RequestParameters.list(target),
      answers: ProblemResponses.answers(
        [(200, page(target))], ProblemResponses.common + [.forbidden, .notFound, .invalid]))
  }

  private var written: [(String, JSON)] {
    [("Idempotent-Replayed", .reference("headers/Idempotent-Replayed"))]
  }

  private var create: JSON {
    let headers =
      Headers.record(collection) + [("Location", .reference("headers/Location"))] + written
    return operation(
      .create, "create", "Create a record of \(name)",
      parameters: [RequestParameters.shared("Idempotency-Key")],
      body: body(ComponentNames.create(collection), schemas.createExample),
      answers: ProblemResponses.answers(
        [
          (
            201,
            answer(
              "The record, as far as the caller may read it.", headers,
              ComponentNames.record(collection), example: schemas.recordExample)
          )
        ],
        ProblemResponses.common + ProblemResponses.body + [.forbidden, .conflict, .storageFull]))
  }

  private var read: JSON {
    operation(
      .read, "read", "Read a record of \(name)",
      parameters: RequestParameters.shown(collection)
        + [RequestParameters.shared("If-None-Match")],
      answers: ProblemResponses.answers(
        [
          (
            200,
            answer(
              "The record.", Headers.record(collection) + Headers.refreshed(collection),
              ComponentNames.record(collection),
              example: schemas.recordExample)
          ),
          (304, answer("The caller has it already.", Headers.record(collection))),
        ], ProblemResponses.common + [.forbidden, .notFound, .invalid]))
  }

  private var update: JSON {
    operation(
      .update, "update", "Change a record of \(name)",
      parameters: [
        RequestParameters.condition(collection), RequestParameters.shared("Idempotency-Key"),
      ],
      body: body(ComponentNames.update(collection), schemas.updateExample),
      answers: ProblemResponses.answers(
        [
          (
            200,
            answer(
              "The record, as far as the caller may read it.",
              Headers.record(collection) + written, ComponentNames.record(collection),
              example: schemas.recordExample)
          )
        ],
        ProblemResponses.common + ProblemResponses.body + [
          .forbidden, .notFound, .conflict, .preconditionFailed, .preconditionRequired,
          .storageFull,
        ]))
  }

  private var delete: JSON {
    operation(
      .delete, "delete", "Delete a record of \(name)",
      parameters: [
        RequestParameters.condition(collection), RequestParameters.shared("Idempotency-Key"),
      ],
      answers: ProblemResponses.answers(
        [(204, answer("It is gone.", Headers.always + Headers.deprecation(collection) + written))],
        ProblemResponses.common + [
          .forbidden, .notFound, .conflict, .preconditionFailed, .preconditionRequired, .invalid,
          .storageFull,
        ]))
  }
}
