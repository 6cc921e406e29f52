import RoostCore
import Rules
import Schema

/// What decides in which streams the rows of a collection stand, and which scopes they give to whom,
/// as text, kept in the database to tell a changed schema from the one before.
enum StreamSignature {
  /// The version of the way from rules to scopes; raised when `ScopeBook`, the texts of scopes or the
  /// tables of masks, grants and edges change their meaning, so that everything is brought in step at
  /// the next start.
  private static let version: Int64 = 2

  /// The tier, what the rules of all collections make of a row of this one, and, where masks leave
  /// fields out, all fields: a mask with every field is another one when there is a field more.
  static func of(_ collection: CompiledCollection, _ scopes: ScopeBook) -> String {
    let reading = collection.rules.rules.filter { $0.operations.contains(.read) }
    let isMasked = reading.contains { $0.mask != collection.allMembers }
    let numbers = FieldSet(collection.fieldNumbers.map { Int($0) })
    return JSON.array([
      .int(version), .string(collection.model.sync.tier.rawValue),
      .string(scopes.signature(of: collection.index)),
      .string(isMasked ? MaskTable.text(numbers) : "*"),
    ]).text
  }
}
