import Queries
import Rules

/// What one change of a row does to the streams, and to who holds which scopes.
struct ScopeMoves: Sendable {
  /// Entries that take a new sequence: new ones, those whose mask is another one now, and those with
  /// a changed value inside their mask.
  private(set) var puts: [ScopeEntry] = []
  /// Scopes that no longer hold the row.
  private(set) var leaves: [ScopeConjunction] = []
  /// Grants and edges that the row gives now and did not give before.
  private(set) var given: Set<ScopeContribution> = []
  /// Grants and edges that the row no longer gives.
  private(set) var taken: Set<ScopeContribution> = []

  static let none = ScopeMoves()

  private init() {}

  var changesGrants: Bool { !given.isEmpty || !taken.isEmpty }

  /// The moves of a change in the fields `changed`; `before` is nil for a create.
  ///
  /// `resolved` holds all that the scopes of both rows are resolved from.
  init(
    _ collection: CompiledCollection, _ scopes: ScopeBook, before: RowImage?, after: RowImage,
    changed: [Int], _ resolved: ResolvedRows
  ) {
    if scopes.contributes(collection.index) {
      let now = scopes.contributions(of: after)
      let then = before.map { scopes.contributions(of: $0) } ?? []
      given = now.subtracting(then)
      taken = then.subtracting(now)
    }
    guard collection.isSynced else { return }
    let now = scopes.entries(of: after, resolved)
    guard let before else {
      puts = now
      return
    }
    let then = scopes.entries(of: before, resolved)
    puts = now.filter { entry in
      guard let old = then.first(where: { $0.scope == entry.scope }) else { return true }
      return changed.contains { entry.mask.contains($0) }
        || (old.mask != entry.mask
          && collection.numbers(of: old.mask) != collection.numbers(of: entry.mask))
    }
    leaves = then.filter { old in !now.contains { $0.scope == old.scope } }.map(\.scope)
  }
}

extension Catalogue {
  /// Loads the rows, deleted or not, that the scopes of `row` are resolved from.
  ///
  /// What is in `resolved` is not loaded again: only columns that never change are read of it.
  func resolve(
    _ row: RowImage, into resolved: inout ResolvedRows, in reader: any Reader
  ) async throws {
    while true {
      let missing = scopes.missing(for: row, resolved)
      if missing.isEmpty { return }
      for key in missing {
        let collection = collections[key.collection]
        let found = try await reader.first(collection.selectRow, [.uuid(key.id)]) {
          collection.image($0)
        }
        if let found { resolved.insert(found) } else { resolved.insertMissing(key) }
      }
    }
  }
}
