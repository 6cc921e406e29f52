import Queries
import RoostCore
import Rules
import Schema

/// What the author of a mutation may do, and the errors for what they may not.
///
/// A row is judged in memory where the rules read no other rows, and by the same rules as SQL inside
/// of the transaction where they do.
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
    if operation != .read, let view = collection.model.view {
      throw RoostError(
        .forbidden,
        "\(collection.name) is a view: the server makes its records of those of \(view.typeName), "
          + "so change these.")
    }
    guard case .caller(let caller) = author else { return collection.rules.systemAccess }
    let access = collection.rules.access(operation, caller)
    if access.isNever {
      if caller.uid == nil {
        throw RoostError(
          .unauthenticated,
          "\(collection.name) needs an account: send Authorization: Bearer with an access token.")
      }
      if let denial = access.plan.denials.first(where: { $0.when == nil }) {
        throw refusal(operation, by: denial)
      }
      throw refusal(operation)
    }
    return access
  }

  /// The access by which the author sees rows; there may be none that they see.
  var reading: Access {
    guard case .caller(let caller) = author else { return collection.rules.systemAccess }
    return collection.rules.access(.read, caller)
  }

  /// Whether a row of a create can be judged, and its answer be masked, without the database.
  var judgesInMemory: Bool {
    guard case .caller(let caller) = author else { return true }
    return !collection.rules.access(.create, caller).plan.readsRelations
      && !reading.plan.readsRelations
  }

  func refusal(_ operation: Operation) -> RoostError {
    RoostError(
      .forbidden,
      "You are not allowed to \(operation.rawValue.lowercased()) this record of "
        + "\(collection.name).")
  }

  func refusal(_ operation: Operation, by denial: Denial) -> RoostError {
    let reason = denial.reason.map { " \($0)" + ($0.hasSuffix(".") ? "" : ".") } ?? ""
    return RoostError(
      .forbidden,
      "A rule of \(collection.name) forbids to \(operation.rawValue.lowercased()) this record."
        + reason)
  }

  /// The rules that hold for a row that is there.
  ///
  /// Throws where none does, or a denial applies.
  func rulesHolding(
    _ operation: Operation, for record: Record, in transaction: any Transaction
  ) async throws -> [Rule] {
    let access = try access(operation)
    let judgement = try await Judgement.holding(
      access, record.image(collection), collection, in: transaction)
    if let denial = judgement.denial { throw refusal(operation, by: denial) }
    guard !judgement.rules.isEmpty else { throw refusal(operation) }
    return judgement.rules
  }

  /// The members that the author sees of a row; nil where it is hidden from them.
  func members(
    of record: Record, in transaction: any Transaction
  ) async throws -> FieldSet? {
    let access = reading
    if access.isNever { return nil }
    if access.isUnconditional, access.plan.groups.isEmpty { return access.plan.always }
    let judgement = try await Judgement.holding(
      access, record.image(collection), collection, in: transaction)
    return judgement.denial == nil ? judgement.members : nil
  }

  /// The members that the author sees of a row, where that can be said without the database.
  func membersInMemory(of record: Record) -> FieldSet? {
    reading.members(of: record.image(collection), NoRelatedRows())
  }

  /// Throws unless every field that a change names is one that the rules let change.
  ///
  /// What is named counts, and not what differs afterwards: else a caller could guess a hidden value.
  func checkMask(_ rules: [Rule], _ mutation: Mutation) throws {
    guard case .caller = author else { return }
    let allowed = rules.reduce(FieldSet()) { $0.union($1.mask) }
    let refused = mutation.named.subtracting(allowed).members
    guard !refused.isEmpty else { return }
    let issues = refused.map { index in
      let name = collection.fields[index].name
      return FieldIssue(
        pointer: "/" + name, code: "forbidden",
        message: "You are not allowed to set \(name) of this record of \(collection.name).")
    }
    throw RoostError(.forbidden, issues[0].message, issues: issues)
  }
}

/// The answer for a row that does not exist, is deleted, or may not be seen: one and the same.
enum Missing {
  static func record(_ collection: CompiledCollection) -> RoostError {
    RoostError(.notFound, "\(collection.name) has no such record.")
  }
}
