import RoostCore

/// `/v1/sync/gate` and `/v1/features`.
enum GatePaths {
  static let all: [(String, JSON)] = [
    (
      "/v1/sync/gate",
      [
        "parameters": [RequestParameters.shared("Roost-Version")],
        "get": operation(
          "gate.get", "Where you stand at the gate of sync",
          "What is missing before devices may sync, and what was answered to the invitation.",
          [], [.forbidden], isOpen: true),
        "post": operation(
          "gate.reply", "Answer the invitation, or say what the device knows",
          "`accepted` opens sync, and brings what was made before; `left` is as DELETE.",
          [
            (
              "requestBody",
              [
                "required": true,
                "content": [
                  "application/json": [
                    "schema": .reference("schemas/GateReply"),
                    "example": ["invitation": "accepted"],
                  ]
                ],
              ]
            )
          ], ProblemResponses.body + [.forbidden, .notFound, .conflict, .storageFull]),
        "delete": operation(
          "gate.leave", "Leave sync",
          "Closes sync, and removes the records that you own in synced collections, and what is "
            + "known of your devices. What the devices hold stays on them.",
          [], [.forbidden, .notFound, .conflict, .storageFull]),
      ]
    ),
    (
      "/v1/features",
      [
        "parameters": [RequestParameters.shared("Roost-Version")],
        "get": [
          "operationId": "features", "tags": ["sync"],
          "summary": "What you have, could have, and what it takes",
          "responses": ProblemResponses.answers(
            [(200, answer("The features of the app.", "FeatureMatrix"))],
            ProblemResponses.common + [.forbidden]),
          "security": [["bearer": []], JSON.object(JSONObject())],
        ],
      ]
    ),
  ]

  private static func operation(
    _ id: String, _ summary: String, _ description: String, _ more: [(String, JSON)],
    _ codes: [ErrorCode], isOpen: Bool = false
  ) -> JSON {
    let operation: JSON = [
      "operationId": .string(id), "tags": ["sync"], "summary": .string(summary),
      "description": .string(description),
    ]
    let security: JSON =
      isOpen ? [["bearer": []], JSON.object(JSONObject())] : [["bearer": []]]
    var members = operation.object ?? JSONObject()
    for (name, value) in more { members[name] = value }
    members["responses"] = ProblemResponses.answers(
      [(200, answer("Where you stand.", "GateStanding"))], ProblemResponses.common + codes)
    members["security"] = security
    return .object(members)
  }

  private static func answer(_ words: String, _ schema: String) -> JSON {
    [
      "description": .string(words), "headers": .table(Headers.always),
      "content": ["application/json": ["schema": .reference("schemas/" + schema)]],
    ]
  }

  // MARK: Parts

  private static let text: JSON = ["type": "string"]
  private static let flag: JSON = ["type": "boolean"]
  private static let number: JSON = ["type": "number"]
  private static let anyNumber: JSON = ["type": ["number", "null"]]
  private static let anyTime: JSON = ["type": ["string", "null"], "format": "date-time"]
  private static let anyText: JSON = ["type": ["string", "null"]]

  private static func object(
    _ properties: [(String, JSON)], optional: Set<String> = []
  ) -> JSON {
    [
      "type": "object", "properties": .table(properties),
      "required": .array(
        properties.map(\.0).filter { !optional.contains($0) }.map { .string($0) }),
      "additionalProperties": false,
    ]
  }

  /// The parts for `components/schemas`.
  static let schemas: [(String, JSON)] = [
    (
      "GateNeed",
      object([
        (
          "kind",
          [
            "type": "string",
            "enum": ["measure", "invitation", "account", "feature", "tier"],
          ]
        ), ("name", text), ("message", text), ("current", anyNumber), ("required", anyNumber),
      ])
    ),
    (
      "GateRequirement",
      object([
        ("name", text), ("label", text), ("current", anyNumber), ("required", number),
        ("met", flag), ("claimed", flag),
      ])
    ),
    (
      "GateStanding",
      object(
        [
          ("state", ["type": "string", "enum": ["closed", "invited", "open"]]),
          ("next", ["anyOf": [.reference("schemas/GateNeed"), ["type": "null"]]]),
          (
            "requirements",
            ["type": "array", "items": .reference("schemas/GateRequirement")]
          ), ("eligibleSince", anyTime),
          (
            "invitation",
            object([
              ("answer", anyText), ("answeredAt", anyTime), ("until", anyTime), ("due", flag),
            ])
          ), ("removed", ["type": "integer"]), ("held", ["type": "integer"]),
        ], optional: ["removed", "held"])
    ),
    (
      "GateReply",
      object(
        [
          (
            "invitation",
            ["type": "string", "enum": ["accepted", "declined", "later", "left"]]
          ),
          (
            "until",
            [
              "type": "string", "format": "date-time",
              "description": "With `later`: when to ask again; in a week where it is left out.",
            ]
          ),
          (
            "claims",
            [
              "type": "object",
              "description":
                "What the device knows, by the name of a measure that the app lets it say.",
              "additionalProperties": ["type": "number", "minimum": 0],
            ]
          ),
        ], optional: ["invitation", "until", "claims"])
    ),
    (
      "FeatureMatrix",
      object([
        ("tier", anyText),
        (
          "items",
          [
            "type": "array",
            "items": object([
              ("name", text), ("label", text),
              (
                "state",
                ["type": "string", "enum": ["available", "unlockable", "requires_upgrade"]]
              ), ("tier", anyText),
              ("next", ["anyOf": [.reference("schemas/GateNeed"), ["type": "null"]]]),
              (
                "requirements",
                ["type": "array", "items": .reference("schemas/GateRequirement")]
              ),
            ]),
          ]
        ),
      ])
    ),
  ]
}
