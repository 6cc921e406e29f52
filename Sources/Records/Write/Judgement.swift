import Queries
import RoostCore
import Rules

/// What the rules of one access say of one row.
struct Judgement {
  let rules: [Rule]
  /// All that apply.
  let denials: [Denial]

  /// The one that is told.
  var denial: Denial? { denials.first }

  /// The members that the rules show together; nil where none holds.
  var members: FieldSet? {
    rules.isEmpty ? nil : rules.reduce(FieldSet()) { $0.union($1.mask) }
  }

  /// The rules and the denials that hold for a row that is there.
  static func holding(
    _ access: Access, _ row: RowImage, _ collection: CompiledCollection, in reader: any Reader
  ) async throws -> Judgement {
    let plan = access.plan
    guard plan.readsRelations else {
      let none = NoRelatedRows()
      return Judgement(
        rules: access.rulesHolding(for: row, none), denials: access.denials(of: row, none))
    }
    let statement = collection.statements.statement(.holding, plan) {
      Template("SELECT ")
        + (plan.rules.map { collection.writer.holds($0, plan, .bound) }
        + plan.denials.map { collection.writer.applies($0, plan, .bound) }).joined(by: ", ")
    }
    return try await judge(access, row, statement, denials: plan.denials, in: reader)
  }

  /// The rules that accept a row as it will be; in a create with the denials that apply to it.
  static func accepting(
    _ access: Access, _ row: RowImage, isCreate: Bool, _ collection: CompiledCollection,
    in reader: any Reader
  ) async throws -> Judgement {
    let plan = access.plan
    guard plan.readsRelations else {
      return inMemory(access, row, isCreate: isCreate)
    }
    let denials = isCreate ? plan.denials : []
    let statement = collection.statements.statement(.accepting(isCreate: isCreate), plan) {
      Template("SELECT ")
        + (plan.rules.map { collection.writer.accepts($0, plan, isCreate: isCreate, .bound) }
        + denials.map { collection.writer.applies($0, plan, .bound) }).joined(by: ", ")
    }
    return try await judge(access, row, statement, denials: denials, in: reader)
  }

  /// The same for rules that read no other rows.
  static func inMemory(_ access: Access, _ row: RowImage, isCreate: Bool) -> Judgement {
    let scope = TraceScope.current
    let start = scope?.now ?? 0
    defer { scope?.record("rules", since: start) }
    let none = NoRelatedRows()
    return Judgement(
      rules: access.rulesAccepting(row, isCreate: isCreate, none),
      denials: isCreate ? access.denials(of: row, none) : [])
  }

  private static func judge(
    _ access: Access, _ row: RowImage, _ statement: PreparedTemplate, denials: [Denial],
    in reader: any Reader
  ) async throws -> Judgement {
    let scope = TraceScope.current
    let start = scope?.now ?? 0
    defer { scope?.record("rules", since: start) }
    let rules = access.plan.rules
    var judgement = Judgement(rules: [], denials: [])
    try await reader.query(statement.statement, statement.values(access.facts, row)) { result in
      judgement = Judgement(
        rules: rules.indices.filter { result.bool($0) }.map { rules[$0] },
        denials: denials.indices.filter { result.bool(rules.count + $0) }.map { denials[$0] })
      return false
    }
    return judgement
  }
}
