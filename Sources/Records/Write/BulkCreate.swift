import Queries
import RoostCore
import Rules
import Schema

/// Creates of one collection that go together: one look at all references and one INSERT of many
/// rows, where each statement is a journey.
///
/// It is the write path with its statements drawn together, and all or nothing: where anything is
/// not as it should be it gives up, and the creates are carried out one by one in another
/// transaction, which says which of them is refused and why.
struct BulkCreate {
  /// Something stands against one of the creates.
  struct Refused: Error {}

  private let path: WritePath
  private let collection: CompiledCollection
  private let author: Mutation.Author

  /// Creates like `first`; nil where it is not for many.
  init?(_ first: WritePath.Draft, _ path: WritePath) {
    self.path = path
    collection = first.mutation.collection
    author = first.mutation.author
    guard takes(first) else { return nil }
  }

  /// Whether `draft` can be one of them: of the same author, its row judged already, and with nothing
  /// to be looked up for its streams.
  func takes(_ draft: WritePath.Draft) -> Bool {
    draft.isJudged && draft.mutation.collection.index == collection.index
      && draft.mutation.author.uid == author.uid
      && draft.mutation.author.isSystem == author.isSystem
      && !path.catalogue.scopes.resolvesReferences(of: collection.index)
  }

  /// Carries out `drafts`, all of which it takes; throws `Refused`.
  func create(
    _ drafts: [WritePath.Draft], in transaction: any Transaction
  ) async throws -> [WriteOutcome] {
    do {
      try await checkReferences(drafts, in: transaction)
      try await collection.insertMany.run(
        try await drafts.sealedRows(of: collection, in: transaction), in: transaction)
    } catch is ConstraintViolation {
      throw Refused()
    } catch let error as RoostError where error.code.status < 500 {
      throw Refused()
    }
    return drafts.map { draft in
      transaction.attach(draft.change)
      return WriteOutcome(
        record: draft.record, isChanged: true,
        members: Authority(draft.mutation).membersInMemory(of: draft.record),
        json: draft.json)
    }
  }

  // MARK: References

  /// Rows of one collection that are referred to under one access.
  private struct Wanted {
    let target: CompiledCollection
    let access: Access
    var ids: Set<UUID>
  }

  private struct WantedKey: Hashable {
    let target: Int
    /// By what the author sees, and not by what there is.
    let asAuthor: Bool
  }

  private func checkReferences(
    _ drafts: [WritePath.Draft], in transaction: any Transaction
  ) async throws {
    var people: Set<UUID> = []
    var wanted: [WantedKey: Wanted] = [:]
    for draft in drafts {
      for change in draft.mutation.changes where !draft.awaited.contains(change.field) {
        let field = collection.fields[change.field]
        guard case .uuid(let id) = draft.record.values[change.field] else { continue }
        switch field.type {
        case .user: if author.account != id { people.insert(id) }
        case .reference(let typeName):
          guard let target = path.catalogue.collection(ofType: typeName) else { continue }
          let access = WritePath.referenceAccess(target, field, author)
          if access.isNever { throw Refused() }
          let key = WantedKey(
            target: target.index,
            asAuthor: field.relation?.referenceCheck != Relation.ReferenceCheck.none)
          wanted[key, default: Wanted(target: target, access: access, ids: [])].ids.insert(id)
        default: continue
        }
      }
    }
    guard try await path.people.usersExist(people.sorted(), in: transaction) else {
      throw Refused()
    }
    for (_, rows) in wanted.sorted(by: { $0.key.target < $1.key.target }) {
      try await check(rows, in: transaction)
    }
  }

  private func check(_ wanted: Wanted, in transaction: any Transaction) async throws {
    // In their order, so that two writers lock them one way.
    var rest = wanted.ids.sorted()[...]
    while !rest.isEmpty {
      let ids = rest.prefix(PaddedList.largest).map { Value.uuid($0) }
      rest = rest.dropFirst(PaddedList.largest)
      let list = PaddedList.padded(ids)
      let statement = wanted.target.existence(wanted.access, among: list.count)
      var found = 0
      try await transaction.query(
        statement.statement, statement.values(wanted.access.facts, nil, list)
      ) { _ in
        found += 1
        return true
      }
      guard found == ids.count else { throw Refused() }
    }
  }
}
