import Queries
import RoostCore
import Rules
import Schema

/// The statements of reads: live rows that a caller may read.
///
/// What narrows a list (its filter, its place, its parent) goes into each alternative of the rules,
/// so that the engine finds an index for each with all that is known.
extension CompiledCollection {
  /// A statement ready to run.
  enum Runnable {
    case prepared(Statement, [Value])
    case text(SQL)
  }

  func point(_ access: Access) -> PreparedTemplate {
    statements.statement(.point, access.plan) { pointTemplate(access.plan) }
  }

  /// The row whose id is the argument.
  func pointTemplate(_ plan: AccessPlan) -> Template {
    Template("SELECT ") + RowShape.columns(self, plan)
      + Template(" FROM \(table) AS \(source.name) WHERE \(source.name).id = ") + .argument(0)
      + Template(" AND \(source.isLive) AND ") + writer.predicate(plan, source.source)
  }

  /// Selects a row without columns if it is live and allowed.
  func existence(_ access: Access) -> PreparedTemplate {
    statements.statement(.existence, access.plan) {
      Template("SELECT 1 FROM \(table) AS \(source.name) WHERE \(source.name).id = ")
        + .argument(0) + Template(" AND \(source.isLive) AND ")
        + writer.predicate(access.plan, source.source)
        + Template(writer.dialect.forShare(of: source.name))
    }
  }

  /// The rows among `count` ids, as arguments, that stay as they are until the commit.
  func existence(_ access: Access, among count: Int) -> PreparedTemplate {
    statements.statement(.existences(count: count), access.plan) {
      let ids = (0..<count).map { Template.argument($0) }.joined(by: ", ")
      return Template("SELECT 1 FROM \(table) AS \(source.name) WHERE \(source.name).id IN (")
        + ids + Template(") AND \(source.isLive) AND ")
        + writer.predicate(access.plan, source.source)
        + Template(" ORDER BY \(source.name).id\(writer.dialect.forShare(of: source.name))")
    }
  }

  /// The rows with `count` ids, as arguments.
  func byIDs(_ access: Access, count: Int) -> PreparedTemplate {
    statements.statement(.byIDs(count: count), access.plan) {
      let ids = (0..<count).map { Template.argument($0) }.joined(by: ", ")
      return Template("SELECT ") + RowShape.columns(self, access.plan)
        + Template(" FROM \(table) AS \(source.name) WHERE \(source.name).id IN (") + ids
        + Template(") AND \(source.isLive) AND ")
        + writer.predicate(access.plan, source.source)
    }
  }

  /// The rows that refer to one by `field`, in the order of ids: the id and the number of rows are
  /// the arguments.
  func referring(_ access: Access, field: Int) -> PreparedTemplate {
    statements.statement(.referring(field: field), access.plan) {
      let page = PageStatement(self, access, SortOrder(self, access, [.id]))
      return page.template(PageStatement.Arguments(limit: 1), page.whole.sizes) { alternative in
        reference(field, .argument(0), access, alternative)
      }
    }
  }

  /// That a row refers to `id`, and shows it.
  ///
  /// Masked too: the list of a row's relation must not tell what a field hides, nor a row whose
  /// reference is hidden take up a place among the others.
  private func reference(
    _ field: Int, _ id: Template, _ access: Access, _ alternative: PredicateWriter.Alternative?
  ) -> [Template] {
    let masked = PredicateWriter(
      model: rules.model, dialect: writer.dialect, alternative: alternative)
    let reference = writer.raw(.field(field), index, source.source)
    let shown = masked.shown(.field(field), access, source.source)
    let test = reference + Template(" = ") + id
    return shown == reference ? [test] : [test, shown + Template(" = ") + id]
  }

  /// A page of a list; one row more than its limit, to see whether there are others.
  func page(
    _ query: ListQuery, _ reader: RecordReader, _ statement: PageStatement,
    _ ranges: PageStatement.Ranges
  ) -> Runnable {
    let access = statement.access
    let order = statement.order
    let place = query.after.map { ($0.values ?? []) + [.uuid($0.id)] } ?? []
    let nulls = query.after.map { ($0.values ?? []).map { $0 == .null } + [false] }
    let arguments = [.int(Int64(query.limit) + 1)] + place + ranges.arguments
    // Orders of several keys are a caller's choice of very many: their statements are not kept.
    guard query.filter == nil, query.search == nil, query.parent == nil, order.keys.count <= 2
    else {
      return .text(
        pageTemplate(query, reader, statement, ranges, nulls)
          .bound(access.facts, nil, arguments))
    }
    let use = StatementShapes.Use.list(sort: order.keys, nulls: nulls, ranges: ranges.sizes)
    let prepared = statements.statement(use, access.plan) {
      pageTemplate(query, reader, statement, ranges, nulls)
    }
    return .prepared(prepared.statement, prepared.values(access.facts, nil, arguments))
  }

  /// A page whose number of rows is the first argument, with the place behind which it begins in those
  /// that follow, and the values of the ranges behind them.
  func pageTemplate(
    _ query: ListQuery, _ reader: RecordReader, _ statement: PageStatement,
    _ ranges: PageStatement.Ranges, _ nulls: [Bool]? = nil
  ) -> Template {
    let arguments = PageStatement.Arguments(
      limit: 0, place: nulls.map { (1, $0) }, ranges: 1 + (nulls?.count ?? 0))
    return statement.template(arguments, ranges.sizes) { narrowing(query, reader, $0) }
  }

  /// Counts the rows of a list, up to `limit` where there is one.
  func counting(_ query: ListQuery, _ reader: RecordReader, limit: Int?) -> Runnable {
    let access = reader.access(self)
    func template() -> Template {
      let rows = conditions(access, narrowing(query, reader))
      guard let limit else { return Template("SELECT count(*)") + rows }
      return Template("SELECT count(*) FROM (SELECT 1") + rows + Template(" LIMIT ")
        + .slot(.value(.int(Int64(limit)))) + Template(") AS counted")
    }
    guard query.filter == nil, query.search == nil, query.parent == nil, limit == nil else {
      return .text(template().bound(access.facts))
    }
    let prepared = statements.statement(.count, access.plan, template)
    return .prepared(prepared.statement, prepared.values(access.facts))
  }

  /// The table that statements select from.
  var source: PredicateWriter.Table { PredicateWriter.Table(number: 0) }

  func conditions(_ access: Access, _ narrowing: [Template]) -> Template {
    let inner =
      narrowing.isEmpty
      ? nil
      : narrowing.map { Template("(") + $0 + Template(")") }.joined(by: " AND ")
    return Template(" FROM \(table) AS \(source.name) WHERE \(source.isLive) AND ")
      + writer.predicate(access.plan, source.source, narrowing: inner)
  }

  /// What a list asks for beside its place, under the masks of its reader, of rows for which an
  /// alternative of the rules is known to hold.
  private func narrowing(
    _ query: ListQuery, _ reader: RecordReader, _ alternative: PredicateWriter.Alternative? = nil
  ) -> [Template] {
    var parts: [Template] = []
    if let parent = query.parent {
      parts += reference(
        parent.field, .slot(.value(.uuid(parent.id))), reader.access(self), alternative)
    }
    if let filter = query.filter {
      let masked = PredicateWriter(
        model: rules.model, dialect: writer.dialect, readAccess: { reader.access($0) },
        alternative: alternative)
      parts.append(masked.expression(filter, index, source.source, isPositive: true))
    }
    if let search = query.search {
      parts.append(searching(search, reader.access(self)))
    }
    return parts
  }

  /// The rows that a search finds by what the reader sees of them.
  ///
  /// Members that some rows show and others do not are searched with the rest where they are shown:
  /// an alternative for each set of them.
  private func searching(_ search: SearchQuery, _ access: Access) -> Template {
    let plan = access.plan
    func match(_ fields: [Int]) -> Template {
      searchTemplate(search, fields: fields)
    }
    let always = searchableFields.filter { plan.visibility($0) == .always }
    let groups = plan.groups.indices.filter { group in
      searchableFields.contains { plan.groups[group].fields.contains($0) }
    }
    guard groups.count <= CompiledCollection.searchedGroups else {
      return searchingEachTerm(search, always, groups, plan)
    }
    var alternatives: [Template] = []
    for bits in 0..<(1 << groups.count) {
      let chosen = groups.indices.filter { bits & 1 << $0 != 0 }.map { groups[$0] }
      let fields =
        always
        + searchableFields.filter { field in
          chosen.contains { plan.groups[$0].fields.contains(field) }
        }
      guard !fields.isEmpty else { continue }
      let flags = chosen.map { writer.flag($0, plan, source.source) }
      alternatives.append(
        Template("(") + (flags + [match(fields)]).joined(by: " AND ") + Template(")"))
    }
    if alternatives.isEmpty { return match([]) }
    return Template("(") + alternatives.joined(by: " OR ") + Template(")")
  }

  /// The same where the groups are many: each term by itself, in what every row shows or in a group
  /// that the row shows.
  ///
  /// A term lies in one field, so this finds what the sets of groups would, and grows with their
  /// number alone; it asks the index of words once for each term and group.
  private func searchingEachTerm(
    _ search: SearchQuery, _ always: [Int], _ groups: [Int], _ plan: AccessPlan
  ) -> Template {
    search.single.map { term in
      func match(_ fields: [Int]) -> Template {
        searchTemplate(term, fields: fields)
      }
      var places = always.isEmpty ? [] : [match(always)]
      for group in groups {
        let fields = searchableFields.filter { plan.groups[group].fields.contains($0) }
        places.append(
          Template("(") + writer.flag(group, plan, source.source) + Template(" AND ")
            + match(fields) + Template(")"))
      }
      return Template("(") + places.joined(by: " OR ") + Template(")")
    }.joined(by: " AND ")
  }

  /// Groups up to which there is an alternative for each set of them: as many as the powers of two.
  private static let searchedGroups = 4
}

extension Reader {
  func query(_ runnable: CompiledCollection.Runnable, _ row: (any Row) throws -> Bool) async throws
  {
    switch runnable {
    case .prepared(let statement, let values): try await query(statement, values, row)
    case .text(let sql): try await query(sql, row)
    }
  }

  func count(_ runnable: CompiledCollection.Runnable) async throws -> Int64 {
    var count: Int64 = 0
    try await query(runnable) { row in
      count = row.int64(0)
      return false
    }
    return count
  }
}
