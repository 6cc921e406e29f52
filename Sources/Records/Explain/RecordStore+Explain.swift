import Queries
package import RoostCore
import Rules
package import Schema

extension RecordStore {
  /// Says for a caller, an operation and a row (or the collection) what the API would do, and why.
  ///
  /// `query` is the list whose statement is shown where no row is named. It asks the same plans and statements that decide; it changes nothing.
  package func explain(
    _ operation: Schema.Operation, _ collection: CompiledCollection, _ id: UUID?,
    _ query: ListQuery = ListQuery(), for caller: Caller
  ) async throws -> Explanation {
    let explainer = Explainer(
      operation: operation, collection: collection, id: id, query: query,
      viewer: reader(caller))
    return try await database.read(.snapshot) { try await explainer.explanation(in: $0) }
  }
}

/// Puts an explanation together.
private struct Explainer {
  let operation: Schema.Operation
  let collection: CompiledCollection
  let id: UUID?
  /// The list whose statement is shown where no row is named.
  let query: ListQuery
  let viewer: RecordReader

  private var facts: CallerFacts { CallerFacts(viewer.caller, viewer.catalogue.model.roles) }
  private var access: Access { collection.rules.access(operation, viewer.caller) }
  private var reading: Access { viewer.access(collection) }

  /// What the rules say of the row that was named.
  private struct Row {
    let image: RowImage
    let judgement: Judgement
    let visible: FieldSet?
  }

  func explanation(in reader: any Reader) async throws -> Explanation {
    let row = try await row(in: reader)
    let (sql, plan) = try await statement(in: reader)
    let outcome = outcome(row)
    let members = members(row)
    return Explanation(
      verdict: outcome.verdict, status: outcome.status, decision: outcome.decision,
      roles: facts.roles.sorted(), rules: rules(row), denials: denials(row),
      shown: members.shown, hidden: members.hidden, sometimes: members.sometimes, sql: sql,
      plan: plan, usesIndex: usesIndex(plan))
  }

  /// Whether no table is read from end to end; a page of rows that are all allowed is read in the order
  /// of the primary key and ends with its limit.
  private func usesIndex(_ plan: [String]) -> Bool {
    let dialect = collection.writer.dialect
    return !dialect.scans(plan) || reading.isUnconditional && !dialect.sorts(plan)
  }

  private func row(in reader: any Reader) async throws -> Row? {
    guard let id, operation != .create else { return nil }
    let found = try await reader.first(collection.selectRow, [.uuid(id)]) {
      collection.record($0)
    }
    guard let record = found ?? nil, record.deletedAt == nil else { return nil }
    let image = record.image(collection)
    let judgement = try await Judgement.holding(access, image, collection, in: reader)
    let seen = try await Judgement.holding(reading, image, collection, in: reader)
    return Row(
      image: image, judgement: judgement,
      visible: reading.isNever || seen.denial != nil ? nil : seen.members)
  }

  // MARK: The verdict

  private func outcome(
    _ row: Row?
  ) -> (verdict: Explanation.Verdict, status: Int?, decision: String) {
    let verb = operation.rawValue
    if access.isNever {
      let status = facts.uid == nil ? 401 : 403
      if let denial = access.plan.denials.first(where: { $0.when == nil }) {
        return (.denied, status, "\(denial.text) forbids it, whatever the record.")
      }
      return (.denied, status, "No @allow with \(verb) speaks to this caller.")
    }
    guard id != nil, operation != .create else { return outcomeForAll() }
    guard let row else { return (.denied, 404, "There is no such record, or it is deleted.") }
    return outcome(of: row)
  }

  /// Where no record was named.
  private func outcomeForAll() -> (
    verdict: Explanation.Verdict, status: Int?, decision: String
  ) {
    if operation == .create {
      // A rule of a mask takes some bodies and refuses others.
      if access.isUnconditional, let rule = plain, rule.mask == collection.allMembers {
        return (.allowed, 201, "\(rule.text) allows it for every record.")
      }
      return (.byRow, nil, "The record that is sent must be one that a rule accepts.")
    }
    // What may not be read is answered as if it were not there, whatever else is allowed.
    if reading.isNever {
      return (.denied, 404, "No @allow with READ speaks to this caller, so no record is found.")
    }
    if access.isUnconditional, reading.isUnconditional, let rule = plain,
      operation != .update || rule.mask == collection.allMembers
    {
      return (
        .allowed, operation == .delete ? 204 : 200, "\(rule.text) allows it for every record."
      )
    }
    return (
      .byRow, nil, "The rules below that speak to this caller decide for each record."
    )
  }

  /// A rule that allows every record.
  private var plain: Rule? {
    access.plan.rules.first { !$0.isAboutRow && $0.check == nil }
  }

  private func outcome(
    of row: Row
  ) -> (verdict: Explanation.Verdict, status: Int?, decision: String) {
    guard row.visible != nil else {
      let seen =
        "No rule lets this caller read the record, so it is answered as if it were not there."
      if operation == .read, let denial = row.judgement.denial {
        return (.denied, 404, "\(denial.text) hides it.")
      }
      return (.denied, 404, seen)
    }
    if let denial = row.judgement.denial {
      return (.denied, operation == .read ? 404 : 403, "\(denial.text) forbids it.")
    }
    guard let rule = row.judgement.rules.first else {
      return (
        .denied, 403, "The record may be read, but no @allow with \(operation.rawValue) holds."
      )
    }
    switch operation {
    case .update:
      return (
        .allowed, 200,
        "\(rule.text) allows it, if it also accepts the record as it will be and shows every field "
          + "that is named."
      )
    case .delete: return (.allowed, 204, "\(rule.text) allows it.")
    case .read, .create, .admin: return (.allowed, 200, "\(rule.text) allows it.")
    }
  }

  // MARK: The rules

  private func rules(_ row: Row?) -> [Explanation.Finding] {
    collection.rules.rules.filter { $0.operations.contains(operation) }.map { rule in
      let obstacle = collection.rules.obstacle(rule, facts)
      return Explanation.Finding(
        text: rule.text, location: rule.location, obstacle: obstacle,
        holds: obstacle != nil
          ? nil : row.map { row in row.judgement.rules.contains { $0.number == rule.number } },
        members: rule.mask == collection.allMembers ? nil : names(rule.mask), reason: nil)
    }
  }

  private func denials(_ row: Row?) -> [Explanation.Finding] {
    collection.rules.denials.filter { $0.operations.contains(operation) }.map { denial in
      let obstacle = collection.rules.obstacle(denial, facts)
      return Explanation.Finding(
        text: denial.text, location: denial.location, obstacle: obstacle,
        holds: obstacle != nil
          ? nil : row.map { row in row.judgement.denials.contains { $0.number == denial.number } },
        members: nil, reason: denial.reason)
    }
  }

  private func names(_ members: FieldSet) -> [String] {
    let fields = collection.fields
    return members.members.map {
      $0 < fields.count ? fields[$0].name : collection.model.inverses[$0 - fields.count].name
    }
  }

  private func members(_ row: Row?) -> (shown: [String], hidden: [String], sometimes: [String]) {
    let all = collection.allMembers
    if let row {
      let visible = row.visible ?? FieldSet()
      return (names(visible), names(all.subtracting(visible)), [])
    }
    if id != nil, operation != .create { return ([], names(all), []) }
    let plan = reading.plan
    guard !plan.isNever else { return ([], names(all), []) }
    let sometimes = plan.groups.reduce(FieldSet()) { $0.union($1.fields) }
    return (
      names(plan.always), names(all.subtracting(plan.always).subtracting(sometimes)),
      names(sometimes)
    )
  }

  // MARK: The statement

  /// The statement by which the caller reads what they operate on, and its query plan.
  private func statement(in reader: any Reader) async throws -> (String, [String]) {
    guard !reading.isNever else { return ("", []) }
    let sql: SQL
    if let id, operation != .create {
      sql = collection.pointTemplate(reading.plan).bound(reading.facts, nil, [.uuid(id)])
    } else {
      let order = SortOrder(collection, reading, query.sort)
      sql = collection.pageTemplate(query, viewer, order).bound(
        reading.facts, nil, [.int(51)])
    }
    if let prepare = reader.dialect.prepareExplain { try await reader.query(prepare) { _ in true } }
    let plan = try await reader.all(reader.dialect.explain(sql)) {
      $0.text(reader.dialect.planColumn)
    }
    return (sql.text, plan)
  }
}
