import RoostCore

/// `/v1/devices` and `/v1/sync/conflicts`.
enum DevicePaths {
  static let all: [(String, JSON)] = [
    (
      "/v1/devices",
      [
        "parameters": [RequestParameters.shared("Roost-Version")],
        "get": operation(
          "devices.list", "Your devices, and how far behind they are", answer: devices, []),
      ]
    ),
    (
      "/v1/devices/{id}",
      [
        "parameters": [RequestParameters.shared("Roost-Version"), id],
        "patch": operation(
          "devices.rename", "Name a device", body: .reference("schemas/DeviceName"),
          answer: devices, ProblemResponses.body + [.forbidden, .notFound, .storageFull]),
        "delete": operation(
          "devices.revoke", "Sign a device out",
          "Ends its session, for all who use that, and tells it to remove what it holds. The device "
            + "in one's hand is answered 204: the list is not one's own any more.",
          answer: devices, also: [(204, gone)], [.forbidden, .notFound, .storageFull]),
      ]
    ),
    (
      "/v1/sync/conflicts",
      [
        "parameters": [RequestParameters.shared("Roost-Version")],
        "get": operation(
          "sync.conflicts", "What you are to decide",
          "Changes of yours that met another; a device decides one by `resolve` in a push.",
          answer: answer("Your conflicts, the oldest first.", "ConflictList"), [.forbidden]),
      ]
    ),
  ]

  private static let devices = answer("Your devices.", "DeviceList")
  private static let gone: JSON = [
    "description": "This device has signed out.", "headers": .table(Headers.always),
  ]

  private static let id: JSON = [
    "name": "id", "in": "path", "required": true, "schema": TypeSchema.uuid,
    "description": "The id of a device.",
  ]

  private static func operation(
    _ id: String, _ summary: String, _ description: String? = nil, body: JSON? = nil,
    answer: JSON, also: [(Int, JSON)] = [], _ codes: [ErrorCode]
  ) -> JSON {
    var members: [(String, JSON)] = [
      ("operationId", .string(id)), ("tags", ["sync"]), ("summary", .string(summary)),
    ]
    if let description { members.append(("description", .string(description))) }
    if let body {
      members.append(
        (
          "requestBody",
          [
            "required": true,
            "content": [
              "application/json": ["schema": body, "example": ["name": "Ida's phone"]]
            ],
          ]
        ))
    }
    members.append(
      (
        "responses",
        ProblemResponses.answers([(200, answer)] + also, ProblemResponses.common + codes)
      ))
    members.append(("security", [["bearer": []]]))
    return .table(members)
  }

  private static func answer(_ words: String, _ schema: String) -> JSON {
    [
      "description": .string(words), "headers": .table(Headers.always),
      "content": ["application/json": ["schema": .reference("schemas/" + schema)]],
    ]
  }

  // MARK: Parts

  private static let text: JSON = ["type": "string"]
  private static let count: JSON = ["type": "integer", "minimum": 0]
  private static let time: JSON = ["type": "string", "format": "date-time"]
  private static let anyTime: JSON = ["type": ["string", "null"], "format": "date-time"]
  private static let anything: JSON = .object(JSONObject())

  private static func object(_ properties: [(String, JSON)]) -> JSON {
    [
      "type": "object", "properties": .table(properties),
      "required": .array(properties.map { .string($0.0) }), "additionalProperties": false,
    ]
  }

  /// The parts for `components/schemas`.
  static let schemas: [(String, JSON)] = [
    (
      "Device",
      object([
        ("id", TypeSchema.uuid), ("name", text), ("platform", text), ("firstSeen", time),
        ("lastSeen", time), ("revokedAt", anyTime), ("client", TypeSchema.uuid),
        (
          "cursors",
          [
            "type": "object", "additionalProperties": ["type": "integer"],
            "description": "What it held when it was last seen: how far, by stream.",
          ]
        ),
        (
          "entriesBehind",
          [
            "type": "integer", "minimum": 0,
            "description": "How many entries of its streams it has yet to ask for.",
          ]
        ),
      ])
    ),
    (
      "DeviceList",
      object([
        ("count", count),
        ("items", ["type": "array", "items": .reference("schemas/Device")]),
      ])
    ),
    (
      "DeviceName",
      [
        "type": "object", "required": ["name"], "additionalProperties": false,
        "properties": ["name": ["type": "string", "minLength": 1, "maxLength": 80]],
      ]
    ),
    (
      "ConflictList",
      object([
        (
          "items",
          [
            "type": "array",
            "items": object([
              ("id", TypeSchema.uuid), ("coll", text), ("row", TypeSchema.uuid),
              ("field", ["type": ["string", "null"]]), ("theirs", anything), ("mine", anything),
              ("oid", text), ("at", time),
            ]),
          ]
        )
      ])
    ),
  ]
}
