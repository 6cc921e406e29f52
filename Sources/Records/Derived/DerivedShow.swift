import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol

/// Writes the values of groups to the rows that have them: to fields of theirs, or as rows of a view.
///
/// It is a change by the server, in the log and in the streams. The version of a row and the time of
/// its last change stay where only derived fields differ: they tell what its people did to it.
struct DerivedShow {
  let source: DerivedSource
  let generation: Int64
  let path: WritePath
  let now: Timestamp

  private var target: CompiledCollection { source.target }

  /// What a group comes to.
  struct Group {
    let count: Int64
    let label: String?
    /// By the order of the measures.
    let values: [FieldValue]
  }

  /// Brings the rows of `keys` in step; returns how many were not.
  func run(_ keys: Set<UUID>, in transaction: any Transaction) async throws -> Int {
    var changed = 0
    var resolved = ResolvedRows()
    for (key, row, group) in try await pairs(keys, in: transaction) {
      if source.isView {
        if try await showRow(key, row, group, &resolved, in: transaction) { changed += 1 }
      } else if let row, try await showFields(row, group, &resolved, in: transaction) {
        changed += 1
      }
    }
    return changed
  }

  /// How many of the rows of `keys` are not in step.
  func differences(_ keys: Set<UUID>, in transaction: any Transaction) async throws -> Int {
    try await pairs(keys, in: transaction).count { _, row, group in
      guard let row, row.deletedAt == nil else { return source.isView && group != nil }
      guard !source.isView || group != nil else { return true }
      return zip(source.fields, values(group)).contains { row.values[$0] != $1 }
    }
  }

  /// The rows of `keys`, in the order of their ids, with what their groups come to.
  private func pairs(
    _ keys: Set<UUID>, in transaction: any Transaction
  ) async throws -> [(UUID, Record?, Group?)] {
    let sorted = keys.sorted()
    let groups = try await groups(sorted, in: transaction)
    var rows: [UUID: Record] = [:]
    let target = target
    try await DerivedLists.each(sorted) { list in
      // In their order, so that two writers lock them one way.
      try await transaction.query(
        target.selectManyForWrite[transaction.dialect, list.count], list
      ) { row in
        if let record = target.record(row) { rows[record.id] = record }
        return true
      }
    }
    return sorted.map { ($0, rows[$0], groups[$0]) }
  }

  private func values(_ group: Group?) -> [FieldValue] {
    group?.values
      ?? source.fields.map { field in
        target.fields[field].derivation?.measure.isZeroOfNothing == true ? .int(0) : .null
      }
  }

  // MARK: Fields

  private func showFields(
    _ row: Record, _ group: Group?, _ resolved: inout ResolvedRows,
    in transaction: any Transaction
  ) async throws -> Bool {
    guard row.deletedAt == nil else { return false }
    var new = row
    var changed: [Int] = []
    for (field, value) in zip(source.fields, values(group)) where row.values[field] != value {
      new.values[field] = value
      changed.append(field)
    }
    guard !changed.isEmpty else { return false }
    try await write(new, changed, "", in: transaction)
    try await path.attach(
      kind: .update, target, .system, before: row, after: new, changed: changed, &resolved,
      at: now, to: transaction)
    return true
  }

  private func write(
    _ row: Record, _ fields: [Int], _ others: SQL, in transaction: any Transaction
  ) async throws {
    let sets = fields.map { field -> SQL in
      "\(identifier: target.fields[field].name) = \(row.values[field].stored)"
    }.joined(by: ", ")
    try await transaction.post(
      "UPDATE \(target.table) SET \(sets)\(others) WHERE id = \(row.id)")
  }

  // MARK: Rows of a view

  private func showRow(
    _ key: UUID, _ row: Record?, _ group: Group?, _ resolved: inout ResolvedRows,
    in transaction: any Transaction
  ) async throws -> Bool {
    guard let group else {
      guard let row, row.deletedAt == nil else { return false }
      try await remove(row, &resolved, in: transaction)
      return true
    }
    var values = [FieldValue](repeating: .null, count: target.fields.count)
    for (field, value) in source.groupValues(group.label ?? "[]") { values[field] = value }
    for (field, value) in zip(source.fields, group.values) { values[field] = value }
    guard let row else {
      let clock = FieldClock(time: path.clock.tick(), client: .zero)
      let made = Record(
        id: key, version: 1, createdAt: now, updatedAt: now, deletedAt: nil, values: values,
        clocks: RowClocks(base: clock))
      try await transaction.post(target.insert, WritePath.row(made))
      try await path.attach(
        kind: .create, target, .system, before: nil, after: made, changed: [], &resolved, at: now,
        to: transaction)
      return true
    }
    let isBack = row.deletedAt != nil
    let changed = target.fields.indices.filter { isBack || row.values[$0] != values[$0] }
    guard !changed.isEmpty else { return false }
    var new = row
    new.values = values
    new.version += 1
    new.updatedAt = max(now, row.updatedAt)
    new.deletedAt = nil
    try await write(
      new, changed,
      """
      , version = \(new.version), \(identifier: "updatedAt") = \(new.updatedAt), \
      \(identifier: "deletedAt") = NULL
      """, in: transaction)
    try await path.attach(
      kind: isBack ? .create : .update, target, .system, before: isBack ? nil : row, after: new,
      changed: isBack ? [] : changed, &resolved, at: now, to: transaction)
    return true
  }

  private func remove(
    _ row: Record, _ resolved: inout ResolvedRows, in transaction: any Transaction
  ) async throws {
    var gone = row
    gone.version += 1
    gone.updatedAt = max(now, row.updatedAt)
    gone.deletedAt = gone.updatedAt
    try await transaction.post(
      """
      UPDATE \(target.table) SET version = \(gone.version), \
      \(identifier: "updatedAt") = \(gone.updatedAt), \(identifier: "deletedAt") = \(gone.updatedAt) \
      WHERE id = \(gone.id)
      """)
    try await path.attach(
      kind: .delete, target, .system, before: row, after: gone, changed: [], &resolved, at: now,
      to: transaction)
  }

  // MARK: What groups come to

  private struct Found {
    let count: Int64
    let sums: [Int128]
    let label: String?
    /// By the order of the measures; those that are none of a slot are missing.
    var numbers: [Int: Int64] = [:]
    var rows: [Int: UUID] = [:]
  }

  private func groups(
    _ keys: [UUID], in transaction: any Transaction
  ) async throws -> [UUID: Group] {
    var found: [UUID: Found] = [:]
    let measures = source.measures
    let statement = DerivedShow.select(of: source, generation)
    try await DerivedLists.each(keys) { list in
      let ids = list.map { value -> SQL in "\(value)" }.joined(by: ", ")
      try await transaction.query("\(statement) (\(ids))") { row in
        var group = Found(
          count: row.int64(1), sums: DerivedLists.sums(row.text(2)), label: row.optionalText(3))
        for (place, measure) in measures.enumerated() {
          switch measure.kind {
          case .count, .sum: continue
          case .extreme: group.numbers[place] = row.optionalInt64(4 + place)
          case .latest: group.rows[place] = row.uuid(4 + place)
          }
        }
        if let key = row.uuid(0) { found[key] = group }
        return true
      }
    }
    let images = try await source.source.images(
      Set(found.values.flatMap(\.rows.values)).sorted(), in: transaction)
    return found.mapValues { found in
      Group(
        count: found.count, label: found.label,
        values: measures.enumerated().map { value($0.offset, $0.element, found, images) })
    }
  }

  private func value(
    _ place: Int, _ measure: DerivedSource.Measure, _ found: Found, _ images: [UUID: RowImage]
  ) -> FieldValue {
    let field = target.fields[measure.field]
    switch measure.kind {
    case .count: return fit(Int128(found.count), field)
    case .sum(let sum): return fit(sum < found.sums.count ? found.sums[sum] : 0, field)
    case .extreme:
      return found.numbers[place].map { DerivedNumber.value($0, as: field.type) } ?? .null
    case .latest(_, let column):
      return found.rows[place].flatMap { images[$0] }?.value(column) ?? .null
    }
  }

  /// A number that its field cannot hold is null: a wrong one would look right.
  ///
  /// A required field has the nearest that it can hold.
  private func fit(_ number: Int128, _ field: Field) -> FieldValue {
    let range: ClosedRange<Int128> =
      field.type == .int
      ? Int128(Int32.min)...Int128(Int32.max) : Int128(Int64.min)...Int128(Int64.max)
    if !range.contains(number), !field.isRequired { return .null }
    return .int(Int64(clamping: min(max(number, range.lowerBound), range.upperBound)))
  }

  private static func select(of source: DerivedSource, _ generation: Int64) -> SQL {
    var columns: [SQL] = ["t.key", "t.count", "t.sums", "t.label"]
    for measure in source.measures {
      let slot: Int
      let what: SQL
      let order: SQL
      switch measure.kind {
      case .count, .sum:
        columns.append("NULL")
        continue
      case .extreme(let number, let isGreatest):
        (slot, what, order) = (number, "value", isGreatest ? "value DESC" : "value")
      case .latest(let number, _):
        (slot, what, order) = (number, "id", "value DESC, e.id DESC")
      }
      columns.append(
        """
        (SELECT e.\(what) FROM roost_derived_extreme e WHERE e.source = t.source \
        AND e.slot = \(SQL.constant(Int64(slot))) AND e.key = t.key ORDER BY e.\(order) LIMIT 1)
        """)
    }
    return """
      SELECT \(columns.joined(by: ", ")) FROM roost_derived_total t \
      WHERE t.source = \(generation) AND t.key IN
      """
  }
}

extension CompiledCollection {
  /// The live rows of `ids` as rules see them.
  func images(_ ids: [UUID], in reader: any Reader) async throws -> [UUID: RowImage] {
    var images: [UUID: RowImage] = [:]
    images.reserveCapacity(ids.count)
    try await DerivedLists.each(ids) { list in
      try await reader.query(selectManyLive[reader.dialect, list.count], list) { row in
        let image = image(row)
        images[image.id] = image
        return true
      }
    }
    return images
  }
}
