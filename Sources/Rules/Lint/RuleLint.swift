package import Schema

extension RuleBook {
  /// What the rules allow to be served, but is likely not what was meant: for `roost doctor`.
  package var remarks: [SchemaNotice] {
    collections.flatMap { RuleLint(rules: $0, model: model).remarks } + online
  }

  /// What sync and realtime cannot carry, so that it is read over REST alone.
  private var online: [SchemaNotice] {
    ScopeBook(self).onlineOnly.map { item in
      let type = model.collections[item.collection].typeName
      let (location, text) =
        switch item.what {
        case .rule(let rule): (rule.location, rule.text)
        case .denial(let denial): (denial.location, denial.text)
        }
      return SchemaNotice(
        location: location, code: "online_only",
        message: "\(type) cannot be synced by \(text): \(item.reason); REST applies it all the same"
      )
    }
  }
}

/// Looks for rules of one collection that let nobody in, or let everybody wait.
private struct RuleLint {
  let rules: AccessRules
  let model: SchemaModel

  private var collection: Collection { rules.declaration }

  var remarks: [SchemaNotice] {
    writesWithoutRead + unreachableFields + unreachableRequired + scans
  }

  private func notice(_ location: SourceLocation, _ code: String, _ text: String) -> SchemaNotice {
    SchemaNotice(location: location, code: code, message: text)
  }

  private func rules(_ operation: Operation) -> [Rule] {
    rules.rules.filter { $0.operations.contains(operation) }
  }

  /// Who writes by a rule like none for READ gets 404 for what they have written.
  private var writesWithoutRead: [SchemaNotice] {
    let reads = rules(.read)
    guard !reads.isEmpty else { return [] }
    return rules.rules.compactMap { rule in
      let writes: Set<Operation> = [.update, .delete]
      guard !rule.operations.isDisjoint(with: writes), !rule.operations.contains(.read),
        !reads.contains(where: { covers($0, rule) })
      else { return nil }
      return notice(
        rule.location, "write_without_read",
        "\(rule.text) lets write rows of \(collection.typeName) that no rule surely lets the same "
          + "caller read; a row that may not be read is answered 404")
    }
  }

  /// Whether whoever passes `rule` passes `read` too, as far as can be seen at once.
  private func covers(_ read: Rule, _ rule: Rule) -> Bool {
    guard read.when == nil, read.callerTest == nil, read.having == nil || read.having == rule.having
    else { return false }
    if let roles = read.roles {
      guard let wanted = rule.roles else { return false }
      let tree = model.roles
      let covered = wanted.allSatisfy { role in
        !(tree?.closure[role] ?? [role]).isDisjoint(with: roles)
      }
      guard covered else { return false }
    }
    switch (read.audience, rule.audience) {
    case (.everyone, _), (.user, .user), (.user, .anonymous), (.anonymous, .anonymous): break
    default: return false
    }
    return read.path == nil || read.path == rule.path || closesCircle(read, rule)
  }

  /// Whether `read` shows a row to all of its kind in a group, and `rule` speaks to the one of the row
  /// itself: `band.members.user` takes in `user` of the members.
  private func closesCircle(_ read: Rule, _ rule: Rule) -> Bool {
    guard let path = read.path, let own = rule.path, own.steps.isEmpty, path.user == own.user,
      path.steps.count == 2, case .toOne(let out, _) = path.steps[0],
      case .toMany(rules.collection, let back) = path.steps[1]
    else { return false }
    return out == back
  }

  /// Fields that no rule for READ shows.
  private var unreachableFields: [SchemaNotice] {
    let reads = rules(.read)
    guard !reads.isEmpty else { return [] }
    let shown = reads.reduce(FieldSet()) { $0.union($1.mask) }
    return collection.fields.indices.filter { !shown.contains($0) }.map { index in
      notice(
        collection.fields[index].location, "unreachable_field",
        "no rule lets anybody read \(collection.fields[index].name): add it to fields, or take it "
          + "out of except")
    }
  }

  /// Required fields that nobody may set.
  private var unreachableRequired: [SchemaNotice] {
    let creates = rules(.create)
    guard !creates.isEmpty else { return [] }
    let settable = creates.reduce(FieldSet()) { $0.union($1.mask) }
    return collection.fields.indices.filter { index in
      let field = collection.fields[index]
      return field.isRequired && field.defaultValue == nil && !settable.contains(index)
        && !rules.ownersFilledOnCreate.contains(index)
    }.map { index in
      notice(
        collection.fields[index].location, "unreachable_field",
        "\(collection.fields[index].name) is required, but no rule for CREATE lets anybody set it, so "
          + "no record can be created")
    }
  }

  /// Rules for READ that pick rows by a test that no index helps: lists read the whole table.
  private var scans: [SchemaNotice] {
    rules(.read).compactMap { rule in
      guard rule.path == nil, let when = rule.when else { return nil }
      // One such test is given an index by itself.
      guard !when.conjuncts.contains(where: { $0.indexedColumn != nil }) else { return nil }
      let names = when.operands.compactMap { operand -> String? in
        if case .column(.field(let index)) = operand { collection.fields[index].name } else { nil }
      }
      return notice(
        rule.location, "rule_without_index",
        "\(rule.text) picks rows of \(collection.typeName) by a test that no index serves, so lists "
          + "may read the whole table"
          + (names.isEmpty ? "" : "; consider @index(fields: [\"\(names[0])\"])"))
    }
  }
}
