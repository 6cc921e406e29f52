package import RoostCore

/// What became of a field that is in both schemas: nil and false where nothing did.
package struct FieldDifference: Sendable {
  package let old: Field
  package let new: Field
  /// Recognised by `@was`.
  package let isRenamed: Bool
  /// Another type of the values, references to a renamed collection excepted.
  package let type: Change<FieldType>?
  /// An enum under another name with the same values, and perhaps more.
  package let isRenamedEnum: Bool
  package let isList: Change<Bool>?
  package let elementsAreRequired: Change<Bool>?
  package let isRequired: Change<Bool>?
  /// A create that leaves the field out was taken before, and is refused now (`new` true), or the
  /// reverse.
  package let mustBeGiven: Change<Bool>?
  package let constraint: ConstraintDifference?
  /// As they are written; an expression begins with `=`.
  package let defaultValue: Change<String?>?
  package let isImmutable: Change<Bool>?
  package let isServerOnly: Change<Bool>?
  package let isUnique: Change<Bool>?
  package let isSearchable: Change<Bool>?
  /// The field's own strategy, or that of its collection where it has none; nil where it never had.
  package let merge: Change<MergeStrategy>?
  package let onDelete: Change<Relation.OnDelete>?
  package let referenceCheck: Change<Relation.ReferenceCheck>?
  /// Kind and treatment of personal data, such as `name, NULLIFY`.
  package let personalData: Change<String?>?
  package let encryption: Change<String?>?
  package let sync: Change<String?>?
  package let search: Change<String?>?
  package let deprecation: Change<Deprecation?>?
  package let description: Change<String?>?
  package let rules: RuleDifference?
  /// What the value is made of; the server makes it anew.
  package let derivation: Change<String?>?

  /// `renames` leads from the type names of before to those of now.
  init(
    _ old: Field, of before: Collection, _ new: Field, of after: Collection,
    renames: [String: String], _ byNewNames: RuleNames
  ) {
    self.old = old
    self.new = new
    isRenamed = old.name != new.name
    let (isRetyped, isRenamedEnum) = FieldDifference.types(old.type, new.type, renames)
    type = isRetyped ? Change(old: old.type, new: new.type) : nil
    self.isRenamedEnum = isRenamedEnum
    isList = .between(old.isList, new.isList)
    elementsAreRequired = .between(old.elementsAreRequired, new.elementsAreRequired)
    isRequired = .between(old.isRequired, new.isRequired)
    mustBeGiven = .between(before.mustBeGiven(old), after.mustBeGiven(new))
    constraint = ConstraintDifference(old.constraint, new.constraint)
    defaultValue = .between(old.defaultText, new.defaultText)
    isImmutable = .between(old.isImmutable, new.isImmutable)
    isServerOnly = .between(old.isServerOnly, new.isServerOnly)
    isUnique = .between(old.isUnique, new.isUnique)
    isSearchable = .between(old.isSearchable, new.isSearchable)
    merge =
      old.merge == nil && new.merge == nil
      ? nil : .between(old.merge ?? before.merge, new.merge ?? after.merge)
    let relations = old.relation != nil && new.relation != nil
    onDelete =
      relations
      ? .between(old.relation?.onDelete ?? .restrict, new.relation?.onDelete ?? .restrict) : nil
    referenceCheck =
      relations
      ? .between(
        old.relation?.referenceCheck ?? Relation.ReferenceCheck.visibleOnChange,
        new.relation?.referenceCheck ?? Relation.ReferenceCheck.visibleOnChange) : nil
    personalData = .between(old.personalDataText, new.personalDataText)
    encryption = .between(
      old.encryption.map { "\($0.mode.rawValue), \($0.keyScope)" },
      new.encryption.map { "\($0.mode.rawValue), \($0.keyScope)" })
    sync = .between(old.sync?.text, new.sync?.text)
    search = .between(
      old.search.map { "\($0.weight) \($0.language ?? "")" },
      new.search.map { "\($0.weight) \($0.language ?? "")" })
    deprecation = .between(old.deprecation, new.deprecation)
    description = .between(old.description, new.description)
    rules = RuleDifference(allows: byNewNames.allows(old.allows, of: before), new.allows)
    derivation = .between(old.derivedText, new.derivedText)
  }

  /// Whether anything differs.
  package var isEmpty: Bool { changes(collection: "").isEmpty }

  private static func types(
    _ old: FieldType, _ new: FieldType, _ renames: [String: String]
  ) -> (isRetyped: Bool, isRenamedEnum: Bool) {
    switch (old, new) {
    case (.reference(let before), .reference(let after)):
      return (renames[before, default: before] != after, false)
    case (.enumeration(let before, let values), .enumeration(let after, let others)):
      // What became of the values of one enum is told once, with the enum.
      if before == after { return (false, false) }
      return Set(values).isSubset(of: others) ? (false, true) : (true, false)
    default: return (old != new, false)
    }
  }
}

extension Collection {
  /// Whether a create has to give a value for `field`: it is required, and nobody fills it in.
  package func mustBeGiven(_ field: Field) -> Bool {
    field.isRequired && !field.isServerOnly && field.defaultValue == nil
      && field.defaultExpression == nil && !fillsOwner(field)
  }

  /// Whether a create of somebody with an account may leave `field` out, since a rule that includes
  /// CREATE names it as its owner.
  package func fillsOwner(_ field: Field) -> Bool {
    guard field.type == .user, !field.isList else { return false }
    return allows.contains { $0.operations.contains(.create) && $0.owner == field.name }
  }
}

extension SyncPolicy {
  var text: String {
    "\(tier.rawValue) \(window?.description ?? "-") \(priority.map { String($0) } ?? "-")"
  }
}

extension Field {
  /// The default as it is written; an expression begins with `=`.
  package var defaultText: String? {
    if let defaultExpression { return "= " + defaultExpression }
    return defaultValue.map { value in
      switch value {
      case .text(let text): text
      case .null: "null"
      default: defaultJSON?.text ?? ""
      }
    }
  }

  /// The default as JSON; nil where there is none, or an expression.
  package var defaultJSON: JSON? {
    guard let defaultValue else { return nil }
    var writer = JSONWriter()
    encode(defaultValue, into: &writer)
    return try? JSON.parse(writer.bytes)
  }

  /// What the value is made of; nil where somebody gives it.
  var derivedText: String? { derivation?.text ?? grouping?.text }

  var personalDataText: String? {
    personalData.map { "\($0.kind), \($0.onErase.rawValue)" }
  }

  /// The type as it is written in a schema, such as `[String!]!`.
  package var declaredType: String {
    let element = type.schemaName
    guard isList else { return element + (isRequired ? "!" : "") }
    return "[\(element)\(elementsAreRequired ? "!" : "")]\(isRequired ? "!" : "")"
  }
}
