import Queries
import Rules
import Schema

/// What one change of a row does to the streams, and to who holds which scopes.
struct ScopeMoves: Sendable {
  /// An entry that takes a new sequence in the stream of a scope in a tier.
  struct Put: Sendable {
    let scope: ScopeConjunction
    let tier: SyncPolicy.Tier
    let mask: FieldSet
    /// In a tier that is not asked for at every pull: it shows less than before, which must not wait.
    var narrows = false
  }

  /// A stream that no longer holds the row.
  struct Leave: Sendable {
    let scope: ScopeConjunction
    let tier: SyncPolicy.Tier
  }

  /// Entries that take a new sequence: new ones, those whose mask is another one now, and those with
  /// a changed value inside their mask.
  private(set) var puts: [Put] = []
  /// Streams that no longer hold the row.
  private(set) var leaves: [Leave] = []
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
    let then = before.map { scopes.entries(of: $0, resolved) } ?? []
    moveHome(collection, then, now, changed)
    let tiers = collection.streamed.tiers
    for (tier, fields) in tiers.slower {
      moveSlower(collection, tier, then.within(fields), now.within(fields), changed)
    }
  }

  /// Moves the entries of the home tier, which have the whole masks.
  private mutating func moveHome(
    _ collection: CompiledCollection, _ then: [ScopeEntry], _ now: [ScopeEntry], _ changed: [Int]
  ) {
    let tiers = collection.streamed.tiers
    for entry in now {
      var put = Put(scope: entry.scope, tier: tiers.home, mask: entry.mask)
      if let old = then.first(where: { $0.scope == entry.scope }) {
        let isOther =
          old.mask != entry.mask
          && collection.numbers(of: old.mask) != collection.numbers(of: entry.mask)
        let isMoved =
          isOther || changed.contains { entry.mask.contains($0) && !tiers.elsewhere.contains($0) }
        guard isMoved else { continue }
        put.narrows =
          isOther && tiers.home != .live && !old.mask.subtracting(entry.mask).isEmpty
      }
      puts.append(put)
    }
    leave(then, now, tiers.home)
  }

  private mutating func moveSlower(
    _ collection: CompiledCollection, _ tier: SyncPolicy.Tier, _ then: [ScopeEntry],
    _ now: [ScopeEntry], _ changed: [Int]
  ) {
    for entry in now {
      let old = then.first { $0.scope == entry.scope }
      if let old, old.mask == entry.mask, !changed.contains(where: { entry.mask.contains($0) }) {
        continue
      }
      let narrows = old.map { !$0.mask.subtracting(entry.mask).isEmpty } ?? false
      puts.append(Put(scope: entry.scope, tier: tier, mask: entry.mask, narrows: narrows))
    }
    leave(then, now, tier)
  }

  private mutating func leave(
    _ then: [ScopeEntry], _ now: [ScopeEntry], _ tier: SyncPolicy.Tier
  ) {
    for old in then where !now.contains(where: { $0.scope == old.scope }) {
      leaves.append(Leave(scope: old.scope, tier: tier))
    }
  }
}

extension [ScopeEntry] {
  /// The entries with what their masks show of some fields; those that show none of them are left out.
  func within(_ fields: FieldSet) -> [ScopeEntry] {
    compactMap { entry in
      let mask = entry.mask.intersection(fields)
      return mask.isEmpty ? nil : entry.masked(mask)
    }
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
