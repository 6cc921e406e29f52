package import RoostCore
package import Rules
package import Schema

extension Explanation {
  /// The explanation as a JSON object, with what it was asked for.
  package func json(
    _ operation: Schema.Operation, _ collection: CompiledCollection, _ id: UUID?, _ caller: Caller
  ) -> JSON {
    var object = JSONObject()
    object["operation"] = .string(operation.rawValue)
    object["collection"] = .string(collection.name)
    if let id { object["id"] = .string(id.description) }
    object["caller"] = .object(Explanation.describe(caller, roles))
    object["verdict"] = .string(verdict.rawValue)
    if let status { object["status"] = .int(Int64(status)) }
    object["decision"] = .string(decision)
    object["allows"] = .array(rules.map { .object($0.json) })
    object["denials"] = .array(denials.map { .object($0.json) })
    var fields = JSONObject()
    fields["shown"] = Explanation.list(shown)
    fields["hidden"] = Explanation.list(hidden)
    fields["byRow"] = Explanation.list(sometimes)
    object["fields"] = .object(fields)
    if !sql.isEmpty {
      object["sql"] = .string(sql)
      object["plan"] = Explanation.list(plan)
      object["usesIndex"] = .bool(usesIndex)
    }
    return .object(object)
  }

  private static func describe(_ caller: Caller, _ roles: [String]) -> JSONObject {
    var object = JSONObject()
    object["id"] = caller.uid.map { .string($0.description) } ?? .null
    object["anonymous"] = .bool(caller.isAnonymous)
    object["roles"] = list(roles)
    object["claims"] = list(caller.claims.sorted())
    return object
  }

  private static func list(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
}

extension Explanation.Finding {
  fileprivate var json: JSONObject {
    var object = JSONObject()
    object["rule"] = .string(text)
    object["place"] = .string("\(location)")
    object["speaksToCaller"] = .bool(obstacle == nil)
    if let obstacle { object["obstacle"] = .string(obstacle.words) }
    if let holds { object["holds"] = .bool(holds) }
    if let members { object["fields"] = .array(members.map { .string($0) }) }
    if let reason { object["reason"] = .string(reason) }
    return object
  }
}

extension AccessRules.Obstacle {
  /// The obstacle in words.
  package var words: String {
    switch self {
    case .account: "the caller has no account"
    case .anonymousAccount: "it is for anonymous accounts"
    case .roles: "the caller has none of its roles"
    case .exceptedRole: "the caller has a role that it excepts"
    case .callerTest: "what it tests of the caller is not true"
    }
  }
}
