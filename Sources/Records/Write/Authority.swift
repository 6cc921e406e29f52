import RoostCore
import Rules
import Schema

/// What the author of a mutation may do, and the errors for what they may not.
struct Authority {
  private let author: Mutation.Author
  private let collection: CompiledCollection

  init(_ mutation: Mutation) {
    author = mutation.author
    collection = mutation.collection
  }

  init(_ author: Mutation.Author, _ collection: CompiledCollection) {
    self.author = author
    self.collection = collection
  }

  /// The access for an operation; throws where no row could ever be allowed: 401 for a caller
  /// without credentials, who may try with some, 403 for others.
  func access(_ operation: Operation) throws -> Access {
    guard case .caller(let caller) = author else { return .system }
    let access = collection.rules.access(operation, caller)
    if access.isNever {
      if caller.uid == nil {
        throw RoostError(
          .unauthenticated,
          "\(collection.name) needs an account: send Authorization: Bearer with an access token.")
      }
      throw refusal(operation)
    }
    return access
  }

  /// Whether the author may see a row, which decides between 403 and 404.
  func canRead(_ value: (Int) -> FieldValue) -> Bool {
    guard case .caller(let caller) = author else { return true }
    return collection.rules.access(.read, caller).allows(value)
  }

  func refusal(_ operation: Operation) -> RoostError {
    RoostError(
      .forbidden,
      "The rules of \(collection.name) do not allow you to \(operation.rawValue.lowercased()) "
        + "this record.")
  }
}

/// The answer for a row that does not exist, is deleted, or may not be seen: one and the same.
enum Missing {
  static func record(_ collection: CompiledCollection) -> RoostError {
    RoostError(.notFound, "\(collection.name) has no such record.")
  }
}
