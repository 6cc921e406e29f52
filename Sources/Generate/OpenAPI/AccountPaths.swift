import RoostCore
import Schema

/// The paths under `/v1/auth`.
enum AccountPaths {
  static var all: [(String, JSON)] {
    [
      path(
        "anonymous", "Make an account without an e-mail address", nil, status: 201,
        [.conflict, .storageFull]),
      path(
        "register", "Make an account", .reference("schemas/Credentials"), status: 201,
        [.conflict, .storageFull]),
      path("login", "Sign in", .reference("schemas/Credentials"), [.storageFull]),
      path(
        "refresh", "Exchange a refresh token for a new session",
        .reference("schemas/RefreshToken"), [.storageFull]),
      path(
        "upgrade", "Give an anonymous account an e-mail address",
        .reference("schemas/Credentials"), isSignedIn: true,
        [.forbidden, .conflict, .storageFull]),
      path(
        "logout", "End the session", .reference("schemas/Logout"), isSignedIn: true,
        answer: [
          "description": "It has ended.", "headers": .table(Headers.always),
          "content": [
            "application/json": [
              "schema": ["type": "object", "maxProperties": 0], "example": .table([]),
            ]
          ],
        ], [.forbidden, .storageFull]), me,
    ]
  }

  private static func path(
    _ name: String, _ summary: String, _ body: JSON?, status: Int = 200, isSignedIn: Bool = false,
    answer: JSON? = nil, _ codes: [ErrorCode]
  ) -> (String, JSON) {
    let operation: JSON = .members(
      ("operationId", .string("auth." + name)), ("tags", ["auth"]), ("summary", .string(summary)),
      ("requestBody", requestBody(name, body)),
      (
        "responses",
        ProblemResponses.answers(
          [(status, answer ?? session)],
          ProblemResponses.common + ProblemResponses.body + codes)
      ), ("security", isSignedIn && name != "logout" ? [["bearer": []]] : optional(isSignedIn)))
    return (
      "/v1/auth/\(name)",
      ["parameters": [RequestParameters.shared("Roost-Version")], "post": operation]
    )
  }

  /// A refresh token in the body does as well as an access token; other routes ask for neither.
  private static func optional(_ takesToken: Bool) -> JSON {
    takesToken ? [["bearer": []], .object(JSONObject())] : []
  }

  private static func requestBody(_ name: String, _ schema: JSON?) -> JSON {
    // A body of `{}` is as good as none.
    let schema = schema ?? ["type": "object", "maxProperties": 0]
    let example: JSON =
      switch name {
      case "anonymous", "logout": .table([])
      case "refresh": ["refreshToken": "…"]
      default: ["email": "ada@example.org", "password": "correct horse battery staple"]
      }
    return [
      "required": .bool(name != "anonymous" && name != "logout"),
      "content": ["application/json": ["schema": schema, "example": example]],
    ]
  }

  private static let session: JSON = [
    "description": "A session.",
    "headers": .table(Headers.always),
    "content": [
      "application/json": ["schema": .reference("schemas/Session"), "example": sessionExample]
    ],
  ]

  private static var me: (String, JSON) {
    (
      "/v1/auth/me",
      [
        "parameters": [RequestParameters.shared("Roost-Version")],
        "get": [
          "operationId": "auth.me", "tags": ["auth"], "summary": "Who is signed in",
          "responses": ProblemResponses.answers(
            [
              (
                200,
                [
                  "description": "The account.", "headers": .table(Headers.always),
                  "content": [
                    "application/json": [
                      "schema": .reference("schemas/Account"), "example": accountExample,
                    ]
                  ],
                ]
              )
            ], ProblemResponses.common + [.forbidden]),
          "security": [["bearer": []]],
        ],
      ]
    )
  }

  private static let accountExample: JSON = [
    "id": .string(FieldExample.id("User")), "email": "ada@example.org", "anonymous": false,
  ]

  private static let sessionExample: JSON = [
    "user": accountExample, "accessToken": "…", "refreshToken": "…", "expiresIn": 600,
  ]

  /// The parts for `components/schemas`.
  static let schemas: [(String, JSON)] = [
    (
      "Account",
      [
        "type": "object",
        "properties": [
          "id": TypeSchema.uuid, "email": ["type": "string"], "anonymous": ["type": "boolean"],
          "roles": ["type": "array", "items": ["type": "string"]],
          "claims": ["type": "array", "items": ["type": "string"]],
        ],
        "required": ["id", "anonymous"], "additionalProperties": false,
        "examples": [accountExample],
      ]
    ),
    (
      "Session",
      [
        "type": "object",
        "properties": [
          "user": .reference("schemas/Account"),
          "accessToken": [
            "type": "string", "description": "For Authorization: Bearer, for expiresIn seconds.",
          ],
          "refreshToken": ["type": "string", "description": "Good for one exchange."],
          "expiresIn": ["type": "integer", "minimum": 0, "description": "Seconds."],
        ],
        "required": ["user", "accessToken", "refreshToken", "expiresIn"],
        "additionalProperties": false,
      ]
    ),
    (
      "Credentials",
      [
        "type": "object",
        "properties": [
          "email": ["type": "string", "format": "email", "maxLength": 254],
          "password": [
            "type": "string", "minLength": 15, "maxLength": 1024, "format": "password",
            "description": "At least 15 characters, at most 1,024 bytes; common ones are refused.",
          ],
        ],
        "required": ["email", "password"], "additionalProperties": false,
      ]
    ),
    (
      "RefreshToken",
      [
        "type": "object", "properties": ["refreshToken": ["type": "string"]],
        "required": ["refreshToken"], "additionalProperties": false,
      ]
    ),
    (
      "Logout",
      [
        "type": "object",
        "properties": [
          "everywhere": [
            "type": "boolean", "default": false, "description": "All sessions of the account.",
          ],
          "refreshToken": [
            "type": "string", "description": "In the place of an access token that has expired.",
          ],
        ],
        "additionalProperties": false,
      ]
    ),
  ]
}
