import RoostCore
import Schema

/// Rules as they are written, put together again for explanations.
enum RuleText {
  static func of(_ rule: AllowRule) -> String {
    var parts = ["ops: [\(operations(rule.operations))]"]
    if rule.audience != .user { parts.append("to: \(rule.audience.rawValue)") }
    if let roles = rule.roles { parts.append("roles: \(list(roles))") }
    for (name, value) in [
      ("owner", rule.owner), ("member", rule.member), ("having", rule.having), ("when", rule.when),
      ("check", rule.check),
    ] {
      if let value { parts.append("\(name): \(JSON.string(value).text)") }
    }
    if let fields = rule.fields { parts.append("fields: \(list(fields))") }
    if let except = rule.except { parts.append("except: \(list(except))") }
    return "@allow(\(parts.joined(separator: ", ")))"
  }

  static func of(_ rule: DenyRule) -> String {
    var parts = ["ops: [\(operations(rule.operations))]"]
    if let when = rule.when { parts.append("when: \(JSON.string(when).text)") }
    if !rule.exceptRoles.isEmpty { parts.append("exceptRoles: \(list(rule.exceptRoles))") }
    return "@deny(\(parts.joined(separator: ", ")))"
  }

  private static func operations(_ operations: Set<Operation>) -> String {
    let all: Set<Operation> = [.read, .create, .update, .delete]
    if operations.isSuperset(of: all) {
      return (["ALL"] + operations.subtracting(all).map(\.rawValue)).joined(separator: ", ")
    }
    return Operation.allCases.filter { operations.contains($0) }.map(\.rawValue)
      .joined(separator: ", ")
  }

  private static func list(_ values: [String]) -> String {
    JSON.array(values.map { .string($0) }).text
  }
}
