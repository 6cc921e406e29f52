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

extension CompiledCollection {
  /// The value of field `index` in a row selected by `selectList`.
  func value(_ index: Int, in row: any Row) -> FieldValue {
    let column = RecordColumns.firstField + index
    if row.isNull(column) { return .null }
    switch storage[index] {
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
    }
  }

  /// The whole row of `selectForWrite`.
  func record(_ row: any Row) -> Record? {
    guard let id = row.uuid(0) else { return nil }
    let count = fields.count
    return Record(
      id: id, version: row.int64(1), createdAt: row.timestamp(2), updatedAt: row.timestamp(3),
      deletedAt: row.isNull(4) ? nil : row.timestamp(4),
      values: (0..<count).map { value($0, in: row) },
      clocks: RowClocks(encoded: row.blob(RecordColumns.firstField + count)))
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
    json.beginObject()
    SystemMembers.write(
      row.uuid(0) ?? .zero, row.int64(1), row.timestamp(2), row.timestamp(3), to: &json)
    for index in storage.indices {
      members.write(index, to: &json)
      writeValue(index, row, to: &json)
    }
    json.endObject()
  }

  /// Writes the value of field `index` straight from its column.
  @inline(__always)
  private func writeValue(_ index: Int, _ row: any Row, to json: inout JSONWriter) {
    let column = RecordColumns.firstField + index
    if row.isNull(column) { return json.null() }
    switch storage[index] {
    case .bool: json.bool(row.bool(column))
    case .double: json.double(row.double(column))
    case .int: json.int(row.int64(column))
    case .timestamp: json.timestamp(row.timestamp(column))
    case .duration: json.duration(CalendarDuration(milliseconds: row.int64(column)))
    case .int64: fields[index].encode(.int(row.int64(column)), into: &json)
    case .text: row.withBytes(column) { json.string(utf8: $0) }
    case .uuid: json.uuid(row.uuid(column) ?? .zero)
    case .json: row.withBytes(column) { json.raw($0) }
    case .formattedList: fields[index].encode(value(index, in: row), into: &json)
    }
  }

  /// Writes the members of a row of `selectList` that `isShown` names, and its system members as far
  /// as `selection` asks for them.
  func write(
    _ row: any Row, _ selection: FieldSelection?, to json: inout JSONWriter,
    isShown: (Int) -> Bool
  ) {
    json.beginObject()
    SystemMembers.write(
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
    SystemMembers.write(
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

  /// Writes a row in memory as a JSON object.
  func write(_ record: Record, to json: inout JSONWriter) {
    json.beginObject()
    SystemMembers.write(
      record.id, record.version, record.createdAt, record.updatedAt, to: &json)
    for index in fields.indices {
      members.write(index, to: &json)
      fields[index].encode(record.values[index], into: &json)
    }
    json.endObject()
  }
}

/// The members that every record begins with.
private enum SystemMembers {
  static func write(
    _ id: UUID, _ version: Int64, _ createdAt: Timestamp, _ updatedAt: Timestamp,
    to json: inout JSONWriter
  ) {
    start("\"id\":", &json)
    json.uuid(id)
    start(",\"version\":", &json)
    json.int(version)
    start(",\"createdAt\":", &json)
    json.timestamp(createdAt)
    start(",\"updatedAt\":", &json)
    json.timestamp(updatedAt)
  }

  /// The id, and of the others those that are asked for.
  static func write(
    _ id: UUID, _ version: Int64, _ createdAt: Timestamp, _ updatedAt: Timestamp,
    _ selection: FieldSelection?, to json: inout JSONWriter
  ) {
    guard let selection else { return write(id, version, createdAt, updatedAt, to: &json) }
    start("\"id\":", &json)
    json.uuid(id)
    if selection.system.contains(.version) {
      start(",\"version\":", &json)
      json.int(version)
    }
    if selection.system.contains(.createdAt) {
      start(",\"createdAt\":", &json)
      json.timestamp(createdAt)
    }
    if selection.system.contains(.updatedAt) {
      start(",\"updatedAt\":", &json)
      json.timestamp(updatedAt)
    }
  }

  private static func start(_ text: StaticString, _ json: inout JSONWriter) {
    json.memberStart(
      UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
