package import Queries
import RoostCore
import Schema

/// A table with what is kept in it: all of a collection that is retired, or columns beside those of
/// its schema.
package struct RetiredTable: Sendable {
  package struct Column: Sendable {
    package let name: String
    package let kind: CellType
  }

  package let name: String
  /// The table is that of a collection that no schema has.
  package let isWhole: Bool
  /// For a whole table, those of its fields, retired or not.
  package let columns: [Column]

  /// The tables in which something is kept, in the order of their numbers.
  ///
  /// Throws `RoostError` for a column of a type that this version does not know.
  package static func all(in reader: any Reader) async throws -> [RetiredTable] {
    let tables = try await reader.all("SELECT number, name FROM roost_collection ORDER BY number") {
      ($0.int64(0), $0.text(1))
    }
    // A column whose values were converted is on record among what is retired alone.
    let fields = try await reader.all(
      """
      SELECT collection, name, type FROM roost_field UNION \
      SELECT collection, kept, type FROM roost_retired WHERE field IS NOT NULL ORDER BY 1, 2
      """
    ) { (collection: $0.int64(0), name: $0.text(1), type: $0.text(2)) }
    // The name of a table that was forgotten stays taken.
    let kept = Set(
      try await reader.all("SELECT collection FROM roost_retired WHERE field IS NULL") {
        $0.int64(0)
      })
    var result: [RetiredTable] = []
    for (number, name) in tables where !RetiredName.isOne(name) || kept.contains(number) {
      let isWhole = RetiredName.isOne(name)
      // A type may stand under its name of then in one place and of now in the other.
      var seen: Set<String> = []
      let columns = try fields.compactMap { field -> Column? in
        guard field.collection == number, isWhole || RetiredName.isOne(field.name),
          seen.insert(field.name).inserted
        else { return nil }
        guard let shape = TypeSignature.field(field.name, field.type) else {
          throw RoostError(
            .conflict,
            "\(name).\(field.name) is kept as \(field.type), which this version of Roost does not "
              + "know: drop it with roost migrate forget first.")
        }
        return Column(name: field.name, kind: StoredKind(shape).cellType)
      }
      if isWhole || !columns.isEmpty {
        result.append(RetiredTable(name: name, isWhole: isWhole, columns: columns))
      }
    }
    return result
  }

  /// Makes in another database what is kept in this one; where a try before has left it, nothing of
  /// it stays twice.
  package func make(in transaction: any Transaction) async throws {
    let dialect = transaction.dialect
    let columns = columns.map { (name: $0.name, type: RetiredTable.type($0.kind, dialect)) }
    guard isWhole else {
      var known: Set<String> = []
      try await transaction.query(Statement(dialect.columnsOfTable), [.text(name)]) { row in
        known.insert(row.text(0))
        return true
      }
      for column in columns where !known.contains(column.name) {
        try await transaction.execute(
          """
          ALTER TABLE \(identifier: name) ADD COLUMN \(identifier: column.name) \(column.type)
          """)
      }
      return
    }
    try await transaction.execute("DROP TABLE IF EXISTS \(identifier: name)")
    try await transaction.execute(
      TableKeeper.create(name, columns.map { "\(identifier: $0.name) \($0.type)" }, dialect))
  }

  private static func type(_ kind: CellType, _ dialect: Dialect) -> SQL {
    switch kind {
    case .integer: dialect.integer
    case .real: dialect.real
    case .text: dialect.text
    case .id: dialect.id
    case .blob: dialect.blob
    }
  }
}
