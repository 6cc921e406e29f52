import RoostCore

/// `POST /v1/sync`: its door alone, since what frames hold is said by the protocol's page.
enum SyncPath {
  static let path: (String, JSON) = (
    "/v1/sync",
    [
      "parameters": [RequestParameters.shared("Roost-Version")],
      "post": [
        "operationId": "sync", "tags": ["sync"],
        "summary": "Bring a device in step: frames in, frames out",
        "description": .string(about),
        "requestBody": [
          "required": true,
          "content": [
            "application/jsonl": ["schema": frames, "example": .string(request)],
            "application/x-ndjson": ["schema": frames, "example": .string(request)],
          ],
        ],
        "responses": ProblemResponses.answers(
          [
            (
              200,
              [
                "description": "The frames of the server; what became of changes is in them.",
                "headers": .table(Headers.always),
                "content": [
                  "application/x-ndjson": ["schema": frames, "example": .string(answer)]
                ],
              ]
            )
          ],
          ProblemResponses.common
            + [.forbidden, .payloadTooLarge, .expectationFailed, .storageFull]),
        "security": [["bearer": []]],
      ],
    ]
  )

  private static let about = """
    A line is a frame, which is a JSON object. The first one is `hello`; any `push`, and what else \
    there is to ask, come behind it. With `wait` the answer is held back for as many seconds, 60 at \
    most, until there is news. docs/protocol.md, in the checkout of Roost, has the frames, and what \
    a client does.
    """

  private static let frames: JSON = [
    "type": "string", "description": "JSON objects with a member `frame`, one a line.",
  ]

  private static let request = """
    {"frame":"hello","cid":"0198ab00-0000-7000-8000-000000000001","schema":"1.0.0",\
    "wall":1700000000000}

    """

  private static let answer = """
    {"frame":"welcome","epoch":"0198ab00-0000-7000-8000-0000000000ab","now":1700000000000,\
    "clock":"018bcfe568000003","lanes":{},"add":[],"drop":[],"resync":[],"masks":{},\
    "schema":{"current":"1.0.0","minimum":"1.0.0"}}
    {"frame":"commit","heads":{},"last":{},"clock":"018bcfe568000003"}

    """
}
