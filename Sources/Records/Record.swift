import Queries
package import RoostCore
import Rules
package import Schema

/// A row in memory with its clocks: what a write works on.
package struct Record: Sendable {
  package let id: UUID
  /// Counts the row's changes, from 1.
  package var version: Int64
  package var createdAt: Timestamp
  package var updatedAt: Timestamp
  package var deletedAt: Timestamp?
  /// The value of each stored field, by index.
  package var values: [FieldValue]
  var clocks: RowClocks
}

extension FieldValue {
  /// The form in which the value is bound.
  var stored: Value { Value(self) }
}

extension Record {
  /// The row as rules see it.
  func image(_ collection: CompiledCollection) -> RowImage {
    RowImage(
      collection: collection.index, id: id, version: version, createdAt: createdAt,
      updatedAt: updatedAt, isDeleted: deletedAt != nil, values: values)
  }
}

extension StoredKind {
  /// The value in a column.
  @inline(__always)
  func value(_ column: Int, in row: any Row) -> FieldValue {
    if row.isNull(column) { return .null }
    switch self {
    case .bool: return .bool(row.bool(column))
    case .int, .timestamp, .duration, .int64: return .int(row.int64(column))
    case .double: return .double(row.double(column))
    case .text: return .text(row.text(column))
    case .uuid: return row.uuid(column).map { .uuid($0) } ?? .null
    case .json, .formattedList:
      var value: JSON?
      // What is stored was valid when it was written; a damaged value reads as null.
      row.withBytes(column) { value = try? JSON.parseResult($0, maxDepth: 64).get() }
      return value.map { .json($0) } ?? .null
    // Its collection opens it.
    case .sealed: return .null
    }
  }
}

extension CompiledCollection {
  /// The value of field `index` in a row selected by `selectList`.
  @inline(__always)
  func value(_ index: Int, in row: any Row) -> FieldValue {
    let kind = storage[index]
    if kind == .sealed { return sealing?.open(index, of: row) ?? .null }
    return kind.value(RecordColumns.firstField + index, in: row)
  }

  /// The whole row of `selectRow`.
  func record(_ row: any Row) -> Record? {
    guard let id = row.uuid(0) else { return nil }
    let count = fields.count
    return Record(
      id: id, version: row.int64(1), createdAt: row.timestamp(2), updatedAt: row.timestamp(3),
      deletedAt: row.isNull(4) ? nil : row.timestamp(4),
      values: (0..<count).map { value($0, in: row) },
      clocks: RowClocks(encoded: row.blob(RecordColumns.firstField + count)))
  }

  /// About the bytes that a row of `selectList` takes in memory.
  func byteCount(_ row: any Row) -> Int {
    var count = 64
    for index in storage.indices {
      if case .bytes(let bytes) = row.cell(RecordColumns.firstField + index) {
        count += bytes.count
      } else {
        count += 16
      }
    }
    return count
  }

  /// The row of `selectList` as rules see it.
  func image(_ row: any Row) -> RowImage {
    RowImage(
      collection: index, id: row.uuid(0) ?? .zero, version: row.int64(1),
      createdAt: row.timestamp(2), updatedAt: row.timestamp(3), isDeleted: !row.isNull(4),
      values: fields.indices.map { value($0, in: row) })
  }

  /// Writes the row of `selectList` as a JSON object, straight from its columns.
  func write(_ row: any Row, to json: inout JSONWriter) {
    rows.write(row, to: &json) { column, json in
      let index = column - RecordColumns.firstField
      fields[index].encode(value(index, in: row), into: &json)
    }
  }

  /// Writes the value of field `index` straight from its column.
  @inline(__always)
  func writeValue(_ index: Int, _ row: any Row, to json: inout JSONWriter) {
    switch row.cell(RecordColumns.firstField + index) {
    case .null: json.null()
    case .int(let value): write(value, of: index, to: &json)
    case .double(let value): json.double(value)
    case .bytes(let bytes):
      switch storage[index] {
      case .text: json.string(utf8: bytes)
      case .uuid: json.uuid(UUID(bytes: bytes) ?? .zero)
      case .formattedList, .sealed: fields[index].encode(value(index, in: row), into: &json)
      default: json.raw(bytes)
      }
    }
  }

  /// Writes the members of a row of `selectList` that `isShown` names, and its system members as far
  /// as `selection` asks for them.
  func write(
    _ row: any Row, _ selection: FieldSelection?, to json: inout JSONWriter,
    isShown: (Int) -> Bool
  ) {
    json.beginObject()
    members.writeSystem(
      row.uuid(0) ?? .zero, row.int64(1), row.timestamp(2), row.timestamp(3), selection, to: &json)
    for index in storage.indices
    where isShown(index) && selection?.members.contains(index) != false {
      members.write(index, to: &json)
      writeValue(index, row, to: &json)
    }
    json.endObject()
  }

  /// Writes the members of a row in memory that `isShown` names; `replaced` gives the JSON of those
  /// that are written otherwise, by member.
  func write(
    _ row: RowImage, _ selection: FieldSelection?, replaced: [Int: [UInt8]] = [:],
    to json: inout JSONWriter, isShown: (Int) -> Bool
  ) {
    json.beginObject()
    members.writeSystem(
      row.id, row.version, row.createdAt, row.updatedAt, selection, to: &json)
    for index in fields.indices
    where isShown(index) && (selection?.members.contains(index) != false) {
      members.write(index, to: &json)
      if let bytes = replaced[index] {
        json.raw(bytes)
      } else {
        fields[index].encode(row.values[index], into: &json)
      }
    }
    for (offset, inverse) in model.inverses.enumerated() {
      if let bytes = replaced[fields.count + offset] {
        json.key(inverse.name)
        json.raw(bytes)
      }
    }
    json.endObject()
  }

  private func write(_ value: Int64, of index: Int, to json: inout JSONWriter) {
    switch storage[index] {
    case .bool: json.bool(value != 0)
    case .timestamp: json.timestamp(Timestamp(milliseconds: value))
    case .duration: json.duration(CalendarDuration(milliseconds: value))
    case .int64: fields[index].encode(.int(value), into: &json)
    default: json.int(value)
    }
  }

  /// Writes a row in memory as a JSON object.
  func write(_ record: Record, to json: inout JSONWriter) {
    json.beginObject()
    members.writeSystem(
      record.id, record.version, record.createdAt, record.updatedAt, to: &json)
    for index in fields.indices {
      members.write(index, to: &json)
      fields[index].encode(record.values[index], into: &json)
    }
    json.endObject()
  }
}
