import Queries
import RoostCore
import Rules
import Schema

/// Brings the parts and totals of one generation in step with rows of the source as they are now.
///
/// What a row added before is written down beside what it adds, so that the difference is exact
/// whatever happened in between, and looking at a row twice changes nothing.
struct DerivedSync {
  let source: DerivedSource
  let generation: Int64

  /// What changes in one group.
  private struct Delta {
    var count: Int64 = 0
    var sums: [Int128]
    var label: String?
  }

  private struct Changes {
    var parts: [[Value]] = []
    var gone: [Value] = []
    var deltas: [UUID: Delta] = [:]
    var added: [[Value]] = []
    var removed: [[Value]] = []
    /// Groups whose values may be others now.
    var touched: Set<UUID> = []
  }

  /// `rows` are the live ones among `ids`; returns the groups whose values may be others now.
  func run(
    _ ids: [UUID], _ rows: [UUID: RowImage], in transaction: any Transaction
  ) async throws -> Set<UUID> {
    let known = try await parts(of: ids, in: transaction)
    var changes = Changes()
    for id in ids {
      let old = known[id]
      let new = rows[id].flatMap { source.part(of: $0) }
      if old != new?.part {
        change(id, from: old, to: new?.part, label: new?.label, &changes)
      } else if source.readsRows, let old {
        changes.touched.insert(old.key)
      }
    }
    try await write(changes, in: transaction)
    return changes.touched
  }

  private func change(
    _ id: UUID, from old: DerivedPart?, to new: DerivedPart?, label: String?,
    _ changes: inout Changes
  ) {
    if let old {
      count(old, -1, nil, &changes)
      changes.touched.insert(old.key)
    }
    if let new {
      count(new, 1, label, &changes)
      changes.touched.insert(new.key)
      changes.parts.append([.int(generation), .uuid(id), .uuid(new.key), .text(new.held)])
    } else {
      changes.gone.append(.uuid(id))
    }
    for slot in source.ordered {
      let before = old.flatMap { part in part.values[slot].map { (part.key, $0) } }
      let after = new.flatMap { part in part.values[slot].map { (part.key, $0) } }
      if before?.0 == after?.0, before?.1 == after?.1 { continue }
      func row(_ entry: (UUID, Int64)) -> [Value] {
        [.int(generation), .int(Int64(slot)), .uuid(entry.0), .int(entry.1), .uuid(id)]
      }
      if let before { changes.removed.append(row(before)) }
      if let after { changes.added.append(row(after)) }
    }
  }

  private func count(
    _ part: DerivedPart, _ sign: Int64, _ label: String?, _ changes: inout Changes
  ) {
    var delta =
      changes.deltas[part.key]
      ?? Delta(sums: [Int128](repeating: 0, count: source.summed.count))
    delta.count += sign
    delta.label = label ?? delta.label
    for (place, slot) in source.summed.enumerated() {
      delta.sums[place] += Int128(sign) * Int128(part.values[slot] ?? 0)
    }
    changes.deltas[part.key] = delta
  }

  // MARK: Stored

  private func parts(
    of ids: [UUID], in transaction: any Transaction
  ) async throws -> [UUID: DerivedPart] {
    var parts: [UUID: DerivedPart] = [:]
    let slots = source.slots.count
    try await DerivedLists.each(ids) { list in
      try await transaction.query(
        DerivedLists.parts[transaction.dialect, list.count], [.int(generation)] + list
      ) { row in
        guard let id = row.uuid(0), let key = row.uuid(1) else { return true }
        parts[id] = DerivedPart(key: key, held: row.text(2), slots: slots)
        return true
      }
    }
    return parts
  }

  private func write(_ changes: Changes, in transaction: any Transaction) async throws {
    try await DerivedLists.putPart.run(changes.parts, in: transaction)
    try await DerivedLists.each(changes.gone) { list in
      try await transaction.post(
        DerivedLists.removeParts[transaction.dialect, list.count], [.int(generation)] + list)
    }
    for row in changes.removed {
      try await transaction.post(DerivedLists.removeExtreme, row)
    }
    try await DerivedLists.putExtreme.run(changes.added, in: transaction)
    try await add(changes.deltas, in: transaction)
  }

  private func add(_ deltas: [UUID: Delta], in transaction: any Transaction) async throws {
    var totals = deltas
    try await DerivedLists.each(deltas.keys.sorted()) { list in
      try await transaction.query(
        DerivedLists.totals[transaction.dialect, list.count], [.int(generation)] + list
      ) { row in
        guard let key = row.uuid(0), var total = deltas[key] else { return true }
        total.count += row.int64(1)
        let sums = DerivedLists.sums(row.text(2))
        for place in total.sums.indices where place < sums.count {
          total.sums[place] += sums[place]
        }
        total.label = row.optionalText(3) ?? total.label
        totals[key] = total
        return true
      }
    }
    var rows: [[Value]] = []
    var empty: [Value] = []
    for (key, total) in totals.sorted(by: { $0.key < $1.key }) {
      guard total.count > 0 else {
        empty.append(.uuid(key))
        continue
      }
      rows.append([
        .int(generation), .uuid(key), .int(total.count),
        .text(DerivedLists.text(of: total.sums)), .optional(total.label),
      ])
    }
    try await DerivedLists.putTotal.run(rows, in: transaction)
    try await DerivedLists.each(empty) { list in
      try await transaction.post(
        DerivedLists.removeTotals[transaction.dialect, list.count], [.int(generation)] + list)
    }
  }
}

/// The statements of derived data, with lists of identifiers.
enum DerivedLists {
  /// Calls `body` with pieces of `ids`, filled up to one of the lengths of `PaddedList`.
  static func each(_ ids: [UUID], _ body: ([Value]) async throws -> Void) async throws {
    try await each(ids.map { .uuid($0) }, body)
  }

  static func each(_ values: [Value], _ body: ([Value]) async throws -> Void) async throws {
    var rest = values[...]
    while !rest.isEmpty {
      try await body(PaddedList.padded(Array(rest.prefix(PaddedList.largest))))
      rest = rest.dropFirst(PaddedList.largest)
    }
  }

  /// Sums from their text; most fit 64 bits, which are read and written much faster.
  static func sums(_ text: String) -> [Int128] {
    text.split(separator: ",").map { part in
      Int64(part).map { Int128($0) } ?? Int128(String(part)) ?? 0
    }
  }

  static func text(of sums: [Int128]) -> String {
    sums.map { sum in Int64(exactly: sum).map { "\($0)" } ?? "\(sum)" }.joined(separator: ",")
  }

  static let parts = PaddedStatement { _, count in
    """
    SELECT id, key, held FROM roost_derived_part WHERE source = \(SQL.placeholder) \
    AND id IN (\(PaddedList.placeholders(count)))
    """
  }
  static let removeParts = PaddedStatement { _, count in
    """
    DELETE FROM roost_derived_part WHERE source = \(SQL.placeholder) \
    AND id IN (\(PaddedList.placeholders(count)))
    """
  }
  static let totals = PaddedStatement { _, count in
    """
    SELECT key, count, sums, label FROM roost_derived_total WHERE source = \(SQL.placeholder) \
    AND key IN (\(PaddedList.placeholders(count)))
    """
  }
  static let removeTotals = PaddedStatement { _, count in
    """
    DELETE FROM roost_derived_total WHERE source = \(SQL.placeholder) \
    AND key IN (\(PaddedList.placeholders(count)))
    """
  }
  static let putPart = WideInsert(
    "INSERT INTO roost_derived_part (source, id, key, held) VALUES ", columns: 4,
    " ON CONFLICT (source, id) DO UPDATE SET key = excluded.key, held = excluded.held")
  static let putTotal = WideInsert(
    "INSERT INTO roost_derived_total (source, key, count, sums, label) VALUES ", columns: 5,
    """
     ON CONFLICT (source, key) DO UPDATE SET count = excluded.count, sums = excluded.sums, \
    label = excluded.label
    """)
  static let putExtreme = WideInsert(
    "INSERT INTO roost_derived_extreme (source, slot, key, value, id) VALUES ", columns: 5,
    " ON CONFLICT DO NOTHING")
  static let removeExtreme = Statement(
    """
    DELETE FROM roost_derived_extreme WHERE source = \(SQL.placeholder) \
    AND slot = \(SQL.placeholder) AND key = \(SQL.placeholder) AND value = \(SQL.placeholder) \
    AND id = \(SQL.placeholder)
    """)
}
