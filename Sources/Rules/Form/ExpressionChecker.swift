import RoostCore
package import Schema

/// Gives an expression its meaning: finds its names, checks its types, and makes the intermediate
/// form.
package struct ExpressionChecker {
  /// What an expression may speak of, by where it stands.
  package struct Scope: Sendable {
    let allowsCaller: Bool
    let allowsPaths: Bool

    /// `when` and `check` of a rule, and filters.
    package static let rule = Scope(allowsCaller: true, allowsPaths: true)
    /// `having`: the row of the membership alone.
    package static let having = Scope(allowsCaller: false, allowsPaths: false)
    /// `unless` of `@retention`, which nobody calls.
    package static let retention = Scope(allowsCaller: false, allowsPaths: true)
    /// `@check`: the row alone.
    package static let check = Scope(allowsCaller: false, allowsPaths: false)
  }

  /// References that a path may follow.
  private static let maximumHops = 3

  let model: SchemaModel
  /// The index of the collection whose rows the expression speaks of.
  let collection: Int
  let scope: Scope

  package init(model: SchemaModel, collection: Int, scope: Scope) {
    self.model = model
    self.collection = collection
    self.scope = scope
  }

  /// Reads and checks `text`.
  package func expression(
    _ text: String, _ limits: ExpressionLimits
  ) throws(ExpressionFault) -> Expression {
    try boolean(try ExpressionParser.parse(text, limits))
  }

  private func boolean(_ syntax: ExpressionSyntax) throws(ExpressionFault) -> Expression {
    switch syntax {
    case .or(let parts): return .or(try booleans(parts))
    case .and(let parts): return .and(try booleans(parts))
    case .not(let inner, _): return .not(try boolean(inner))
    case .compare(let comparison, let left, let right, let offset):
      return try compare(comparison, left, right, offset)
    case .isIn(let left, let right, let offset): return try isIn(left, right, offset)
    case .literal(.bool(let value), _): return .constant(value)
    case .literal, .list:
      throw fault(syntax, "type", "a condition is expected, such as date > \"2026-01-01\"")
    case .path:
      let typed = try typed(syntax)
      guard typed.kind == .boolean else {
        throw fault(
          syntax, "type",
          "\(typed.words) is no condition; compare it with something")
      }
      return .truth(typed.operand)
    }
  }

  private func booleans(
    _ parts: [ExpressionSyntax]
  ) throws(ExpressionFault) -> [Expression] {
    var result: [Expression] = []
    for part in parts { result.append(try boolean(part)) }
    return result
  }

  // MARK: Comparing

  private func compare(
    _ comparison: Comparison, _ left: ExpressionSyntax, _ right: ExpressionSyntax, _ offset: Int
  ) throws(ExpressionFault) -> Expression {
    if case .literal(.null, _) = right { return try null(comparison, left, offset) }
    if case .literal(.null, _) = left { return try null(comparison, right, offset) }
    if isConstant(left), !isConstant(right) {
      return try compare(comparison.mirrored, right, left, offset)
    }
    let first = try typed(left)
    if isConstant(right, for: first) {
      return .compare(comparison, first.operand, .value(try value(right, for: first, comparison)))
    }
    let second = try typed(right)
    guard first.kind.isComparable(with: second.kind) else {
      throw fault(
        right, "type", "\(first.words) cannot be compared with \(second.words)")
    }
    try checkOrder(first, comparison, offset)
    return .compare(comparison, first.operand, second.operand)
  }

  private func null(
    _ comparison: Comparison, _ other: ExpressionSyntax, _ offset: Int
  ) throws(ExpressionFault) -> Expression {
    guard !comparison.needsOrder else {
      throw ExpressionFault(
        offset: offset, code: "type", message: "null has no order; compare it by == or !=")
    }
    if isConstant(other) {
      throw fault(other, "type", "compares two constants; name a field on one side")
    }
    let test = Expression.isNull(try typed(other, orOpaque: true).operand)
    return comparison == .equal ? test : .not(test)
  }

  private func checkOrder(
    _ typed: TypedOperand, _ comparison: Comparison, _ offset: Int
  ) throws(ExpressionFault) {
    guard comparison.needsOrder, !typed.kind.hasOrder else { return }
    throw ExpressionFault(
      offset: offset, code: "type",
      message: "\(typed.words) has no order; compare it by == or !=")
  }

  private func isConstant(_ syntax: ExpressionSyntax) -> Bool {
    if case .literal = syntax { true } else { false }
  }

  /// Whether it is a literal, or the bare name of a value of the enum on the other side.
  private func isConstant(_ syntax: ExpressionSyntax, for other: TypedOperand) -> Bool {
    if case .path(let steps, _) = syntax, steps.count == 1,
      case .enumeration(_, let values) = other.field.type
    {
      return values.contains(steps[0])
        || RowColumn(steps[0], in: model.collections[collection]) == nil
    }
    return isConstant(syntax)
  }

  private func value(
    _ syntax: ExpressionSyntax, for other: TypedOperand, _ comparison: Comparison = .equal
  ) throws(ExpressionFault) -> FieldValue {
    let json: JSON
    switch syntax {
    case .literal(let literal, _): json = literal
    case .path(let steps, _) where steps.count == 1: json = .string(steps[0])
    default: throw fault(syntax, "type", "a value is expected here")
    }
    guard other.kind != .opaque else {
      throw fault(syntax, "type", "\(other.words) can only be compared with null")
    }
    try checkOrder(other, comparison, syntax.offset)
    if case .list = other.kind {
      throw fault(
        syntax, "type",
        "\(other.words) is a list; ask whether something is in it: x in \(other.name)")
    }
    return try decode(json, other.field, syntax)
  }

  private func decode(
    _ json: JSON, _ field: Field, _ syntax: ExpressionSyntax
  ) throws(ExpressionFault) -> FieldValue {
    let single = Field(name: field.name, type: field.type, isRequired: true)
    var json = json
    // A day stands for its beginning.
    if field.type == .dateTime, let text = json.string, let day = CalendarDate(text) {
      json = .string("\(day)T00:00:00Z")
    }
    switch single.decode(json, pointer: "") {
    case .success(let value): return value
    case .failure(let issue):
      // Whoever writes an expression may choose the type of the field; who sends a value may not.
      let cure = field.type == .int && issue.code == "range" ? " (use Int64 for more)" : ""
      throw fault(syntax, "type", issue.message.trimmingFullStop + cure)
    }
  }

  // MARK: Membership

  private func isIn(
    _ left: ExpressionSyntax, _ right: ExpressionSyntax, _ offset: Int
  ) throws(ExpressionFault) -> Expression {
    switch right {
    case .list(let elements, _):
      let subject = try typed(left)
      var values: [FieldValue] = []
      for element in elements {
        guard isConstant(element, for: subject) else {
          throw fault(element, "type", "a list holds values only")
        }
        if case .literal(.null, _) = element {
          throw fault(element, "type", "null is in no list; test it with == null")
        }
        values.append(try value(element, for: subject))
      }
      return .isIn(subject.operand, values)
    case .path(["ctx", "roles"], _): return try inRoles(left, offset)
    case .path(["ctx", "claims"], _):
      try requireCaller(right)
      if case .literal(.string(let claim), _) = left { return .inClaims(.value(.text(claim))) }
      let subject = try typed(left)
      guard subject.kind.isWord else {
        throw fault(left, "type", "claims are text, and \(subject.words) is not")
      }
      return .inClaims(subject.operand)
    case .path: return try inList(left, right)
    default: throw fault(right, "type", "a list such as [a, b] is expected after in")
    }
  }

  private func inRoles(
    _ left: ExpressionSyntax, _ offset: Int
  ) throws(ExpressionFault) -> Expression {
    guard scope.allowsCaller else {
      throw fault(left, "type", "ctx, the caller, cannot be read here")
    }
    if case .literal(.string(let role), _) = left {
      let known = (model.roles?.names ?? []) + ["admin"]
      guard known.contains(role) else {
        throw fault(
          left, "unknown_role",
          "unknown role \"\(role.prefix(60))\"" + didYouMean(role, among: known))
      }
      return .hasRole(role)
    }
    let subject = try typed(left)
    guard subject.kind.isWord else {
      throw fault(left, "type", "roles are names, and \(subject.words) is not")
    }
    return .inRoles(subject.operand)
  }

  private func inList(
    _ left: ExpressionSyntax, _ right: ExpressionSyntax
  ) throws(ExpressionFault) -> Expression {
    let list = try typed(right)
    guard case .list = list.kind else {
      throw fault(right, "type", "\(list.words) is no list")
    }
    guard list.field.type.isTestedInLists else {
      throw fault(right, "type", "elements of \(list.words) cannot be tested")
    }
    if case .literal(.null, _) = left {
      throw fault(left, "type", "null is in no list; test it with == null")
    }
    let element = Field(name: list.field.name, type: list.field.type, isRequired: true)
    let item = TypedOperand(operand: list.operand, field: element)
    if isConstant(left, for: item) {
      return .contains(list.operand, try value(left, for: item))
    }
    throw fault(left, "type", "only values can be looked for in a list")
  }

  // MARK: Names

  private func requireCaller(_ syntax: ExpressionSyntax) throws(ExpressionFault) {
    guard scope.allowsCaller else {
      throw fault(syntax, "type", "ctx, the caller, cannot be read here")
    }
  }

  private func typed(
    _ syntax: ExpressionSyntax, orOpaque: Bool = false
  ) throws(ExpressionFault) -> TypedOperand {
    guard case .path(let steps, _) = syntax else {
      if isConstant(syntax) {
        throw fault(syntax, "type", "compares two constants; name a field on one side")
      }
      throw fault(syntax, "type", "a field or a value is expected here, not a condition")
    }
    if steps[0] == "ctx" { return try context(steps, syntax) }
    let typed = try path(steps, syntax)
    if let encryption = typed.field.encryption {
      throw fault(
        syntax, "type",
        "\(typed.name) is under @encrypted(mode: \(encryption.mode.rawValue)) and cannot be read here"
      )
    }
    return typed
  }

  private func context(
    _ steps: [String], _ syntax: ExpressionSyntax
  ) throws(ExpressionFault) -> TypedOperand {
    try requireCaller(syntax)
    let known = ["uid", "roles", "claims", "anonymous"]
    switch steps.dropFirst().first {
    case "uid" where steps.count == 2:
      return TypedOperand(
        operand: .uid, field: Field(name: "ctx.uid", type: .user, isRequired: false))
    case "anonymous" where steps.count == 2:
      return TypedOperand(
        operand: .anonymous, field: Field(name: "ctx.anonymous", type: .boolean, isRequired: true))
    case "roles" where steps.count == 2, "claims" where steps.count == 2:
      throw fault(
        syntax, "type",
        "ctx.\(steps[1]) is a list; ask whether something is in it: x in ctx.\(steps[1])")
    default:
      let name = steps.dropFirst().joined(separator: ".")
      throw fault(
        syntax, "unknown_field",
        "ctx has uid, roles, claims and anonymous, not \"\(name.prefix(60))\""
          + didYouMean(name, among: known))
    }
  }

  private func path(
    _ names: [String], _ syntax: ExpressionSyntax
  ) throws(ExpressionFault) -> TypedOperand {
    var current = collection
    var steps: [ReferencePath.Step] = []
    for (position, name) in names.enumerated() {
      let here = model.collections[current]
      guard let column = RowColumn(name, in: here) else {
        throw unknown(name, here, syntax)
      }
      let field = column.field(in: here)
      guard position < names.count - 1 else {
        if steps.isEmpty { return TypedOperand(operand: .column(column), field: field) }
        return TypedOperand(
          operand: .path(ReferencePath(steps: steps, column: column)), field: field,
          name: names.joined(separator: "."))
      }
      guard case .field(let index) = column, case .reference(let target) = field.type,
        !field.isList, let next = model.collections.firstIndex(where: { $0.typeName == target })
      else {
        throw fault(
          syntax, "unknown_field",
          "\(name) of \(here.typeName) leads to no fields; a path follows references")
      }
      guard scope.allowsPaths else {
        throw fault(syntax, "type", "only fields of the row itself can be read here")
      }
      steps.append(ReferencePath.Step(field: index, target: next))
      guard steps.count <= ExpressionChecker.maximumHops else {
        throw fault(
          syntax, "limit",
          "a path follows at most \(ExpressionChecker.maximumHops) references")
      }
      current = next
    }
    throw fault(syntax, "syntax", "a path names at least one field")
  }

  private func unknown(
    _ name: String, _ here: Collection, _ syntax: ExpressionSyntax
  ) -> ExpressionFault {
    if here.inverses.contains(where: { $0.name == name }) {
      return fault(
        syntax, "type",
        "\(name) of \(here.typeName) is the other side of a relation, which conditions cannot read")
    }
    return fault(
      syntax, "unknown_field",
      "\(here.typeName) has no field \"\(name.prefix(60))\""
        + didYouMean(name, among: here.fields.map(\.name) + RowColumn.systemNames + ["ctx"]))
  }

  private func fault(
    _ syntax: ExpressionSyntax, _ code: String, _ message: String
  ) -> ExpressionFault {
    ExpressionFault(offset: syntax.offset, code: code, message: message)
  }
}

extension String {
  /// The text without a full stop at its end.
  fileprivate var trimmingFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
