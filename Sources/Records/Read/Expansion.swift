import Queries
import RoostCore
import Rules
import Schema

/// A relation whose records are answered in place of their ids, with what is expanded in them.
package struct Expansion: Sendable {
  /// The most records that `expand` puts into one record for one inverse relation.
  package static let inverseRows = 50
  /// Relations that a path of `expand` follows.
  package static let maximumHops = 3

  /// The field's index, or behind the fields that of an inverse.
  package let member: Int
  /// The index of the collection that it leads to.
  package let target: Int
  /// The referring field of the target, for an inverse relation.
  package let inverse: Int?
  package var children: [Expansion]

  package init(member: Int, target: Int, inverse: Int?, children: [Expansion] = []) {
    self.member = member
    self.target = target
    self.inverse = inverse
    self.children = children
  }
}

/// Puts the records of relations into the records of an answer, under the rules of their own
/// collections.
struct Expander {
  /// Records that one answer may take in beside its own.
  private static let maximumRows = 5000
  /// Bytes that are read and written for one answer.
  ///
  /// A record that many refer to is written into each of them, and each time counts.
  private static let maximumBytes = 16_777_216
  private static let idsAtOnce = [1, 8, 64]

  /// A row with the members that are shown of it.
  struct Row {
    let image: RowImage
    let flags: UInt64
  }

  let viewer: RecordReader
  let reader: any Reader
  private var count = 0
  private var bytes = 0
  /// The ids, versions and shown members of what was taken in: they are part of what a client holds.
  private(set) var digest: [UInt8] = []

  init(viewer: RecordReader, reader: any Reader) {
    self.viewer = viewer
    self.reader = reader
  }

  /// Writes `rows` of a collection, each as a JSON object.
  mutating func write(
    _ rows: [Row], of collection: CompiledCollection, _ shown: ShownMembers
  ) async throws -> [[UInt8]] {
    let shape = RowShape(collection, viewer.access(collection), shown.selection)
    var replaced = [[Int: [UInt8]]](repeating: [:], count: rows.count)
    for expansion in shown.expansions {
      let found =
        expansion.inverse == nil
        ? try await referenced(expansion, by: rows, shape)
        : try await referring(expansion, to: rows, shape)
      for (index, json) in found { replaced[index][expansion.member] = json }
    }
    var written: [[UInt8]] = []
    written.reserveCapacity(rows.count)
    for index in rows.indices {
      try spend(replaced[index].values.reduce(0) { $0 + $1.count })
      var json = JSONWriter(capacity: 512)
      collection.write(rows[index].image, shape.selection, replaced: replaced[index], to: &json) {
        shape.isShown($0, rows[index].flags)
      }
      written.append(json.bytes)
    }
    return written
  }

  private mutating func spend(_ more: Int) throws {
    bytes += more
    guard bytes <= Expander.maximumBytes else { throw Expander.tooMuch }
  }

  private static var tooMuch: RoostError {
    RoostError.invalid(
      "?expand", "too_many",
      "expand would make the answer too large: lower limit, or ask for the relation by itself.")
  }

  private mutating func take(_ rows: Int) throws {
    count += rows
    guard count <= Expander.maximumRows else {
      throw RoostError.invalid(
        "?expand", "too_many",
        "expand would put more than \(Expander.maximumRows) records into the answer: lower limit, "
          + "or ask for the relation by itself.")
    }
  }

  private mutating func note(_ rows: [Row], _ shape: RowShape) {
    if !rows.isEmpty { digest += shape.collection.shape.utf8 }
    for row in rows {
      digest += row.image.id.bytes
      withUnsafeBytes(of: row.image.version.littleEndian) { digest += $0 }
      for member in shape.members(row.flags)?.members ?? [] {
        withUnsafeBytes(of: Int32(truncatingIfNeeded: member).littleEndian) { digest += $0 }
      }
    }
  }

  /// The record behind a reference of each row; a hidden one stays an id.
  private mutating func referenced(
    _ expansion: Expansion, by rows: [Row], _ shape: RowShape
  ) async throws -> [(Int, [UInt8])] {
    let target = viewer.catalogue.collections[expansion.target]
    let access = viewer.access(target)
    guard !access.isNever else { return [] }
    var wanted: [UUID: [Int]] = [:]
    var order: [UUID] = []
    for (index, row) in rows.enumerated() where shape.isShown(expansion.member, row.flags) {
      guard case .uuid(let id) = row.image.values[expansion.member] else { continue }
      if wanted[id] == nil { order.append(id) }
      wanted[id, default: []].append(index)
    }
    let found = try await load(order, of: target, access)
    try take(found.count)
    note(found, RowShape(target, access))
    var inner = ShownMembers()
    inner.expansions = expansion.children
    let written = try await write(found, of: target, inner)
    var result: [(Int, [UInt8])] = []
    for (row, json) in zip(found, written) {
      for index in wanted[row.image.id] ?? [] { result.append((index, json)) }
    }
    return result
  }

  private mutating func load(
    _ ids: [UUID], of collection: CompiledCollection, _ access: Access
  ) async throws -> [Row] {
    let shape = RowShape(collection, access)
    var rows: [Row] = []
    var rest = ids[...]
    while let last = rest.last {
      // Few sizes make few statements; the last id fills up.
      let size =
        Expander.idsAtOnce.first { $0 >= rest.count } ?? Expander.idsAtOnce[2]
      let portion = Array(rest.prefix(size))
      rest = rest.dropFirst(portion.count)
      let arguments = (0..<size).map { Value.uuid($0 < portion.count ? portion[$0] : last) }
      let statement = collection.byIDs(access, count: size)
      try await reader.query(
        statement.statement, statement.values(access.facts, nil, arguments)
      ) { row in
        try spend(collection.byteCount(row))
        rows.append(Row(image: collection.image(row), flags: shape.flags(row)))
        return true
      }
    }
    return rows
  }

  /// The first records that refer to each row, as a list.
  private mutating func referring(
    _ expansion: Expansion, to rows: [Row], _ shape: RowShape
  ) async throws -> [(Int, [UInt8])] {
    guard let field = expansion.inverse else { return [] }
    let target = viewer.catalogue.collections[expansion.target]
    let access = viewer.access(target)
    let inner = RowShape(target, access)
    var shown = ShownMembers()
    shown.expansions = expansion.children
    var result: [(Int, [UInt8])] = []
    for (index, row) in rows.enumerated() where shape.isShown(expansion.member, row.flags) {
      var found: [Row] = []
      if !access.isNever {
        let statement = target.referring(access, field: field)
        let arguments: [Value] = [.uuid(row.image.id), .int(Int64(Expansion.inverseRows))]
        try await reader.query(
          statement.statement, statement.values(access.facts, nil, arguments)
        ) { row in
          try spend(target.byteCount(row))
          found.append(Row(image: target.image(row), flags: inner.flags(row)))
          return true
        }
      }
      try take(found.count)
      note(found, inner)
      var json = JSONWriter(capacity: 256)
      json.beginArray()
      for record in try await write(found, of: target, shown) { json.raw(record) }
      json.endArray()
      result.append((index, json.bytes))
    }
    return result
  }
}
