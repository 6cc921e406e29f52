package import RoostCore
package import Schema

/// The description of an app's HTTP API in OpenAPI 3.1, made from its schema.
///
/// A pure function: the same schema and versions give the same bytes.
package struct OpenAPIDocument: Sendable {
  /// The document as JSON.
  package let json: JSON

  /// `versions` are those that the server has served, the current one last.
  package init(_ model: SchemaModel, title: String = "API", versions: [APIVersion] = [.first]) {
    let version = versions.last ?? .first
    let collections = model.collections.map { CollectionSchemas($0) }
    let byType = Dictionary(
      collections.map { ($0.collection.typeName, $0) }, uniquingKeysWith: { first, _ in first })
    json = [
      "openapi": "3.1.1",
      "info": [
        "title": .string(title), "version": .string(version.description),
        "description": .string(OpenAPIDocument.about),
      ],
      "servers": [["url": "/"]],
      "tags": OpenAPIDocument.tags(model),
      "paths": .table(
        collections.flatMap { CollectionPaths($0, all: byType, model: model).paths }
          + ActionPaths.all(model) + [BatchPath.path(model), SyncPath.path] + GatePaths.all
          + DevicePaths.all + AccountPaths.all),
      "components": [
        "schemas": OpenAPIDocument.schemas(model, collections),
        "responses": .table(ProblemResponses.components),
        "parameters": .table(RequestParameters.components(versions: versions)),
        "headers": .table(Headers.components),
        "securitySchemes": [
          "bearer": [
            "type": "http", "scheme": "bearer",
            "description": "The accessToken of a session, or an API key.",
          ]
        ],
      ],
    ]
  }

  /// The document's bytes, without white space.
  package var bytes: [UInt8] { json.encoded }

  private static func schemas(
    _ model: SchemaModel, _ collections: [CollectionSchemas]
  ) -> JSON {
    var schemas = collections.flatMap(\.all)
    for type in model.enums {
      schemas.append(
        (
          ComponentNames.enumeration(type.name),
          [
            "type": "string", "enum": .texts(type.values),
            "examples": .texts(Array(type.values.prefix(1))),
          ]
        ))
    }
    schemas +=
      ActionPaths.schemas(model) + BatchPath.schemas + GatePaths.schemas
      + DevicePaths.schemas
      + AccountPaths.schemas
    return .table(schemas + [("Problem", ProblemResponses.schema)])
  }

  private static func tags(_ model: SchemaModel) -> JSON {
    let own: [JSON] = model.collections.map { collection in
      let deprecated = collection.deprecation.map { "Deprecated: " + $0.sentence }
      let text = [collection.description, deprecated].compactMap { $0 }.joined(separator: " ")
      return .members(
        ("name", .string(collection.name)), ("description", text.isEmpty ? nil : .string(text)))
    }
    let actions: [JSON] =
      model.actions.isEmpty
      ? [] : [["name": "actions", "description": "Named transactions of the app."]]
    return .array(
      own + actions + [
        ["name": "batch", "description": "Several requests in one."],
        ["name": "sync", "description": "Devices, the gate before them, and features that open."],
        ["name": "auth", "description": "Accounts and sessions."],
      ])
  }

  private static let about = """
    JSON in and out. Send `Authorization: Bearer` with the access token of a session; \
    `POST /v1/auth/anonymous` makes one. HEAD is answered wherever GET is. What is invalid is \
    answered with a problem document (RFC 9457) that names each fault.
    """
}
