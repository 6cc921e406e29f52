import Queries
package import RoostCore
package import Schema

/// A row in memory.
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
  var stored: Value {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .text(value)
    case .uuid(let value): .uuid(value)
    case .json(let value): .text(value.text)
    }
  }
}

extension CompiledCollection {
  /// The value of field `index` in a row selected by `selectList`.
  func value(_ index: Int, in row: any Row) -> FieldValue {
    let column = RecordColumns.firstField + index
    if row.isNull(column) { return .null }
    switch storage[index] {
    case .bool: return .bool(row.bool(column))
    case .int, .timestamp, .formatted: return .int(row.int64(column))
    case .double: return .double(row.double(column))
    case .text: return .text(row.text(column))
    case .uuid: return row.uuid(column).map { .uuid($0) } ?? .null
    case .json:
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

  /// Writes the row of `selectList` as a JSON object, straight from its columns.
  func write(_ row: any Row, to json: inout JSONWriter) {
    json.beginObject()
    json.key(encoded: SystemKeys.id)
    json.uuid(row.uuid(0) ?? .zero)
    json.key(encoded: SystemKeys.version)
    json.int(row.int64(1))
    json.key(encoded: SystemKeys.createdAt)
    json.timestamp(row.timestamp(2))
    json.key(encoded: SystemKeys.updatedAt)
    json.timestamp(row.timestamp(3))
    for index in fields.indices {
      json.key(encoded: encodedKeys[index])
      writeField(index, row, to: &json)
    }
    json.endObject()
  }

  private func writeField(_ index: Int, _ row: any Row, to json: inout JSONWriter) {
    let column = RecordColumns.firstField + index
    if row.isNull(column) { return json.null() }
    switch storage[index] {
    case .bool: json.bool(row.bool(column))
    case .double: json.double(row.double(column))
    case .int: json.int(row.int64(column))
    case .timestamp: json.timestamp(row.timestamp(column))
    case .formatted: fields[index].encode(.int(row.int64(column)), into: &json)
    case .text: row.withBytes(column) { json.string(utf8: $0) }
    case .uuid: json.uuid(row.uuid(column) ?? .zero)
    case .json: row.withBytes(column) { json.raw($0) }
    }
  }

  /// Writes a row in memory as a JSON object.
  func write(_ record: Record, to json: inout JSONWriter) {
    json.beginObject()
    json.key(encoded: SystemKeys.id)
    json.uuid(record.id)
    json.key(encoded: SystemKeys.version)
    json.int(record.version)
    json.key(encoded: SystemKeys.createdAt)
    json.timestamp(record.createdAt)
    json.key(encoded: SystemKeys.updatedAt)
    json.timestamp(record.updatedAt)
    for index in fields.indices {
      json.key(encoded: encodedKeys[index])
      fields[index].encode(record.values[index], into: &json)
    }
    json.endObject()
  }
}

/// The keys that every record begins with, encoded once.
private enum SystemKeys {
  static let id = JSONWriter.encodedKey("id")
  static let version = JSONWriter.encodedKey("version")
  static let createdAt = JSONWriter.encodedKey("createdAt")
  static let updatedAt = JSONWriter.encodedKey("updatedAt")
}
