import RoostCore

/// Reads pushes.
///
/// A fault of the frame refuses it. A fault within a mutation's content is kept with the mutation,
/// which is then rejected in its place: else one mutation that no version understands would hold up
/// a queue for ever.
struct PushReader {
  let limits: FrameLimits

  func push(_ members: Members) throws(RoostError) -> Push {
    try members.require(["cid", "lane", "muts"])
    let lane = try members.lane("lane")
    let place = members.place("muts")
    let elements = try members.array("muts")
    guard elements.count <= limits.mutations else {
      throw RoostError(
        .payloadTooLarge,
        "A push holds at most \(limits.mutations) mutations: send the others in another one.")
    }
    guard !elements.isEmpty else {
      throw members.fault("muts", "required", "A push holds at least one mutation.")
    }
    var mutations: [ClientMutation] = []
    mutations.reserveCapacity(elements.count)
    for (index, element) in elements.enumerated() {
      let members = try Members(element, "\(place)/\(index)")
      try members.only(["seq", "nonce", "oid", "prev", "chain", "hlc", "schema", "ops"])
      do throws(RoostError) {
        mutations.append(try mutation(members, after: mutations.last))
      } catch {
        // Looked at here alone: mutations are many, and nearly all of them are whole.
        try members.require(["seq", "nonce", "chain", "hlc", "schema", "ops"])
        throw error
      }
    }
    return Push(cid: try members.uuid("cid"), lane: lane, mutations: mutations)
  }

  private func mutation(
    _ members: Members, after previous: ClientMutation?
  ) throws(RoostError) -> ClientMutation {
    let seq = try members.int("seq", from: 1)
    if let previous, seq != previous.seq + 1 {
      throw members.fault("seq", "order", "The sequence of a push rises by 1.")
    }
    let chain = try members.hash("chain")
    guard let prev = try members.optionalHash("prev") ?? previous?.chain else {
      throw members.fault("prev", "required", "The first mutation of a push has its prev.")
    }
    let nonce = try members.word("nonce")
    let stamp = try members.stamp("hlc")
    let schema = try members.text("schema")
    let content = try members.required("ops")
    let expected = Chain.next(prev, seq: seq, nonce: nonce, schema: schema, operations: content)
    var operations: [ClientOperation] = []
    var fault: FieldIssue?
    do throws(RoostError) {
      operations = try self.operations(members, content)
    } catch {
      fault = error.issues.first
    }
    if chain != expected {
      fault = FieldIssue(
        pointer: members.place("chain"), code: "chain_mismatch",
        message: "The chain does not belong to what the mutation holds.")
    }
    return ClientMutation(
      seq: seq, nonce: nonce, oid: try members.optionalHash("oid") ?? chain, prev: prev,
      chain: chain, stamp: stamp, schema: schema, operations: fault == nil ? operations : [],
      fault: fault)
  }

  private func operations(
    _ members: Members, _ content: JSON
  ) throws(RoostError) -> [ClientOperation] {
    let place = members.place("ops")
    guard let elements = content.array, !elements.isEmpty, elements.count <= limits.operations
    else {
      throw Members.issue(
        place, "type", "A mutation holds 1 to \(limits.operations) operations.")
    }
    var operations: [ClientOperation] = []
    for (index, element) in elements.enumerated() {
      operations.append(try ClientOperation(element, pointer: "\(place)/\(index)"))
    }
    return operations
  }
}

extension Pushed {
  init(_ members: Members) throws(RoostError) {
    guard let state = State(rawValue: try members.text("state")) else {
      throw members.fault("state", "enum", "A state is ok, forked or gap.")
    }
    var results: [MutationResult] = []
    for (index, result) in try members.array("results").enumerated() {
      results.append(
        try MutationResult(try Members(result, members.place("results") + "/\(index)")))
    }
    self.init(
      lane: try members.lane("lane"), state: state, status: try LaneStatus(members),
      common: try members.optionalInt("common"), results: results)
  }
}

extension MutationResult {
  fileprivate init(_ members: Members) throws(RoostError) {
    guard let outcome = Outcome(rawValue: try members.text("result")) else {
      throw members.fault(
        "result", "enum", "A result is ok, merged, dup, rejected or conflict.")
    }
    var issues: [FieldIssue] = []
    for (index, issue) in try members.array("errors").enumerated() {
      let issue = try Members(issue, members.place("errors") + "/\(index)")
      issues.append(
        FieldIssue(
          pointer: try issue.optionalText("pointer", longest: 4096) ?? "",
          code: try issue.text("code"),
          message: try issue.optionalText("message", longest: 65_536) ?? ""))
    }
    var conflicts: [UUID] = []
    for (index, conflict) in try members.array("conflicts").enumerated() {
      conflicts.append(try Members.uuid(conflict, members.place("conflicts") + "/\(index)"))
    }
    self.init(
      seq: try members.int("seq", from: 1), outcome, code: try members.optionalText("code"),
      message: try members.optionalText("message", longest: 65_536), issues: issues,
      conflicts: conflicts, values: members.value("values")?.object ?? JSONObject())
  }
}
