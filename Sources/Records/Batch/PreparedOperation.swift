import Queries
package import RoostCore

/// A read or a write that was decoded and authorised as far as it goes without the database, and
/// waits for a transaction.
package struct PreparedOperation: Sendable {
  enum Work: Sendable {
    case create(WritePath.Draft)
    /// An update or a delete.
    case change(Mutation)
    case read(
      CompiledCollection, @Sendable (any Reader) async throws -> RenderedRecord?, isBrief: Bool)
    case list(@Sendable (any Reader) async throws -> Page, isBrief: Bool)
  }

  let work: Work
  /// The collection whose words it searches; the index must be in step before it is read.
  var searched: CompiledCollection?

  /// Whether it changes anything.
  package var isWrite: Bool {
    switch work {
    case .create, .change: true
    case .read, .list: false
    }
  }

  /// Whether it takes so little time that everybody's writes can wait for it.
  package var isBrief: Bool {
    switch work {
    case .list(_, let isBrief), .read(_, _, let isBrief): isBrief
    case .create, .change: true
    }
  }

  /// Whether it reads a page.
  package var isList: Bool {
    if case .list = work { true } else { false }
  }
}

/// What an operation came to, rendered as its author may see it.
package enum OperationOutcome: Sendable {
  case record(RenderedRecord)
  case deleted
  case page(Page)

  /// The bytes of its answer, but for what stands around them.
  var byteCount: Int {
    switch self {
    case .record(let record): record.json.count
    case .deleted: 0
    case .page(let page): page.items.count
    }
  }
}

/// The operation for which nothing of a batch was done.
package struct BatchFailure: Error {
  /// Its place among the operations, from 0.
  package let index: Int
  package let error: RoostError
}
