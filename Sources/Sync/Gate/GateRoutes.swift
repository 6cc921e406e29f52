package import Accounts
import Records
package import RoostCore
package import Transport

/// `/v1/sync/gate`: where somebody stands, what they answer, and how they leave.
package struct GateRoutes: Sendable {
  private static let body = BodyPolicy.buffered(limit: 16_384)
  private static let longestPause: Int64 = 400 * 86_400_000

  private let gate: Gate?
  private let eligibility: Eligibility
  private let accounts: AccountStore
  private let ambient: Ambient
  private let identify: SyncRoutes.Identify

  /// `gate` is nil where sync is open to everybody.
  package init(
    _ eligibility: Eligibility, _ gate: Gate?, accounts: AccountStore, ambient: Ambient,
    identify: @escaping SyncRoutes.Identify
  ) {
    self.gate = gate
    self.eligibility = eligibility
    self.accounts = accounts
    self.ambient = ambient
    self.identify = identify
  }

  package func add(to router: inout Router) {
    let body = GateRoutes.body
    router.add(.get, "/v1/sync/gate", body: body) { request in
      let caller = try identify(request)
      return GateRoutes.answer(try await standing(of: caller.uid))
    }
    router.add(.post, "/v1/sync/gate", body: body) { try await reply($0) }
    router.add(.delete, "/v1/sync/gate", body: body) { request in
      let (gate, account) = try person(request)
      return try await leave(gate, account)
    }
    router.add(.get, "/v1/admin/gate", body: body) { try await counts($0) }
    router.add(.get, "/v1/admin/users/{id}/gate", body: body) { request in
      try administrator(request)
      guard let id = request.parameters.first.flatMap({ UUID($0) }) else {
        throw RoostError(.notFound, "There is no account of this id.")
      }
      _ = try await accounts.person(id)
      return GateRoutes.answer(try await standing(of: id))
    }
  }

  private func standing(of account: UUID?) async throws -> GateStanding {
    guard let gate else {
      // No gate is one that is open.
      var row = GateRow()
      row.eligibleAt = Timestamp(milliseconds: 0)
      row.answer = .accepted
      var open = GateStanding(row: row, progress: [], now: ambient.time.now())
      open.isWithoutGate = true
      return open
    }
    return try await gate.standing(of: account)
  }

  private func reply(_ request: Request) async throws -> Response {
    let (gate, account) = try person(request)
    let reply = try GateRoutes.reply(
      try GateRoutes.json(request), eligibility.measures, now: ambient.time.now())
    if reply.answer == .left { return try await leave(gate, account) }
    return GateRoutes.answer(try await gate.take(reply, from: account))
  }

  private func leave(_ gate: Gate, _ account: UUID) async throws -> Response {
    let (standing, removal) = try await gate.leave(account)
    await accounts.announce(account)
    var members = standing.members
    members["removed"] = .int(Int64(removal.removed))
    members["held"] = .int(Int64(removal.held))
    return GateRoutes.uncached(.json(JSON.object(members).encoded))
  }

  private func counts(_ request: Request) async throws -> Response {
    try administrator(request)
    var numbers: [String: Int64] = ["closed": 0, "invited": 0]
    for answer in GateAnswer.allCases { numbers[answer.rawValue] = 0 }
    for (answer, isEligible, count) in try await gate?.counts() ?? [] {
      let name = isEligible ? answer?.rawValue ?? "invited" : "closed"
      numbers[name, default: 0] += count
    }
    var members = JSONObject()
    members["gate"] = .bool(gate != nil)
    for (name, count) in numbers.sorted(by: { $0.key < $1.key }) { members[name] = .int(count) }
    return GateRoutes.uncached(.json(JSON.object(members).encoded))
  }

  // MARK: Who asks

  private func person(_ request: Request) throws -> (Gate, UUID) {
    let caller = try identify(request)
    guard let account = caller.uid, !caller.isService else {
      throw RoostError(
        .unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
    }
    guard let gate else {
      throw RoostError(.notFound, "This app has no gate: sync is open to everybody.")
    }
    return (gate, account)
  }

  private func administrator(_ request: Request) throws {
    let caller = try identify(request)
    guard caller.uid != nil else {
      throw RoostError(
        .unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
    }
    guard accounts.isAdministrator(caller) else {
      throw RoostError(
        .forbidden, "This is for administrators; roost admin makes the first one.")
    }
  }

  // MARK: What they say

  private static func json(_ request: Request) throws -> JSON {
    do throws(JSONError) {
      return try JSON.parse(request.body)
    } catch {
      throw RoostError(.malformed, "The body is not valid JSON: \(error).")
    }
  }

  /// Reads `{"invitation"?, "until"?, "claims"?}`; every fault is an issue with its pointer.
  static func reply(
    _ body: JSON, _ measures: [Measure], now: Timestamp
  ) throws -> GateReply {
    guard let members = body.object else {
      throw RoostError.invalid("", "type", "Send a JSON object, not \(body.kind).")
    }
    var reply = GateReply()
    var issues: [FieldIssue] = []
    func add(_ pointer: String, _ code: String, _ message: String) {
      issues.append(FieldIssue(pointer: pointer, code: code, message: message))
    }
    for (name, value) in members {
      switch name {
      case "invitation":
        reply.answer = value.string.flatMap { GateAnswer(rawValue: $0) }
        if reply.answer == nil {
          let words = GateAnswer.allCases.map(\.rawValue).joined(separator: ", ")
          add("/invitation", "enum", "invitation is one of \(words).")
        }
      case "until":
        reply.until = value.string.flatMap { Timestamp($0) }
        if let until = reply.until {
          let pause = until.milliseconds - now.milliseconds
          if !(0...longestPause).contains(pause) {
            add("/until", "temporal", "until lies ahead, and not more than 400 days.")
          }
        } else {
          add("/until", "type", "until is a time such as 2030-01-31T09:00:00Z.")
        }
      case "claims": claims(value, measures, into: &reply, add)
      default:
        add(
          "/" + JSONPointer.escape(name), "unknown_field",
          "Send invitation, until and claims, and nothing else.")
      }
    }
    if members["until"] != nil, reply.answer != .later {
      add("/until", "unexpected", "until belongs to the answer later.")
    }
    if members["invitation"] == nil, members["claims"] == nil, issues.isEmpty {
      add("", "required", "Send an answer to the invitation, or claims of the device.")
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
    return reply
  }

  private static func claims(
    _ value: JSON, _ measures: [Measure], into reply: inout GateReply,
    _ add: (String, String, String) -> Void
  ) {
    guard let members = value.object else {
      add("/claims", "type", "claims is an object of numbers, by the name of the measure.")
      return
    }
    let known = measures.filter(\.takesClaims).map(\.name)
    for (name, value) in members {
      let pointer = "/claims/" + JSONPointer.escape(name)
      guard known.contains(name) else {
        add(
          pointer, "unknown_field",
          measures.contains { $0.name == name }
            ? "The server finds this number itself, and takes no claim of it."
            : "There is no measure of this name that takes claims.")
        continue
      }
      guard let number = value.double, (0...1e12).contains(number) else {
        add(pointer, "range", "A claim is a number from 0 to 1,000,000,000,000.")
        continue
      }
      reply.claims[name] = number
    }
  }

  // MARK: Answers

  private static func answer(_ standing: GateStanding) -> Response {
    uncached(.json(JSON.object(standing.members).encoded))
  }

  static func uncached(_ response: Response) -> Response {
    var response = response
    response.headers.set("Cache-Control", "no-store")
    return response
  }
}
