package import Queries
package import RoostCore
import Rules
import Schema

/// Answers which accounts exist; Accounts stands behind it.
package protocol UserDirectory: Sendable {
  /// Whether a live account has that id; it keeps living until the commit.
  func userExists(_ id: UUID, in transaction: any Transaction) async throws -> Bool
  /// Whether all of `ids`, each of which stands there once, are live accounts; they keep living until
  /// the commit.
  func usersExist(_ ids: [UUID], in transaction: any Transaction) async throws -> Bool
  /// Whether there is an account of that id, or was one: rows that come back may be of people who
  /// have left.
  func userIsKnown(_ id: UUID, in transaction: any Transaction) async throws -> Bool
}

extension UserDirectory {
  package func userIsKnown(_ id: UUID, in transaction: any Transaction) async throws -> Bool {
    try await userExists(id, in: transaction)
  }

  package func usersExist(_ ids: [UUID], in transaction: any Transaction) async throws -> Bool {
    for id in ids where try await !userExists(id, in: transaction) { return false }
    return true
  }
}

extension WritePath {
  /// Tests the changed references: the row must exist and, unless `refCheck` says otherwise, be one
  /// that the author may see; a reference to a hidden row would tell that it exists.
  func checkReferences(
    _ record: Record, changed: [Int], _ mutation: Mutation, _ transaction: any Transaction
  ) async throws {
    var issues: [FieldIssue] = []
    for index in changed {
      let field = mutation.collection.fields[index]
      guard case .uuid(let id) = record.values[index] else { continue }
      let exists: Bool
      switch field.type {
      case .user:
        if mutation.author.account == id { continue }
        exists = try await people.userExists(id, in: transaction)
      case .reference(let typeName):
        guard let target = catalogue.collection(ofType: typeName) else { continue }
        exists = try await isVisible(id, target, field, mutation, transaction)
      default: continue
      }
      if !exists {
        issues.append(WritePath.missing(field))
      }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }

  /// The issue of a reference to nothing.
  static func missing(_ field: Field) -> FieldIssue {
    FieldIssue(
      pointer: "/" + field.name, code: "reference",
      message: "\(field.name) refers to a record that does not exist, or that you may not see.")
  }

  /// The access by which a row must be there that `field` refers to.
  static func referenceAccess(
    _ target: CompiledCollection, _ field: Field, _ author: Mutation.Author
  ) -> Access {
    switch author {
    case .system, .consequence: target.rules.systemAccess
    case .caller(let caller):
      field.relation?.referenceCheck == Relation.ReferenceCheck.none
        ? target.rules.systemAccess : target.rules.access(.read, caller)
    }
  }

  func isVisible(
    _ id: UUID, _ target: CompiledCollection, _ field: Field, _ mutation: Mutation,
    _ transaction: any Transaction
  ) async throws -> Bool {
    let access = WritePath.referenceAccess(target, field, mutation.author)
    if access.isNever { return false }
    let statement = target.existence(access)
    let values = statement.values(access.facts, nil, [.uuid(id)])
    // Not `first`, whose generic result costs as much as the search.
    var exists = false
    try await transaction.query(statement.statement, values) { _ in
      exists = true
      return false
    }
    return exists
  }
}
