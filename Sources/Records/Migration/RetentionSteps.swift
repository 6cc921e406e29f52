import Queries
import RoostCore
import Rules
import Schema

/// What new `@retention`s mean for the rows that are there: those whose time has come already go at
/// the first run, and no rollback brings them back.
struct RetentionSteps {
  let stored: StoredSchema
  let model: SchemaModel
  /// The schema that was served last.
  let before: SchemaModel
  let now: Timestamp

  /// The steps; `match` and `column` tell where a collection and its fields are now.
  ///
  /// A rule is none where another one took the same rows as early.
  func find(
    match: (Collection) -> StoredSchema.Collection?,
    column: (String, Collection, StoredSchema.Collection) -> String?, in reader: any Reader
  ) async throws -> [MigrationStep] {
    var steps: [MigrationStep] = []
    for collection in model.collections {
      guard let old = match(collection) else { continue }
      let rules = before.collection(ofType: old.typeName)?.retentions ?? []
      for rule in collection.retentions {
        let name = column(rule.after, collection, old)
        if rules.contains(where: { $0.takes(rule, after: name) }) { continue }
        var rows = 0
        if let name { rows = try await due(rule, name, old, in: reader) }
        steps.append(step(rule, rows, collection, old))
      }
    }
    return steps
  }

  /// The rows whose time has come, whatever `unless` says of them.
  private func due(
    _ rule: RetentionRule, _ column: String, _ old: StoredSchema.Collection, in reader: any Reader
  ) async throws -> Int {
    let until = now.adding(milliseconds: -rule.duration.milliseconds)
    let type = old.field(column)?.type
    var condition: SQL
    switch type {
    case nil, "DateTime": condition = "\(identifier: column) <= \(until)"
    case "Date":
      condition = "\(identifier: column) <= \(String(until.description.prefix(10)))"
    // It is converted by this very plan, into a time that nobody knows yet.
    default: condition = "\(identifier: column) IS NOT NULL"
    }
    if rule.action == .archive, rule.after != "deletedAt" {
      condition += " AND \(identifier: "deletedAt") IS NULL"
    }
    return try await reader.first(
      "SELECT count(*) FROM \(identifier: old.name) WHERE \(condition)"
    ) { Int(clamping: $0.int64(0)) } ?? 0
  }

  private func step(
    _ rule: RetentionRule, _ rows: Int, _ collection: Collection, _ old: StoredSchema.Collection
  ) -> MigrationStep {
    let name = collection.typeName
    let what =
      switch rule.action {
      case .purge: "delete rows of \(name)"
      case .anonymise: "empty the personal fields of \(name)"
      case .archive: "move rows of \(name) to the archive"
      }
    // What has no personal values, or is held, is counted too.
    let isExact = rule.unless == nil && rule.action != .anonymise
    let many = "\(isExact ? "" : "at most ")\(rows) \(rows == 1 ? "row" : "rows")"
    let due =
      rows == 0
      ? "no row is due yet"
      : "\(many) at the first run, which no rollback brings back"
    var step = MigrationStep(
      .retain(rule), rows == 0 ? .additive : .destructive, name, table: old.name,
      item: "\(name).@retention",
      "\(what) \(rule.duration) after \(rule.after): \(due)",
      wayBack: rows == 0 ? "nothing is due any more" : "none for rows that the job has reached",
      at: rule.location)
    step.rows = rows
    return step
  }
}

extension RetentionRule {
  /// Whether it takes all that `other` takes, as early; `after` is the field of `other` by the name
  /// that it has here.
  fileprivate func takes(_ other: RetentionRule, after: String?) -> Bool {
    guard let after, self.after == after, duration <= other.duration, action == other.action else {
      return false
    }
    return unless == nil || unless == other.unless
  }
}
