import Schema

/// Rules in words.
enum RuleWords {
  /// Who may do `operation` with records of `collection`, one sentence each; empty where nobody may.
  static func who(_ operation: Operation, _ collection: Collection) -> [String] {
    let rules = collection.allows.filter { $0.operations.contains(operation) }
    guard !rules.isEmpty else { return [] }
    return rules.map { sentence($0, operation) }
      + collection.denies.filter { $0.operations.contains(operation) }.map(denial)
  }

  static func sentence(_ rule: AllowRule, _ operation: Operation) -> String {
    var text: String
    if let roles = rule.roles {
      text = "Accounts with the role " + list(roles, "or")
    } else {
      // An owner and a member have an account, whatever the audience.
      let isNamed = rule.owner != nil || rule.member != nil
      switch rule.audience {
      case .anonymous: text = "Anonymous accounts"
      case .everyone where !isNamed: text = "Everybody, without an account too"
      case .user where !isNamed: text = "Every account"
      case .everyone, .user: text = rule.owner == nil ? "Accounts" : "The account"
      }
    }
    if let owner = rule.owner { text += " that `\(owner)` names" }
    if let member = rule.member {
      text += " among `\(member)`"
      if let having = rule.having { text += ", where `\(having)` holds for that membership" }
    }
    if let condition = rule.when { text += ", for records where `\(condition)`" }
    if let check = rule.check, operation == .create || operation == .update {
      text += ", if the record then meets `\(check)`"
    }
    if let fields = rule.fields { text += "; only \(list(fields, "and"))" }
    if let except = rule.except, !except.isEmpty { text += "; without \(list(except, "and"))" }
    return text + "."
  }

  private static func denial(_ rule: DenyRule) -> String {
    var text = "Nobody"
    if !rule.exceptRoles.isEmpty {
      text += ", accounts with the role \(list(rule.exceptRoles, "or")) excepted,"
    }
    if let condition = rule.when { text += " for records where `\(condition)`" }
    text += "."
    if let reason = rule.reason { text += " \(reason)" }
    return text
  }

  /// Names in Markdown, the last one behind `word`.
  static func list(_ names: [String], _ word: String) -> String {
    let names = names.map { "`\($0)`" }
    guard let last = names.last, names.count > 1 else { return names.first ?? "nothing" }
    return names.dropLast().joined(separator: ", ") + " \(word) " + last
  }
}
