import Queries
import RoostCore
import Rules
import Schema

/// Carries out creates by the server itself in one transaction, which each leaves well where it is
/// refused.
///
/// A create fails before its first statement or at its only insert, so that nothing of it needs to be
/// undone and no savepoint is spent on it. On an engine that undoes a refused statement and nothing
/// else, rows wait until there are as many as one INSERT takes; those of a refused one go one by one,
/// which says what is wrong with which.
struct ImportRun {
  private let creates: [PreparedCreate]
  private let path: WritePath
  private let dialect: Dialect
  private var seen = SeenReferences()
  private var results: [RoostError?]
  /// The places of creates of one collection that wait for their insert.
  private var waiting: [Int] = []

  /// Rows that wait for one another at most, as many as the widest INSERT takes.
  private static let mostWaiting = 64

  init(_ creates: [PreparedCreate], _ path: WritePath, _ dialect: Dialect) {
    self.creates = creates
    self.path = path
    self.dialect = dialect
    results = Array(repeating: nil, count: creates.count)
    waiting.reserveCapacity(ImportRun.mostWaiting)
  }

  /// The error of each create that was refused; what speaks of more than one is thrown.
  mutating func carryOut(in transaction: any Transaction) async throws -> [RoostError?] {
    for (place, create) in creates.enumerated() {
      // What it refers to may be among those that wait.
      if let last = waiting.last, !stands(create, beside: creates[last]) {
        try await insertWaiting(in: transaction)
      }
      do {
        try await path.checkReferences(of: create, &seen, in: transaction)
      } catch let error as RoostError where error.isOfOneCreate {
        results[place] = error
        continue
      }
      waiting.append(place)
      if waiting.count == ImportRun.mostWaiting || !canWait(create) {
        try await insertWaiting(in: transaction)
      }
    }
    try await insertWaiting(in: transaction)
    return results
  }

  /// Whether others may come before its row is inserted.
  private func canWait(_ create: PreparedCreate) -> Bool {
    !dialect.statementsAreJourneys
      && !path.catalogue.scopes.resolvesReferences(of: create.draft.change.collection.index)
  }

  /// Whether `create` can be looked at while `other` waits: of the same collection, and referring to
  /// none of its rows.
  private func stands(_ create: PreparedCreate, beside other: PreparedCreate) -> Bool {
    let collection = create.draft.change.collection
    guard collection === other.draft.change.collection else { return false }
    return collection.referencesToItself.allSatisfy { create.draft.awaited.contains($0) }
  }

  private mutating func insertWaiting(in transaction: any Transaction) async throws {
    var rest = waiting[...]
    while let first = rest.first {
      let collection = creates[first].draft.change.collection
      let insert = collection.insertMany
      let size = dialect.statementsAreJourneys ? 1 : insert.size(of: rest.count, dialect)
      let places = rest.prefix(size)
      rest = rest.dropFirst(size)
      if size > 1 {
        do {
          if collection.sealing == nil {
            try await insert.run(size, in: transaction) { index, values in
              values.append(contentsOf: creates[places[places.startIndex + index]].draft.row)
            }
          } else {
            let drafts = places.map { creates[$0].draft }
            try await insert.run(
              try await drafts.sealedRows(of: collection, in: transaction), in: transaction)
          }
          for place in places { transaction.attach(creates[place].draft.change) }
          continue
        } catch is ConstraintViolation {
          // Nothing of it remains.
        }
      }
      for place in places {
        do {
          try await path.importOne(creates[place], in: transaction)
        } catch let error as RoostError where error.isOfOneCreate {
          results[place] = error
        }
      }
    }
    waiting.removeAll(keepingCapacity: true)
  }
}

extension RoostError {
  /// Whether it speaks of what one create says, so that the others may fare better.
  fileprivate var isOfOneCreate: Bool {
    switch code {
    case .invalid, .conflict, .notFound, .forbidden, .preconditionFailed, .preconditionRequired:
      true
    default: false
    }
  }
}

/// Rows that one batch has found: of many that refer to one, the first looks.
///
/// Within a transaction that only creates, and holds what it has found, they stay.
struct SeenReferences {
  private struct Key: Hashable {
    /// Of the target; -1 for accounts.
    let collection: Int
    let id: UUID
  }

  private var keys: Set<Key> = []

  func holds(_ id: UUID, of collection: Int) -> Bool {
    keys.contains(Key(collection: collection, id: id))
  }

  mutating func note(_ id: UUID, of collection: Int) {
    keys.insert(Key(collection: collection, id: id))
  }
}

extension WritePath {
  /// Inserts the row of a create by the server itself, whose references were looked at.
  fileprivate func importOne(
    _ create: PreparedCreate, in transaction: any Transaction
  ) async throws {
    let collection = create.draft.change.collection
    guard
      try await transaction.execute(
        collection.insertIfFree, try await create.draft.sealedRow(in: transaction)) > 0
    else {
      throw Conflict.taken(collection)
    }
    guard catalogue.scopes.resolvesReferences(of: collection.index) else {
      transaction.attach(create.draft.change)
      return
    }
    var resolved = ResolvedRows()
    let moves = try await moves(
      collection, before: nil, after: create.draft.record, changed: [], &resolved, in: transaction)
    transaction.attach(create.draft.change.moving(moves))
  }

  /// Throws `RoostError` where what a create refers to is not there.
  fileprivate func checkReferences(
    of create: PreparedCreate, _ seen: inout SeenReferences, in transaction: any Transaction
  ) async throws {
    let collection = create.draft.change.collection
    var issues: [FieldIssue] = []
    for index in collection.references where !create.draft.awaited.contains(index) {
      guard case .uuid(let id) = create.draft.record.values[index] else { continue }
      let field = collection.fields[index]
      let exists: Bool
      let place: Int
      switch field.type {
      case .user:
        place = -1
        if seen.holds(id, of: place) { continue }
        exists =
          create.draft.isRestored
          ? try await people.userIsKnown(id, in: transaction)
          : try await people.userExists(id, in: transaction)
      case .reference(let typeName):
        guard let target = catalogue.collection(ofType: typeName) else { continue }
        place = target.index
        if seen.holds(id, of: place) { continue }
        exists = try await isVisible(id, target, field, create.draft.mutation, transaction)
      default: continue
      }
      if exists { seen.note(id, of: place) } else { issues.append(WritePath.missing(field)) }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }
}
