import RoostCore
import Schema

/// `POST /v1/batch`.
enum BatchPath {
  static func path(_ model: SchemaModel) -> (String, JSON) {
    let operation: JSON = .members(
      ("operationId", "batch"), ("tags", ["batch"]),
      ("summary", "Do several things in one request"),
      (
        "description",
        "Up to 100 reads and writes of records, in order: all or nothing, or each by itself."
      ),
      ("parameters", [RequestParameters.shared("Idempotency-Key")]),
      (
        "requestBody",
        [
          "required": true,
          "content": [
            "application/json": ["schema": .reference("schemas/Batch"), "example": example(model)]
          ],
        ]
      ),
      (
        "responses",
        ProblemResponses.answers(
          [
            (
              200,
              [
                "description": "What became of each operation.",
                "headers": .table(
                  Headers.always
                    + [("Idempotent-Replayed", .reference("headers/Idempotent-Replayed"))]),
                "content": [
                  "application/json": [
                    "schema": .reference("schemas/BatchResults"),
                    "example": [
                      "results": [["status": 204, "headers": .table([]), "body": .null]]
                    ],
                  ]
                ],
              ]
            )
          ], ProblemResponses.common + ProblemResponses.body + [.conflict, .storageFull])
      ), ("security", [JSON.object(JSONObject()), ["bearer": []]]))
    return (
      "/v1/batch",
      ["parameters": [RequestParameters.shared("Roost-Version")], "post": operation]
    )
  }

  /// The parts for `components/schemas`.
  static let schemas: [(String, JSON)] = [
    (
      "Batch",
      [
        "type": "object",
        "properties": [
          "atomic": [
            "type": "boolean", "default": false,
            "description": "All operations in one transaction: all or nothing.",
          ],
          "operations": [
            "type": "array", "maxItems": 100, "items": .reference("schemas/BatchOperation"),
          ],
        ],
        "required": ["operations"], "additionalProperties": false,
      ]
    ),
    (
      "BatchOperation",
      [
        "type": "object",
        "properties": [
          "method": ["type": "string", "enum": ["GET", "POST", "PATCH", "DELETE"]],
          "path": [
            "type": "string", "pattern": "^/v1/[!-\"$-~]+$", "maxLength": 8192,
            "description": "The path of a collection or record, with its query.",
          ],
          "body": ["description": "What the route takes; not with GET and DELETE."],
          "headers": [
            "type": "object",
            "properties": [
              "If-Match": header, "If-None-Match": header, "Idempotency-Key": header,
            ],
            "additionalProperties": false,
          ],
        ],
        "required": ["method", "path"], "additionalProperties": false,
      ]
    ),
    (
      "BatchResult",
      [
        "type": "object",
        "properties": [
          "status": ["type": "integer", "minimum": 200, "maximum": 599],
          "headers": ["type": "object", "additionalProperties": ["type": "string"]],
          "body": ["description": "What the route answers; null where there is none."],
        ],
        "required": ["status", "headers", "body"], "additionalProperties": false,
      ]
    ),
    (
      "BatchResults",
      [
        "type": "object",
        "properties": [
          "results": ["type": "array", "items": .reference("schemas/BatchResult")]
        ],
        "required": ["results"], "additionalProperties": false,
      ]
    ),
  ]

  private static let header: JSON = [
    "type": "string", "maxLength": 4096, "pattern": "^[ -~]*$",
  ]

  private static func example(_ model: SchemaModel) -> JSON {
    var operations: [JSON] = []
    if let collection = model.collections.first {
      operations.append(["method": "GET", "path": .string("/v1/\(collection.name)?limit=10")])
    }
    return ["atomic": false, "operations": .array(operations)]
  }
}
