import Cryptography
import Queries
import RoostCore
import Rules
import Schema

/// Seals and opens the fields of one collection that are under `@encrypted(mode: SERVER)`.
///
/// A value is sealed by the key of the row's owner, else by that of the collection, at the place that
/// its collection's number, its field's number and the id of its row make. What was damaged or moved
/// reads as null, and the log names the collection, the row and the field: a list goes on.
final class FieldSealing: Sendable {
  /// The sealed fields, by index.
  let fields: [Int]
  private let keys: DataKeys
  private let name: String
  private let number: Int64
  private let fieldNumbers: [UInt32]
  private let names: [String]
  private let kinds: [StoredKind]
  /// Sealed fields that have the collection's key whoever owns the row.
  private let shared: FieldSet
  /// The field whose account is the owner.
  private let owner: Int?

  /// Nil where the collection has no such field.
  init?(_ rules: AccessRules, number: Int64, fieldNumbers: [UInt32], _ keys: DataKeys?) {
    let model = rules.declaration
    fields = model.fields.indices.filter { model.fields[$0].isSealed }
    guard !fields.isEmpty, let keys else { return nil }
    self.keys = keys
    self.number = number
    self.fieldNumbers = fieldNumbers
    name = model.name
    names = model.fields.map(\.name)
    kinds = model.fields.map { StoredKind(plain: $0) }
    shared = FieldSet(
      fields.filter {
        model.fields[$0].encryption?.keyScope == Encryption.KeyScope.collection.rawValue
      })
    owner = rules.ownersFilledOnCreate.filter { model.fields[$0].type == .user }.min()
  }

  /// The first field of a schema that needs a key, as `Type.field`.
  static func first(in model: SchemaModel) -> String? {
    for collection in model.collections {
      if let field = collection.fields.first(where: \.isSealed) {
        return "\(collection.typeName).\(field.name)"
      }
    }
    return nil
  }

  private func place(_ field: Int, of id: UUID) -> [UInt8] {
    var place = Array("roost field\u{0}".utf8)
    withUnsafeBytes(of: number.bigEndian) { place += $0 }
    withUnsafeBytes(of: fieldNumbers[field].bigEndian) { place += $0 }
    return place + id.bytes
  }

  // MARK: Opening

  /// The value of a sealed field in a row of `selectList`.
  func open(_ field: Int, of row: any Row) -> FieldValue {
    let column = RecordColumns.firstField + field
    if row.isNull(column) { return .null }
    let id = row.uuid(0) ?? .zero
    switch keys.open(row.text(column)[...], at: place(field, of: id)) {
    case .bytes(let bytes):
      if let value = SealedForm.value(bytes, kinds[field]) { return value }
    case .destroyed: return .null
    case .damaged: break
    }
    keys.ambient.logger.error(
      "an encrypted value does not open, and is shown as null",
      [
        ("collection", .string(name)), ("id", .string(id.description)),
        ("field", .string(names[field])),
      ])
    return .null
  }

  // MARK: Sealing

  private func scope(_ field: Int, of record: Record) -> DataKeys.Scope {
    if !shared.contains(field), let owner, case .uuid(let person) = record.values[owner] {
      return .person(person)
    }
    return .collection(number)
  }

  /// The sealed texts of some fields of a record, by index; those without a value are left out.
  private func texts(
    _ fields: [Int], of record: Record, in transaction: any Transaction
  ) async throws -> [Int: String] {
    var held: [DataKeys.Scope: DataKey] = [:]
    var texts: [Int: String] = [:]
    for field in fields {
      guard let bytes = SealedForm.bytes(record.values[field]) else { continue }
      let scope = scope(field, of: record)
      let key: DataKey
      if let known = held[scope] {
        key = known
      } else {
        key = try await keys.key(of: scope, in: transaction)
        held[scope] = key
      }
      texts[field] = key.seal(bytes, at: place(field, of: record.id), keys.ambient.random)
    }
    return texts
  }

  /// Fills the sealed values of `record` into the values of its row.
  func fill(
    _ row: inout [Value], of record: Record, in transaction: any Transaction
  ) async throws {
    for (field, text) in try await texts(fields, of: record, in: transaction) {
      row[RecordColumns.firstField + field] = .text(text)
    }
  }

  /// What an UPDATE sets of the fields that changed, those included whose key is another one now.
  func assignments(
    _ record: Record, before: Record, changed: [Int], _ collection: CompiledCollection,
    in transaction: any Transaction
  ) async throws -> [SQL] {
    let moved = fields.filter {
      !changed.contains($0) && scope($0, of: before) != scope($0, of: record)
    }
    let texts = try await texts(
      changed.filter(fields.contains) + moved, of: record, in: transaction)
    // A value that does not open stays as it is.
    return (changed + moved.filter { texts[$0] != nil }).map { index in
      let name = SQL.identifier(collection.fields[index].name)
      guard fields.contains(index) else {
        return "\(name) = \(record.values[index].stored)"
      }
      return "\(name) = \(texts[index].map { Value.text($0) } ?? .null)"
    }
  }

  /// The record with nothing in its sealed fields.
  func withoutSealed(_ record: Record) -> Record {
    var record = record
    for field in fields { record.values[field] = .null }
    return record
  }

  /// The record with sealed texts in its sealed fields.
  func sealedTexts(_ record: Record, in transaction: any Transaction) async throws -> Record {
    let texts = try await texts(fields, of: record, in: transaction)
    var record = record
    for field in fields { record.values[field] = texts[field].map { .text($0) } ?? .null }
    return record
  }

  /// Seals the values of a row anew under the keys of now; false where there are none.
  func reseal(
    _ record: Record, _ collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> Bool {
    let texts = try await texts(fields, of: record, in: transaction)
    guard !texts.isEmpty else { return false }
    let sets = texts.sorted { $0.key < $1.key }.map { field, text -> SQL in
      "\(identifier: collection.fields[field].name) = \(text)"
    }
    try await transaction.execute(
      "UPDATE \(collection.table) SET \(sets.joined(by: ", ")) WHERE id = \(record.id)")
    return true
  }
}

extension WritePath.Draft {
  /// The values of the row as they are stored.
  func sealedRow(in transaction: any Transaction) async throws -> [Value] {
    guard let sealing = mutation.collection.sealing else { return row }
    var row = row
    try await sealing.fill(&row, of: record, in: transaction)
    return row
  }
}

extension [WritePath.Draft] {
  /// The values of the rows as they are stored; all are of `collection`.
  func sealedRows(
    of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> [[Value]] {
    guard collection.sealing != nil else { return map(\.row) }
    var rows: [[Value]] = []
    rows.reserveCapacity(count)
    for draft in self { rows.append(try await draft.sealedRow(in: transaction)) }
    return rows
  }
}

extension CompiledCollection {
  /// A row in memory as a JSON object.
  func json(_ record: Record) -> [UInt8] {
    var json = JSONWriter(capacity: 512)
    write(record, to: &json)
    return json.bytes
  }
}

/// The bytes of a value before it is sealed: a letter for its kind, and the value.
private enum SealedForm {
  /// Nil for null, which is stored as it is.
  static func bytes(_ value: FieldValue) -> [UInt8]? {
    switch value.stored {
    case .null: return nil
    case .int(let number): return [UInt8(ascii: "i")] + bigEndian(UInt64(bitPattern: number))
    case .double(let number): return [UInt8(ascii: "d")] + bigEndian(number.bitPattern)
    case .text(let text): return [UInt8(ascii: "t")] + Array(text.utf8)
    case .uuid(let id): return [UInt8(ascii: "u")] + id.bytes
    case .blob(let bytes): return [UInt8(ascii: "b")] + bytes
    }
  }

  /// Nil where the bytes are of another kind.
  static func value(_ bytes: [UInt8], _ kind: StoredKind) -> FieldValue? {
    let rest = bytes.dropFirst()
    switch (bytes.first, kind) {
    case (UInt8(ascii: "i"), .bool): return number(rest).map { .bool($0 != 0) }
    case (UInt8(ascii: "i"), .int), (UInt8(ascii: "i"), .timestamp),
      (UInt8(ascii: "i"), .duration), (UInt8(ascii: "i"), .int64):
      return number(rest).map { .int(Int64(bitPattern: $0)) }
    case (UInt8(ascii: "d"), .double): return number(rest).map { .double(Double(bitPattern: $0)) }
    case (UInt8(ascii: "t"), .text): return .text(String(decoding: rest, as: UTF8.self))
    case (UInt8(ascii: "t"), .json), (UInt8(ascii: "t"), .formattedList):
      return (try? JSON.parse(Array(rest), maxDepth: 64)).map { .json($0) }
    default: return nil
    }
  }

  private static func bigEndian(_ bits: UInt64) -> [UInt8] {
    withUnsafeBytes(of: bits.bigEndian) { Array($0) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
    guard bytes.count == 8 else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}
