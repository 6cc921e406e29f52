package import Queries
import RoostCore
package import Rules

/// The masks of entries in the stream index, each by a number that never changes its meaning.
///
/// 0 is every field of the collection, whatever fields it has. Any other number stands in
/// `roost_mask`, made at its first use, with the numbers of the fields: `1,3,4` (empty for none).
/// Inverse fields, which no entry carries, are left out.
package enum MaskTable {
  /// The number of a mask with every field.
  static let whole: Int64 = 0

  /// The fields of a mask, by index; nil where there is no such mask.
  package static func fields(
    _ number: Int64, of collection: CompiledCollection, in reader: any Reader
  ) async throws -> FieldSet? {
    if number == whole { return FieldSet(count: collection.fields.count) }
    let members = try await reader.first(select, [.int(number), .int(collection.number)]) {
      $0.text(0)
    }
    guard let members else { return nil }
    let numbers = Set(members.split(separator: ",").compactMap { UInt32($0) })
    return FieldSet(
      collection.fieldNumbers.indices.filter { numbers.contains(collection.fieldNumbers[$0]) })
  }

  /// The number of the mask with the fields of these numbers, made if it is new.
  static func number(
    _ members: FieldSet, of collection: CompiledCollection, in transaction: any Transaction
  ) async throws -> (number: Int64, isMade: Bool) {
    let values: [Value] = [.int(collection.number), .text(text(members))]
    func found() async throws -> Int64? {
      try await LogStatements.number(find, values, in: transaction)
    }
    if let known = try await found() { return (known, false) }
    if let made = try await LogStatements.number(make, values, in: transaction) {
      return (made, true)
    }
    // Another writer made it between the two, and has committed.
    guard let known = try await found() else {
      throw RoostError(.internalError, "A mask could not be made.")
    }
    return (known, false)
  }

  /// Field numbers as they are stored.
  static func text(_ numbers: FieldSet) -> String {
    numbers.members.map { "\($0)" }.joined(separator: ",")
  }

  private static let select = Statement(
    """
    SELECT members FROM roost_mask \
    WHERE number = \(SQL.placeholder) AND collection = \(SQL.placeholder)
    """)
  private static let find = Statement(
    """
    SELECT number FROM roost_mask \
    WHERE collection = \(SQL.placeholder) AND members = \(SQL.placeholder)
    """)
  private static let make = Statement(
    """
    INSERT INTO roost_mask (collection, members) \
    VALUES (\(SQL.placeholder), \(SQL.placeholder)) \
    ON CONFLICT (collection, members) DO NOTHING RETURNING number
    """)
}

extension CompiledCollection {
  /// The numbers of the fields in a mask; nil where it has every field.
  func numbers(of mask: FieldSet) -> FieldSet? {
    if mask == allMembers { return nil }
    let shown = fieldNumbers.indices.filter { mask.contains($0) }
    return shown.count == fieldNumbers.count ? nil : FieldSet(shown.map { Int(fieldNumbers[$0]) })
  }
}
