import Queries
import RoostCore
import Rules
import Schema

/// The rows of a page, found by each alternative of the rules for itself.
///
/// Several rules joined by OR make the engine read every row that any of them shows, and sort them.
/// Here each alternative is read in the order of the list and no further than the page, so that a page
/// costs as many rows as it has, times the number of alternatives. Only ids and sort keys are
/// compared; the rows of the page are fetched at the end, and their masks tested then.
struct PageStatement {
  /// Alternatives beyond which the rules are joined by OR all the same.
  static let maximumAlternatives = 12
  /// Rows that a rule leads to (teams of a member) up to which the rows of each are read by itself.
  static let maximumRanges = 16
  /// Numbers of ranges that statements are made for.
  static let sizes = [1, 2, 4, 8, 12, 16]

  let collection: CompiledCollection
  let access: Access
  let order: SortOrder
  /// The rules that are read one by one; empty where one condition serves.
  let rules: [Rule]

  init(_ collection: CompiledCollection, _ access: Access, _ order: SortOrder) {
    self.collection = collection
    self.access = access
    self.order = order
    let plan = access.plan
    let rules = plan.isNever ? [] : plan.alternatives(apart: order.apart)
    self.rules = rules.count > PageStatement.maximumAlternatives ? [] : rules
  }

  // MARK: Ranges

  /// The references of rows by which each rule holds, as far as they are few; in the order of `rules`.
  struct Ranges: Sendable {
    fileprivate(set) var values: [[Value]?]

    /// How many ranges each rule is read in; 0 for one condition.
    var sizes: [Int] { values.map { $0?.count ?? 0 } }
    /// The values of all rules, one behind the other.
    var arguments: [Value] { values.flatMap { $0 ?? [] } }
  }

  /// No rule in ranges.
  var whole: Ranges { Ranges(values: rules.map { _ in nil }) }

  /// Whether a look at what the rules lead to comes before the page.
  func hasRanges(_ query: ListQuery) -> Bool {
    query.search == nil && rules.indices.contains { isHop($0, query) }
  }

  /// Whether what a rule leads to is looked up first: it begins with a reference that the list itself
  /// says nothing about.
  private func isHop(_ index: Int, _ query: ListQuery) -> Bool {
    guard let field = rules[index].firstReference, query.parent?.field != field else {
      return false
    }
    guard let filter = query.filter else { return true }
    return !filter.conjuncts.contains { $0.operands.contains(.column(.field(field))) }
  }

  /// Looks up what the rules lead to.
  func ranges(_ query: ListQuery, in reader: any Reader) async throws -> Ranges {
    var ranges = whole
    guard query.search == nil else { return ranges }
    for index in rules.indices where isHop(index, query) {
      let rule = rules[index]
      let look = collection.statements.statement(.reached(rule: rule.number), access.plan) {
        collection.writer.reached(by: rule, access.plan) + Template(" LIMIT ") + .argument(0)
      }
      var found: [Value] = []
      let limit = PageStatement.maximumRanges + 1
      try await reader.query(
        look.statement, look.values(access.facts, nil, [.int(Int64(limit))])
      ) { row in
        found.append(row.value(0))
        return true
      }
      guard found.count < limit else { continue }
      let distinct = Array(Set(found))
      // NULL is no reference: it stands for none.
      let last = distinct.last ?? .null
      let size = PageStatement.sizes.first { $0 >= distinct.count } ?? PageStatement.maximumRanges
      ranges.values[index] = (0..<size).map { $0 < distinct.count ? distinct[$0] : last }
    }
    return ranges
  }

  // MARK: The statement

  /// Where a statement finds its arguments.
  struct Arguments {
    /// The number of the argument that is the number of rows.
    let limit: Int
    /// The first argument of the place and which of its values are null; nil from the beginning.
    var place: (first: Int, nulls: [Bool])?
    /// The first of the ranges' values.
    var ranges = 0
  }

  /// The statement; `narrowing` gives what the list asks for beside its place, written by a writer that
  /// knows which rule holds.
  func template(
    _ arguments: Arguments, _ sizes: [Int],
    narrowing: (PredicateWriter.Alternative?) -> [Template]
  ) -> Template {
    let source = collection.source
    let head =
      Template("SELECT ") + RowShape.columns(collection, access.plan)
    guard rules.count > 1 || sizes.contains(where: { $0 > 1 }) else {
      var narrowing = narrowing(nil)
      if let place = arguments.place {
        narrowing.append(order.condition(place.nulls, first: place.first))
      }
      return head + order.furtherColumns + collection.conditions(access, narrowing)
        + Template(" ORDER BY ") + order.clause + Template(" LIMIT ")
        + .argument(arguments.limit)
    }
    var columns = head
    for name in order.furtherNames { columns += Template(", p.\(name)") }
    // Named before they are used, since SQLite's parser takes only so many brackets in each other.
    var tables = Template("WITH ")
    var union: [Template] = []
    for (index, part) in parts(arguments, sizes, narrowing).enumerated() {
      guard let limited = part.limited else {
        union.append(part.rows)
        continue
      }
      tables += Template("a\(SQL.constant(Int64(index))) AS (") + limited + Template("), ")
      union.append(Template("SELECT * FROM a\(SQL.constant(Int64(index)))"))
    }
    return tables + Template("p AS (") + union.joined(by: " UNION ")
      + Template(" ORDER BY \(order.namedClause(nil)) LIMIT ") + .argument(arguments.limit)
      + Template(") ") + columns
      + Template(
        """
         FROM p CROSS JOIN \(collection.table) AS \(source.name) WHERE \(source.name).id = p.id \
        ORDER BY \(order.namedClause("p"))
        """)
  }

  /// The ids and sort keys of an alternative, or of one of its ranges.
  private struct Part {
    let rows: Template
    /// The first of them in the order of the list, where they have a limit of their own.
    let limited: Template?
  }

  private func parts(
    _ arguments: Arguments, _ sizes: [Int],
    _ narrowing: (PredicateWriter.Alternative?) -> [Template]
  ) -> [Part] {
    let writer = collection.writer
    let source = collection.source
    var parts: [Part] = []
    var next = arguments.ranges
    for (rule, size) in zip(rules, sizes) {
      let alternative = PredicateWriter.Alternative(access.plan, rule, apart: order.apart)
      let order = order.of(alternative)
      var conditions = narrowing(alternative)
      if let place = arguments.place {
        conditions.append(order.condition(place.nulls, first: place.first))
      }
      let select =
        Template("SELECT \(source.name).id AS id") + order.namedColumns
        + Template(" FROM \(collection.table) AS \(source.name) WHERE \(source.isLive) AND ")
      let hop = size > 0 ? rule.firstReference : nil
      for _ in 0..<max(1, size) {
        var path: Template?
        if let hop {
          path =
            writer.raw(.field(hop), collection.index, source.source) + Template(" = ")
            + .argument(next)
          next += 1
        }
        let rows =
          select + writer.predicate(alternative, source.source, path: path, narrowing: conditions)
        let limited =
          rows + Template(" ORDER BY ") + order.clause + Template(" LIMIT ")
          + .argument(arguments.limit)
        parts.append(
          Part(rows: rows, limited: isMerged(rule, isRange: hop != nil) ? nil : limited))
      }
    }
    return parts
  }

  /// Whether an alternative may be left without a limit of its own.
  ///
  /// Where parts of a UNION are read side by side and no further than its limit, limits of their own
  /// cost half as much again with eleven parts. Ids are the order of every index behind its columns.
  private func isMerged(_ rule: Rule, isRange: Bool) -> Bool {
    collection.writer.dialect.mergesOrderedUnions && order.keys.count == 1
      && (isRange || rule.path?.steps.isEmpty != false)
  }
}
