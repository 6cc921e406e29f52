package import Queries
package import RoostCore
package import Rules
import Schema

/// A number that the server finds in the records that an account owns.
///
/// An account owns the records that name it in a field which a create fills with its caller; where
/// nobody may create, in one that a rule calls their `owner`.
package struct OwnedMeasure: Sendable {
  package enum Kind: Sendable {
    /// How many records there are.
    case count
    /// The greatest value of a field, which has this index.
    case greatest(field: Int)
    /// The sum of a field's values.
    case sum(field: Int)
  }

  /// The place of the collection in the schema.
  package let collection: Int
  package let kind: Kind
  /// Which of the records count; all, where there is none.
  package let condition: Expression?

  package init(collection: Int, kind: Kind, condition: Expression? = nil) {
    self.collection = collection
    self.kind = kind
    self.condition = condition
  }
}

extension RecordStore {
  /// The number for `account`; 0 where it has no records.
  package func value(
    of measure: OwnedMeasure, for account: UUID, in reader: any Reader
  ) async throws -> Double {
    let collection = catalogue.collections[measure.collection]
    let table = PredicateWriter.Table(number: 0)
    guard let owned = collection.owned(by: account, in: collection.owners, as: table) else {
      return 0
    }
    func column(_ index: Int) -> SQL {
      "\(table.name).\(identifier: collection.fields[index].name)"
    }
    let number: SQL =
      switch measure.kind {
      case .count: "count(*)"
      case .greatest(let field): "coalesce(max(\(column(field))), 0)"
      case .sum(let field): "coalesce(sum(\(column(field))), 0)"
      }
    var sql: SQL = """
      SELECT CAST(\(number) AS \(reader.dialect.real)) FROM \(collection.table) AS \(table.name) \
      WHERE \(table.isLive) AND \(owned)
      """
    if let condition = measure.condition {
      let test = collection.writer.expression(
        condition, collection.index, table.source, isPositive: true)
      sql += " AND (\(test.bound(CallerFacts(Caller(uid: account), nil))))"
    }
    return try await reader.first(sql) { $0.double(0) } ?? 0
  }

  /// The greatest of `words` that a field of the account's records holds, by their order; nil where
  /// none of them does.
  package func greatestWord(
    _ words: [String], ofField field: Int, of place: Int, for account: UUID, in reader: any Reader
  ) async throws -> Int? {
    let collection = catalogue.collections[place]
    let table = PredicateWriter.Table(number: 0)
    guard let owned = collection.owned(by: account, in: collection.owners, as: table) else {
      return nil
    }
    let found = try await reader.all(
      """
      SELECT DISTINCT \(table.name).\(identifier: collection.fields[field].name) \
      FROM \(collection.table) AS \(table.name) WHERE \(table.isLive) AND \(owned)
      """
    ) { $0.optionalText(0) }
    return found.compactMap { text in text.flatMap { words.firstIndex(of: $0) } }.max()
  }
}

extension CompiledCollection {
  /// The fields that name who owns a record.
  fileprivate var owners: Set<Int> {
    if !ownersFilledOnCreate.isEmpty { return ownersFilledOnCreate }
    return Set(rules.rules.compactMap(\.ownerFilledOnCreate))
  }

  /// That a row of `table` names the account in one of these fields; nil where there are none.
  func owned(by account: UUID, in fields: Set<Int>, as table: PredicateWriter.Table) -> SQL? {
    let owners = fields.sorted().map { index -> SQL in
      "\(table.name).\(identifier: self.fields[index].name) = \(account)"
    }
    return owners.isEmpty ? nil : "(\(owners.joined(by: " OR ")))"
  }
}
