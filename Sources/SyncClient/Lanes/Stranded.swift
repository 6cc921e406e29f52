import RoostCore
import SyncProtocol

/// What a server that was put back could not take in for want of rows, which other devices may still
/// bring.
///
/// A device pushes everything again to such a server. What it did to rows that another device had
/// made after the copy is refused where it comes first: it is kept here, and is brought once more as
/// soon as one of those rows comes.
struct Stranded: Sendable {
  struct Waiting: Sendable {
    let lane: Lane
    let mutation: ClientMutation
    let note: Lanes.Note
    /// Whether no commit came behind the refusal.
    var isNew = true
  }

  /// A row that changes often would have a mutation brought again and again that lacks another one.
  private static let mostTries = 8
  private static let mostWaiting = 10_000

  /// Mutations that were made before the device heard of the server's history of now, with how often
  /// each was brought.
  private var tries: [ChainHash: Int] = [:]
  private var waiting: [ChainHash: Waiting] = [:]

  /// Another history of the server begins, to which these mutations are older.
  mutating func begin(_ mutations: [ClientMutation]) {
    tries = Dictionary(mutations.map { ($0.oid, 0) }, uniquingKeysWith: { $1 })
    for oid in waiting.keys { tries[oid] = 0 }
  }

  /// Takes in what became of a mutation.
  mutating func take(
    _ result: MutationResult, of mutation: ClientMutation, in lane: Lane, _ note: Lanes.Note?
  ) {
    guard let tried = tries[mutation.oid] else { return }
    guard result.isForWantOfRow, tried < Stranded.mostTries, let note,
      waiting.count < Stranded.mostWaiting
    else {
      tries[mutation.oid] = nil
      waiting[mutation.oid] = nil
      return
    }
    waiting[mutation.oid] = Waiting(lane: lane, mutation: mutation, note: note)
  }

  /// Takes out what a commit lets be brought once more, in the order in which it was made: what names
  /// a row that `entries` bring, and what was refused since the last commit and names one that
  /// `isHeld`, since the refusal may be an old one that was told again.
  mutating func returned(
    by entries: [StreamEntry], isHeld: (UUID) -> Bool
  ) -> [Waiting] {
    guard !waiting.isEmpty else { return [] }
    let brought = Set(entries.filter { $0.kind == .put }.map(\.row.id))
    let found = waiting.values.filter { waiting in
      Stranded.names(waiting.mutation).contains {
        brought.contains($0) || waiting.isNew && isHeld($0)
      }
    }
    for oid in waiting.keys { waiting[oid]?.isNew = false }
    for one in found {
      waiting[one.mutation.oid] = nil
      tries[one.mutation.oid, default: 0] += 1
    }
    return found.sorted { Lanes.isEarlier(($0.mutation, $0.lane), ($1.mutation, $1.lane)) }
  }

  /// How many change rows of which each is held, though they were refused for want of one.
  func idleCount(isHeld: (RowKey) -> Bool) -> Int {
    waiting.values.count { waiting in
      let rows = waiting.mutation.operations.compactMap { operation -> RowKey? in
        switch operation {
        case .update, .delete: operation.row
        case .create, .action, .resolve: nil
        }
      }
      return rows.count == waiting.mutation.operations.count && rows.allSatisfy(isHeld)
    }
  }

  /// The ids of the rows that a mutation is about, and of those that it may have as values.
  private static func names(_ mutation: ClientMutation) -> [UUID] {
    mutation.operations.flatMap { operation -> [UUID] in
      switch operation {
      case .create(_, _, let fields): values(fields)
      case .update(_, let id, let fields, _): [id] + values(fields)
      case .delete(_, let id): [id]
      case .resolve(let conflict, _): [conflict]
      case .action: []
      }
    }
  }

  private static func values(_ fields: JSONObject) -> [UUID] {
    fields.members.compactMap { $0.value.string.flatMap { UUID($0) } }
  }
}
