/// The names that the fields of an older schema have in a newer one, as rules speak of them.
///
/// A rule that says the same of a renamed field is the same rule.
struct RuleNames {
  private let model: SchemaModel
  /// The names of now by those of before, by the type's name of before; only those that differ.
  private let fields: [String: [String: String]]

  init(_ model: SchemaModel, _ pairs: [(old: Collection, new: Collection)]) {
    self.model = model
    var fields: [String: [String: String]] = [:]
    for (old, new) in pairs {
      let names = FieldPairs(old, new).names
      if !names.isEmpty { fields[old.typeName] = names }
    }
    self.fields = fields
  }

  // MARK: Rules

  func allows(_ rules: [AllowRule], of collection: Collection) -> [AllowRule] {
    if fields.isEmpty { return rules }
    let type = collection.typeName
    return rules.map { rule in
      let group = rule.member.map { path($0.split(separator: ".").dropLast(), from: type).type }
      return AllowRule(
        operations: rule.operations, audience: rule.audience, roles: rule.roles,
        owner: rule.owner.map { expression($0, of: type) },
        member: rule.member.map { expression($0, of: type) },
        having: rule.having.map { expression($0, of: group ?? nil) },
        when: rule.when.map { expression($0, of: type) },
        check: rule.check.map { expression($0, of: type) },
        fields: rule.fields?.map { expression($0, of: type) },
        except: rule.except?.map { expression($0, of: type) }, location: rule.location)
    }
  }

  func denials(_ rules: [DenyRule], of collection: Collection) -> [DenyRule] {
    if fields.isEmpty { return rules }
    return rules.map { rule in
      DenyRule(
        operations: rule.operations,
        when: rule.when.map { expression($0, of: collection.typeName) },
        exceptRoles: rule.exceptRoles, reason: rule.reason, location: rule.location)
    }
  }

  func checks(_ rules: [CheckRule], of collection: Collection) -> [CheckRule] {
    if fields.isEmpty { return rules }
    return rules.map { rule in
      CheckRule(
        name: rule.name, expression: expression(rule.expression, of: collection.typeName),
        message: rule.message, location: rule.location)
    }
  }

  func retentions(_ rules: [RetentionRule], of collection: Collection) -> [RetentionRule] {
    if fields.isEmpty { return rules }
    return rules.map { rule in
      RetentionRule(
        after: expression(rule.after, of: collection.typeName), duration: rule.duration,
        action: rule.action, unless: rule.unless.map { expression($0, of: collection.typeName) },
        location: rule.location)
    }
  }

  // MARK: Expressions

  /// An expression over a record of a type of before, with the names of now.
  func expression(_ text: String, of type: String?) -> String {
    var result: [UInt8] = []
    var word: [UInt8] = []
    var quotes = ExpressionText.Quotes()
    func end() {
      guard let first = word.first else { return }
      let isName = !(48...57).contains(first)
      let text = String(decoding: word, as: UTF8.self)
      if isName, let type {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        result += path(parts[...], from: type).names.joined(separator: ".").utf8
      } else {
        result += word
      }
      word = []
    }
    for byte in text.utf8 {
      let isQuoted = quotes.take(byte)
      switch byte {
      case 48...57, 65...90, 97...122, UInt8(ascii: "_"), UInt8(ascii: "."):
        if isQuoted { result.append(byte) } else { word.append(byte) }
      default:
        end()
        result.append(byte)
      }
    }
    end()
    return String(decoding: result, as: UTF8.self)
  }

  /// A path from a type of before by the names of now, and the type of before that it leads to.
  private func path(
    _ parts: ArraySlice<Substring>, from type: String
  ) -> (names: [String], type: String?) {
    var type: String? = type
    var names: [String] = []
    for part in parts {
      let name = String(part)
      let collection = type.flatMap { model.collection(ofType: $0) }
      names.append(type.flatMap { fields[$0]?[name] } ?? name)
      if case .reference(let target)? = collection?.field(named: name)?.type {
        type = target
      } else {
        type = collection?.inverses.first { $0.name == name }?.typeName
      }
    }
    return (names, type)
  }
}
