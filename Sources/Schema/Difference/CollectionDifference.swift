import RoostCore

/// What became of a collection that is in both schemas: nil and empty where nothing did.
package struct CollectionDifference: Sendable {
  package let old: Collection
  package let new: Collection
  /// The type has another name, recognised by `@was`.
  package let isRenamed: Bool
  /// Another name of the route, whether the type was renamed or not.
  package let route: Change<String>?
  package let addedFields: [Field]
  package let removedFields: [Field]
  /// What became of fields that were split: those of `removedFields` with those of `addedFields`.
  package let splits: [SplitField]
  /// The fields that are in both and differ, in the order of the new schema.
  package let fields: [FieldDifference]
  package let addedInverses: [InverseField]
  package let removedInverses: [InverseField]
  /// `@was` on fields that the old schema had not: a rename that was made before, or a slip.
  package let unmatchedFormerNames: [String]
  package let rules: RuleDifference?
  package let addedChecks: [CheckRule]
  package let removedChecks: [CheckRule]
  package let addedIndexes: [IndexDeclaration]
  package let removedIndexes: [IndexDeclaration]
  package let merge: Change<MergeStrategy>?
  package let sync: Change<SyncPolicy>?
  package let addedRetentions: [RetentionRule]
  package let removedRetentions: [RetentionRule]
  package let deprecation: Change<Deprecation?>?
  package let description: Change<String?>?
  /// What the rows of a view are made of.
  package let view: Change<String?>?
  /// Options of merging, measures and activities: what changes no request.
  package let hasOtherOptions: Bool

  /// `renames` leads from the type names of before to those of now.
  init(
    _ old: Collection, _ new: Collection, renames: [String: String], _ byNewNames: RuleNames
  ) {
    self.old = old
    self.new = new
    isRenamed = old.typeName != new.typeName
    route = .between(old.name, new.name)
    let pairs = FieldPairs(old, new)
    addedFields = pairs.added
    removedFields = pairs.removed
    splits = pairs.removed.compactMap { SplitField($0, among: pairs.added) }
    unmatchedFormerNames = pairs.unmatched
    fields = pairs.kept.map {
      FieldDifference($0.old, of: old, $0.new, of: new, renames: renames, byNewNames)
    }.filter { !$0.isEmpty }
    func inverse(_ one: InverseField, _ other: InverseField, isOld: Bool) -> Bool {
      one.name == other.name
        && (isOld ? renames[one.typeName, default: one.typeName] : one.typeName)
          == (isOld ? other.typeName : renames[other.typeName, default: other.typeName])
    }
    addedInverses = new.inverses.filter { one in
      !old.inverses.contains { inverse($0, one, isOld: true) }
    }
    removedInverses = old.inverses.filter { one in
      !new.inverses.contains { inverse(one, $0, isOld: true) }
    }
    rules = RuleDifference(
      allows: byNewNames.allows(old.allows, of: old), new.allows,
      denies: byNewNames.denials(old.denies, of: old), new.denies)
    let checks = byNewNames.checks(old.checks, of: old)
    addedChecks = new.checks.filter { one in !checks.contains { $0.says(one) } }
    removedChecks = checks.filter { one in !new.checks.contains { $0.says(one) } }
    let names = pairs.names
    addedIndexes = new.indexes.filter { one in !old.indexes.contains { $0.says(one, names) } }
    removedIndexes = old.indexes.filter { one in !new.indexes.contains { one.says($0, names) } }
    merge = .between(old.merge, new.merge)
    sync = old.sync.text == new.sync.text ? nil : Change(old: old.sync, new: new.sync)
    let retentions = byNewNames.retentions(old.retentions, of: old)
    addedRetentions = new.retentions.filter { one in !retentions.contains { $0.says(one) } }
    removedRetentions = retentions.filter { one in !new.retentions.contains { $0.says(one) } }
    deprecation = .between(old.deprecation, new.deprecation)
    description = .between(old.description, new.description)
    view = .between(old.view?.text, new.view?.text)
    hasOtherOptions = old.optionsText != new.optionsText
  }

  /// Whether anything differs.
  package var isEmpty: Bool { changes.isEmpty }
}

/// A field of before whose values are in several fields now.
package struct SplitField: Sendable {
  package let old: Field
  /// Those that say so, each with its `split`.
  package let parts: [Field]

  /// How the former field is put together again; nil where nobody says it.
  package var back: TextTemplate? { parts.compactMap { $0.split?.back }.first }

  fileprivate init?(_ old: Field, among added: [Field]) {
    parts = added.filter { $0.split != nil && $0.formerName == old.name }
    self.old = old
    if parts.isEmpty { return nil }
  }
}

/// The fields of two versions of a collection, side by side.
struct FieldPairs {
  var kept: [(old: Field, new: Field)] = []
  var added: [Field] = []
  var removed: [Field] = []
  var unmatched: [String] = []
  /// The names of now by those of before.
  var names: [String: String] = [:]

  init(_ old: Collection, _ new: Collection) {
    let before = Dictionary(old.fields.map { ($0.name, $0) }) { first, _ in first }
    let after = Set(new.fields.map(\.name))
    for field in new.fields {
      if let same = before[field.name] {
        kept.append((same, field))
        // A `@was` that stayed in the file after its rename.
        if let name = field.formerName, before[name] == nil { unmatched.append(name) }
      } else if field.split == nil, let name = field.formerName, let former = before[name],
        !after.contains(name), names[name] == nil
      {
        kept.append((former, field))
        names[name] = field.name
      } else {
        if let name = field.formerName, field.split == nil || before[name] == nil {
          unmatched.append(name)
        }
        added.append(field)
      }
    }
    removed = old.fields.filter { !after.contains($0.name) && names[$0.name] == nil }
  }
}

extension CheckRule {
  fileprivate func says(_ other: CheckRule) -> Bool {
    name == other.name && message == other.message
      && ExpressionText.folded(expression) == ExpressionText.folded(other.expression)
  }
}

extension IndexDeclaration {
  /// Whether both index the same fields; `names` leads from those of before to those of now.
  fileprivate func says(_ other: IndexDeclaration, _ names: [String: String]) -> Bool {
    fields.map { names[$0, default: $0] } == other.fields && isUnique == other.isUnique
      && predicate.map(ExpressionText.folded) == other.predicate.map(ExpressionText.folded)
  }
}

extension RetentionRule {
  fileprivate func says(_ other: RetentionRule) -> Bool {
    after == other.after && duration == other.duration && action == other.action
      && unless.map(ExpressionText.folded) == other.unless.map(ExpressionText.folded)
  }
}

extension Collection {
  /// What changes no request, as one text.
  fileprivate var optionsText: String {
    let merges = [("", mergeOptions)] + fields.map { ($0.name, $0.mergeOptions) }
    var text = ""
    for (name, options) in merges where options.staleAfter != nil || options.validWhen != nil {
      text += "\(name) \(options.staleAfter?.description ?? "-") \(options.validWhen ?? "-")\n"
    }
    for (name, options) in merges {
      guard let elements = options.elements else { continue }
      text += "\(name) elements \(elements.idMember)"
      for member in elements.ordered {
        text += " \(member.isRising ? "+" : "-")\(member.member)"
        text += ":" + (member.values ?? []).joined(separator: ",")
      }
      text += "\n"
    }
    if let analytics {
      text += analytics.events.map(\.rawValue).sorted().joined(separator: " ")
      text += "|" + analytics.measures.joined(separator: " ")
      text += "|" + analytics.dimensions.joined(separator: " ") + "\n"
    }
    if let activity {
      text += "\(activity.type ?? "-")|" + activity.staticFields.joined(separator: " ")
      text += "|" + activity.dynamicFields.joined(separator: " ")
    }
    return text
  }
}
