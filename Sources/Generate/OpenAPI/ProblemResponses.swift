import RoostCore
import Schema

/// The answers that are problem documents, one for each status.
enum ProblemResponses {
  /// What any request can meet.
  static let common: [ErrorCode] = [
    .malformed, .unauthenticated, .timeout, .targetTooLong, .headTooLarge, .rateLimited,
    .internalError, .overloaded,
  ]
  /// What a request with a body can meet beside those.
  static let body: [ErrorCode] = [
    .payloadTooLarge, .unsupportedMediaType, .expectationFailed, .invalid,
  ]

  private static let all: [ErrorCode] =
    common + body + [
      .forbidden, .notFound, .conflict, .preconditionFailed, .preconditionRequired, .storageFull,
      .functionFailed, .functionTimeout,
    ]

  /// The parts for `components/responses`.
  static var components: [(String, JSON)] {
    all.map { code in
      var headers: [(String, JSON)] = Headers.always
      if [.rateLimited, .overloaded, .conflict, .functionTimeout].contains(code) {
        headers.append(("Retry-After", .reference("headers/Retry-After")))
      }
      let response: JSON = [
        "description": .string(words(code)),
        "headers": .table(headers),
        "content": [
          "application/problem+json": [
            "schema": .reference("schemas/Problem"), "example": example(code),
          ]
        ],
      ]
      return (name(code), response)
    }
  }

  /// The answers of an operation, by their statuses in order.
  static func answers(_ own: [(Int, JSON)], _ codes: [ErrorCode]) -> JSON {
    var answers = own.map { (status: $0.0, answer: $0.1) }
    var seen = Set(own.map(\.0))
    for code in codes where seen.insert(code.status).inserted {
      answers.append((code.status, .reference("responses/" + name(code))))
    }
    answers.sort { $0.status < $1.status }
    return .table(answers.map { (String($0.status), $0.answer) })
  }

  static let schema: JSON = [
    "type": "object", "description": "A problem document (RFC 9457).",
    "properties": [
      "type": [
        "type": "string", "pattern": "^urn:roost:problem:[a-z_]+$",
        "description": "Its last part is a stable name to match on.",
      ],
      "title": ["type": "string"],
      "status": ["type": "integer", "minimum": 400, "maximum": 599],
      "detail": ["type": "string", "description": "What is wrong and what to do."],
      "requestId": ["type": "string"],
      "errors": [
        "type": "array", "description": "Each fault of the input.",
        "items": [
          "type": "object",
          "properties": [
            "pointer": [
              "type": "string",
              "description":
                "A JSON pointer into the body, `?name` for a parameter, or a header's name.",
            ],
            "code": ["type": "string", "description": "A stable name such as `required`."],
            "message": ["type": "string"],
          ],
          "required": ["pointer", "code", "message"], "additionalProperties": false,
        ],
      ],
      "results": [
        "type": "array", "items": .reference("schemas/BatchResult"),
        "description": "Of an atomic batch: what became of each operation.",
      ],
    ],
    "required": ["type", "title", "status", "detail", "requestId"], "additionalProperties": false,
  ]

  static func example(_ code: ErrorCode) -> JSON {
    .members(
      ("type", .string("urn:roost:problem:" + code.rawValue)), ("title", .string(code.title)),
      ("status", .int(Int64(code.status))), ("detail", .string(words(code))),
      ("requestId", "0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a10"),
      (
        "errors",
        code == .invalid
          ? [["pointer": "/date", "code": "required", "message": "date is required."]] : nil
      ))
  }

  private static func name(_ code: ErrorCode) -> String {
    // 503 has two names: a server that drains answers as one that has too much to do.
    code == .overloaded ? "Unavailable" : Self.camel(code.rawValue)
  }

  private static func camel(_ text: String) -> String {
    text.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  private static func words(_ code: ErrorCode) -> String {
    switch code {
    case .malformed: "The request, its path, its query, its version or its JSON is malformed."
    case .unauthenticated: "Credentials are missing where some could help, or they are bad."
    case .forbidden: "No rule allows this."
    case .notFound: "There is no such record, or none that the caller may see."
    case .conflict:
      "A value or id is taken, something refers to the record, or the same key is being used."
    case .preconditionFailed: "The record is at another version than If-Match says."
    case .preconditionRequired: "This collection wants If-Match."
    case .payloadTooLarge: "The body, or an answer of a batch, is too large."
    case .targetTooLong: "The target has more than 8 KB."
    case .headTooLarge: "The head has more than 16 KB or 100 fields."
    case .unsupportedMediaType: "The body is not application/json."
    case .expectationFailed: "Expect takes 100-continue only."
    case .invalid: "The input is invalid; errors names each fault."
    case .rateLimited: "Too many requests: wait as long as Retry-After says."
    case .timeout: "The request took too long to arrive."
    case .storageFull: "The server is out of space."
    case .functionFailed: "The function behind the action failed, or its answer cannot be used."
    case .functionTimeout: "The function behind the action did not answer in time."
    case .overloaded:
      "The server is overloaded or shuts down, or a function is left alone: see Retry-After."
    default: code.title + "."
    }
  }
}

/// The header fields of answers.
enum Headers {
  /// Those of every answer.
  static let always: [(String, JSON)] = [
    ("X-Request-Id", .reference("headers/X-Request-Id")),
    ("Roost-Version", .reference("headers/Roost-Version")),
    ("Roost-Compatibility", .reference("headers/Roost-Compatibility")),
  ]

  static func record(_ collection: Collection) -> [(String, JSON)] {
    always + [("ETag", .reference("headers/ETag"))] + deprecation(collection)
  }

  /// That of reads of derived data.
  static func refreshed(_ collection: Collection) -> [(String, JSON)] {
    collection.isDerived ? [("Roost-Refreshed-At", .reference("headers/Roost-Refreshed-At"))] : []
  }

  static func deprecation(_ collection: Collection) -> [(String, JSON)] {
    let isDeprecated =
      collection.deprecation != nil || collection.fields.contains { $0.deprecation != nil }
    return isDeprecated ? onTheWayOut : []
  }

  /// Those of answers with something deprecated in them.
  static var onTheWayOut: [(String, JSON)] {
    ["Deprecation", "Sunset", "Link"].map { ($0, JSON.reference("headers/" + $0)) }
  }

  /// The parts for `components/headers`.
  static var components: [(String, JSON)] {
    [
      ("X-Request-Id", text("The request's id: its own, where it had a sensible one.")),
      (
        "Roost-Version",
        [
          "description": "The version of this API.",
          "schema": ["type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"],
        ]
      ),
      (
        "Roost-Compatibility",
        text("`full`, or `partial` with what broke: where the request had a Roost-Version.")
      ),
      ("ETag", text("The version of the record, for If-Match and If-None-Match.")),
      (
        "Roost-Refreshed-At",
        text("Every change up to then is in the derived fields; missing while they are being made.")
      ),
      ("Location", text("The path of the new record.")),
      (
        "Retry-After",
        [
          "description": "Seconds after which it may go well.",
          "schema": ["type": "integer", "minimum": 0],
        ]
      ),
      (
        "Idempotent-Replayed",
        [
          "description": "The answer of the first request with this key.",
          "schema": ["type": "string", "enum": ["true"]],
        ]
      ),
      ("Deprecation", text("Since when something here is deprecated (RFC 9745).")),
      ("Sunset", text("When it may be gone (RFC 8594).")),
      ("Link", text("More about it: rel=deprecation, rel=sunset and rel=successor-version.")),
    ]
  }

  private static func text(_ description: String) -> JSON {
    ["description": .string(description), "schema": ["type": "string"]]
  }
}
