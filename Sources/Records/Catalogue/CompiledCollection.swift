import Queries
import RoostCore
package import Rules
package import Schema
import SyncProtocol

/// A collection with all that is derived from it once: its rules, its statements, its relations.
package final class CompiledCollection: Sendable {
  package let model: Collection
  /// The collection's number in the log and in the stream index; never given to another one.
  package let number: Int64
  package let rules: AccessRules
  /// The collection's place in the schema.
  package let index: Int
  /// Writes the predicates of the rules.
  let writer: PredicateWriter
  /// The stable number of each field, by its index; clocks refer to fields by it.
  let fieldNumbers: [UInt32]
  /// Which fields are filled with the caller when a create leaves them out.
  let ownersFilledOnCreate: Set<Int>
  /// The relations that end here: what a delete must look after.
  let inbound: [InboundRelation]
  /// How each field is merged.
  let mergeRules: [MergeRule]
  /// What stands before each field's value in a record.
  let members: MemberStarts
  /// What each column holds, by index.
  let storage: [StoredKind]
  /// The pointer to each field in a body: `/` and its name.
  let pointers: [String]
  /// The fields that refer to rows or accounts, by index.
  let references: [Int]
  /// Those of `references` that refer to rows of this collection.
  let referencesToItself: [Int]
  /// Writes whole rows.
  let rows: RowWriter

  /// What seals and opens the fields under `@encrypted`; nil where there are none.
  let sealing: FieldSealing?

  private let indexByName: [String: Int]
  private let names: [String]

  let selectList: SQL
  /// The select list among live rows of the table `t0`, whose time of deletion nobody needs to read.
  let liveList: SQL
  let insert: Statement
  /// `insert` of many rows.
  let insertMany: WideInsert
  /// `insert` that inserts nothing where a unique value is taken, and leaves the transaction well.
  let insertIfFree: Statement
  let selectRow: Statement
  /// `selectRow` with a lock, for what is about to be changed.
  let selectForWrite: Statement
  /// `selectRow` without the clocks for many live rows, and `selectForWrite` for many rows.
  let selectManyLive: PaddedStatement
  let selectManyForWrite: PaddedStatement
  /// How its rows are read for streams.
  let streamed: StreamedRows
  let statements: StatementShapes

  init(
    rules: AccessRules, number: Int64, fieldNumbers: [UInt32], inbound: [InboundRelation],
    dialect: Dialect, keys: DataKeys? = nil
  ) {
    let model = rules.declaration
    self.model = model
    self.rules = rules
    index = rules.collection
    writer = PredicateWriter(model: rules.model, dialect: dialect)
    self.number = number
    self.fieldNumbers = fieldNumbers
    self.inbound = inbound
    ownersFilledOnCreate = rules.ownersFilledOnCreate
    mergeRules = model.fields.map { field in
      MergeRule(
        field, field.merge ?? model.merge,
        field.merge == nil ? model.mergeOptions : field.mergeOptions)
    }
    members = MemberStarts(names: model.fields.map(\.name))
    let storage = model.fields.map { StoredKind($0) }
    self.storage = storage
    references = model.fields.indices.filter { index in
      switch model.fields[index].type {
      case .reference, .user: !model.fields[index].isList
      default: false
      }
    }
    let own = FieldType.reference(typeName: model.typeName)
    referencesToItself = model.fields.indices.filter { index in
      model.fields[index].type == own && !model.fields[index].isList
    }
    pointers = model.fields.map { "/" + $0.name }
    rows = RowWriter(names: model.fields.map(\.name), storage: storage)
    var indexByName: [String: Int] = [:]
    for (index, field) in model.fields.enumerated() { indexByName[field.name] = index }
    self.indexByName = indexByName
    names = model.fields.map(\.name)

    let table = SQL.identifier(model.name)
    let system = RecordColumns.system
    let columns = (system + model.fields.map(\.name)).map { SQL.identifier($0) }
    sealing = FieldSealing(rules, number: number, fieldNumbers: fieldNumbers, keys)
    // A sealed value is read together with its key.
    func read(_ index: Int, of table: SQL?) -> SQL {
      let column: SQL = table.map { "\($0).\(columns[index])" } ?? columns[index]
      let field = index - RecordColumns.firstField
      guard field >= 0, storage[field] == .sealed else { return column }
      return SealedColumn.opened(column)
    }
    let hasSealed = storage.contains(.sealed)
    let plain = columns.indices.map { read($0, of: hasSealed ? table : nil) }
    selectList = plain.joined(by: ", ")
    let source = PredicateWriter.Table(number: 0)
    liveList = columns.indices.map { index -> SQL in
      index == RecordColumns.deletedAt ? "NULL" : read(index, of: "\(source.name)")
    }.joined(by: ", ")
    let all = columns + [SQL.identifier(RecordColumns.clocks)]
    let whole = (plain + [SQL.identifier(RecordColumns.clocks)]).joined(by: ", ")
    let values = all.map { _ in SQL.placeholder }
    insert = Statement(
      "INSERT INTO \(table) (\(all.joined(by: ", "))) VALUES (\(values.joined(by: ", ")))")
    insertMany = WideInsert(into: table, columns: all)
    insertIfFree = Statement(
      """
      INSERT INTO \(table) (\(all.joined(by: ", "))) VALUES (\(values.joined(by: ", "))) \
      ON CONFLICT DO NOTHING
      """)
    let row: SQL = "SELECT \(whole) FROM \(table) WHERE id = \(SQL.placeholder)"
    selectRow = Statement(row)
    selectForWrite = Statement("\(row)\(dialect.forUpdate)")
    let listed = selectList
    selectManyLive = PaddedStatement { _, count in
      """
      SELECT \(listed) FROM \(table) WHERE id IN (\(PaddedList.placeholders(count))) \
      AND \(identifier: "deletedAt") IS NULL
      """
    }
    selectManyForWrite = PaddedStatement { dialect, count in
      """
      SELECT \(whole) FROM \(table) WHERE id IN (\(PaddedList.placeholders(count))) \
      ORDER BY id\(dialect.forUpdate)
      """
    }
    streamed = StreamedRows(model, storage, fieldNumbers, liveList)
    statements = StatementShapes()
    allMembers = FieldSet(count: model.fields.count + model.inverses.count)
  }

  /// Every stored and every inverse field.
  let allMembers: FieldSet

  package var name: String { model.name }
  package var fields: [Field] { model.fields }
  var table: SQL { .identifier(model.name) }

  /// The index of a stored field, or nil.
  package func index(of field: String) -> Int? { indexByName[field] }

  /// The same, looking at the field `likely` first.
  func index(of field: String, likely: Int) -> Int? {
    likely < names.count && names[likely] == field ? likely : indexByName[field]
  }

  /// The merge strategy of a field: its own, else the collection's.
  func merge(_ index: Int) -> MergeStrategy { model.fields[index].merge ?? model.merge }
}

/// A reference of another collection (or of this one) to this collection.
struct InboundRelation: Sendable {
  /// The index of the referring collection in the catalogue.
  let collection: Int
  /// The index of the referring field there.
  let field: Int
  let onDelete: Relation.OnDelete
}

/// The columns that every collection's table has.
enum RecordColumns {
  static let system = ["id", "version", "createdAt", "updatedAt", "deletedAt"]
  static let clocks = "_clocks"
  /// The column of the time of deletion in a select list.
  static let deletedAt = 4
  /// The column of the first field in a select list.
  static let firstField = 5
}

/// How a field is kept in a column, and how it is written out from there.
package enum StoredKind: Sendable {
  case bool
  /// An integer that is answered as a number.
  case int
  /// Milliseconds since 1970 that are answered as RFC 3339.
  case timestamp
  /// Milliseconds that are answered as ISO 8601.
  case duration
  /// An integer that is answered as a string beyond 2^53.
  case int64
  case double
  case text
  case uuid
  /// JSON text: JSON, GeoPoint, File and lists.
  case json
  /// JSON text that is answered in another form than it is stored: lists of Int64.
  case formattedList
  /// A sealed text, opened by the collection's `FieldSealing`.
  case sealed

  init(_ field: Field) {
    self = field.isSealed ? .sealed : StoredKind(plain: field)
  }

  /// How the field would be kept if it were not sealed.
  init(plain field: Field) {
    if field.isList {
      self = field.type == .int64 ? .formattedList : .json
      return
    }
    switch field.type {
    case .boolean: self = .bool
    case .int, .money: self = .int
    case .dateTime: self = .timestamp
    case .duration: self = .duration
    case .int64: self = .int64
    case .float: self = .double
    case .string, .id, .email, .url, .date, .enumeration: self = .text
    case .json, .geoPoint, .file: self = .json
    case .reference, .user: self = .uuid
    }
  }
}
