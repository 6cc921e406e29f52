import HTTPClient
import Records
import RoostCore
import RoostServer
import Testing

@Suite("Answers of functions")
struct FunctionAnswerTests {
  private static let id = "0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a10"

  private func answer(
    _ body: String, status: Int = 200,
    _ headers: [(name: String, value: String)] = [
      ("content-type", "application/json; charset=utf-8")
    ]
  ) throws -> FunctionAnswer {
    try FunctionAnswer(OutgoingResponse(status: status, headers: headers, body: Array(body.utf8)))
  }

  @Test("Mutations and the result are read")
  func reads() throws {
    let answer = try answer(
      """
      {"mutations": [
        {"create": "bookings", "values": {"title": "a"}},
        {"create": "bookings", "id": "\(Self.id)", "values": {}},
        {"update": "bookings", "id": "\(Self.id)", "values": {"count": {"$increment": 1}}},
        {"update": "bookings", "id": "\(Self.id)", "values": {}, "version": 3},
        {"delete": "bookings", "id": "\(Self.id)", "version": 4}
      ], "result": {"a": [1]}}
      """)
    #expect(answer.mutations.map(\.kind) == [.create, .create, .update, .update, .delete])
    #expect(answer.mutations.map(\.version) == [nil, nil, nil, 3, 4])
    #expect(answer.mutations[0].id == nil)
    #expect(answer.mutations[0].values["title"] == "a")
    #expect(answer.mutations[4].id == UUID(Self.id))
    #expect(answer.result == ["a": [1]])
  }

  @Test(
    "An answer may leave out what there is nothing to say of",
    arguments: [
      "{}", #"{"mutations": []}"#, #"{"mutations": null}"#,
    ])
  func sparse(_ body: String) throws {
    let answer = try answer(body)
    #expect(answer.mutations.isEmpty)
    #expect(answer.result == nil)
  }

  @Test("Nothing at all is 204 or 202", arguments: [204, 202])
  func empty(_ status: Int) throws {
    #expect(try answer("", status: status, []).mutations.isEmpty)
    #expect(throws: FunctionFailure.self) { try answer("", status: 200, []) }
  }

  @Test(
    "What cannot be used is refused with its place",
    arguments: [
      ("", "not JSON"), ("{", "not JSON"), ("[]", "no object"), ("null", "no object"),
      (#"{"mutation": []}"#, "\"mutation\""), (#"{"mutations": {}}"#, "no list"),
      (#"{"mutations": [1]}"#, "mutations/0 is no object"),
      (#"{"mutations": [{}]}"#, "one of create, update and delete"),
      (#"{"mutations": [{"create": "a", "delete": "a"}]}"#, "one of create, update and delete"),
      (#"{"mutations": [{"create": 1, "values": {}}]}"#, "names no collection"),
      (#"{"mutations": [{"create": "a"}]}"#, "lacks values"),
      (#"{"mutations": [{"create": "a", "values": []}]}"#, "lacks values"),
      (#"{"mutations": [{"create": "a", "values": {}, "version": 1}]}"#, "\"version\""),
      (#"{"mutations": [{"create": "a", "values": {}, "owner": 1}]}"#, "\"owner\""),
      (#"{"mutations": [{"update": "a", "values": {}}]}"#, "lacks id"),
      (#"{"mutations": [{"update": "a", "id": "7", "values": {}}]}"#, "no UUID"),
      (#"{"mutations": [{"delete": "a", "id": 7}]}"#, "no UUID"),
      (
        #"{"mutations": [{"delete": "a", "id": "0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a10", "version": 0}]}"#,
        "version that is no number"
      ),
      (
        #"{"mutations": [{"delete": "a", "id": "0197a0c2-5f0e-7c53-9a34-6a2f7f2f3a10", "values": {}}]}"#,
        "\"values\""
      ),
    ])
  func refuses(_ body: String, _ words: String) {
    let failure = #expect(throws: FunctionFailure.self) { try answer(body) }
    #expect(failure?.reason.contains(words) == true, "\(failure?.reason ?? "")")
    #expect(failure?.isPassing == false)
  }

  @Test("There may be a thousand mutations and no more", arguments: [(1000, true), (1001, false)])
  func bound(_ count: Int, _ isTaken: Bool) {
    let item = #"{"delete": "a", "id": "\#(Self.id)"}"#
    let body =
      "{\"mutations\": [" + Array(repeating: item, count: count).joined(separator: ",") + "]}"
    #expect(((try? answer(body)) != nil) == isTaken)
  }

  @Test(
    "Only JSON that is not packed is read",
    arguments: [
      ([("content-type", "application/json")], true),
      ([("content-type", "Application/JSON")], true),
      ([("content-type", "text/html")], false), ([("content-type", "application/jsonp")], false),
      ([], false),
      ([("content-type", "application/json"), ("content-encoding", "identity")], true),
      ([("content-type", "application/json"), ("content-encoding", "gzip")], false),
    ] as [([(name: String, value: String)], Bool)])
  func types(_ headers: [(name: String, value: String)], _ isTaken: Bool) {
    #expect(((try? answer("{}", headers)) != nil) == isTaken)
  }

  @Test("What a caller is told has the code of its reason")
  func errors() {
    let failures: [(FunctionFailure, ErrorCode, Bool)] = [
      (
        FunctionFailure(.unavailable(milliseconds: 1500, refusesKey: false), ""),
        .functionUnavailable, true
      ),
      (FunctionFailure(.transport(OutgoingFailure(.timedOut, "x")), "x"), .functionTimeout, true),
      (FunctionFailure(.transport(OutgoingFailure(.unreachable, "x")), "x"), .functionFailed, true),
      (FunctionFailure(.transport(OutgoingFailure(.tooLarge, "x")), "x"), .functionFailed, false),
      (FunctionFailure(.transport(OutgoingFailure(.redirected, "x")), "x"), .functionFailed, false),
      (
        FunctionFailure(.transport(OutgoingFailure(.overloaded, "x")), "x"), .functionUnavailable,
        true
      ),
      (FunctionFailure(.status(500), ""), .functionFailed, true),
      (FunctionFailure(.status(429), ""), .functionFailed, true),
      (FunctionFailure(.status(404), ""), .functionFailed, false),
      (FunctionFailure(.refusal(.conflict), "taken"), .conflict, false),
      (FunctionFailure(.answer, "x"), .functionFailed, false),
    ]
    for (failure, code, isPassing) in failures {
      #expect(failure.error(of: "charge").code == code, "\(failure)")
      #expect(failure.isPassing == isPassing, "\(failure)")
    }
    #expect(failures[0].0.error(of: "charge").retryAfterSeconds == 2)
    // Addresses and other inner matters are for the log alone.
    let inner = FunctionFailure(
      .transport(OutgoingFailure(.refusedAddress, "x leads to 10.0.0.7")), "x leads to 10.0.0.7")
    #expect(!inner.error(of: "charge").detail.contains("10.0.0.7"))
  }
}
