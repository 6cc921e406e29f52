import Accounts
import RoostCore

/// An account as a line of an export.
enum AccountLine {
  static func json(_ account: AccountRecord, masksAddress: Bool, leavesAddress: Bool) -> JSON {
    var members: [(key: String, value: JSON)] = [("id", .string(account.id.description))]
    if !leavesAddress {
      let address = account.email.map {
        masksAddress ? "masked-\(account.id)@example.com" : $0
      }
      members.append(("email", address.map { .string($0) } ?? .null))
    }
    members.append(("anonymous", .bool(account.isAnonymous)))
    members.append(("createdAt", .string(account.createdAt.description)))
    members.append(("updatedAt", .string(account.updatedAt.description)))
    if let time = account.deletedAt { members.append(("deletedAt", .string(time.description))) }
    if let hash = account.passwordHash { members.append(("passwordHash", .string(hash.reveal()))) }
    if !account.roles.isEmpty { members.append(("roles", grants(account.roles))) }
    if !account.claims.isEmpty { members.append(("claims", grants(account.claims))) }
    return .object(JSONObject(uniqueMembers: members))
  }

  private static func grants(_ grants: [AccountRecord.Grant]) -> JSON {
    .array(
      grants.map {
        [
          "name": .string($0.name), "by": $0.by.map { .string($0.description) } ?? .null,
          "at": .string($0.at.description),
        ]
      })
  }

  // MARK: Reading

  static func account(_ members: JSONObject) throws(RecordPlan.Refusal) -> AccountRecord {
    guard let id = members["id"]?.string.flatMap({ UUID($0) }), id != .zero else {
      throw refusal("id", "type", "An account needs an id that is a UUID.")
    }
    var account = AccountRecord(id: id)
    for (key, value) in members where !value.isNull {
      switch key {
      case "id": continue
      case "email": account.email = try text(value, key)
      case "anonymous":
        guard let flag = value.bool else {
          throw refusal(key, "type", "anonymous is true or false.")
        }
        account.isAnonymous = flag
      case "createdAt": account.createdAt = try time(value, key)
      case "updatedAt": account.updatedAt = try time(value, key)
      case "deletedAt": account.deletedAt = try time(value, key)
      case "passwordHash": account.passwordHash = Secret(try text(value, key))
      case "roles": account.roles = try self.grants(value, key)
      case "claims": account.claims = try self.grants(value, key)
      default:
        throw refusal(key, "unknown_field", "An account has no \(key.prefix(60)).")
      }
    }
    return account
  }

  private static func grants(
    _ value: JSON, _ key: String
  ) throws(RecordPlan.Refusal) -> [AccountRecord.Grant] {
    guard let list = value.array, list.count <= 1000 else {
      throw refusal(key, "type", "\(key) is a list.")
    }
    var grants: [AccountRecord.Grant] = []
    for item in list {
      guard let name = item["name"]?.string, (1...200).contains(name.unicodeScalars.count),
        let at = item["at"]
      else { throw refusal(key, "type", "Each of \(key) has name, by and at.") }
      grants.append(
        AccountRecord.Grant(
          name: name, by: item["by"]?.string.flatMap { UUID($0) }, at: try time(at, key)))
    }
    return grants
  }

  private static func text(_ value: JSON, _ key: String) throws(RecordPlan.Refusal) -> String {
    guard let text = value.string else { throw refusal(key, "type", "\(key) is a text.") }
    return text
  }

  private static func time(_ value: JSON, _ key: String) throws(RecordPlan.Refusal) -> Timestamp {
    guard let time = value.string.flatMap({ Timestamp($0) }) else {
      throw refusal(key, "type", "\(key) is a time such as 2026-01-31T20:00:00.000Z.")
    }
    return time
  }

  static func refusal(_ field: String, _ code: String, _ message: String) -> RecordPlan.Refusal {
    RecordPlan.Refusal(
      issues: [
        FieldIssue(pointer: "/" + String(field.prefix(60)), code: code, message: message)
      ])
  }
}
