import RoostCore
import Rules
import Schema

/// The rows of a world around a row in memory.
struct WorldRows: RelatedRows {
  let world: World
  let fault: Fault?

  func row(_ collection: Int, _ id: UUID) -> RowImage? {
    world.row(collection, id).map { fault?.row($0) ?? $0 }
  }

  func rows(_ collection: Int, where field: Int, is id: UUID) -> [RowImage] {
    let keeps = fault == .memoryKeepsDeletedMembers
    return world.rows[collection].filter { row in
      (keeps || !row.isDeleted) && row.values[field] == .uuid(id)
    }.map { row in
      keeps ? row.with(isDeleted: false) : fault?.row(row) ?? row
    }
  }
}

/// The scopes of a world: who holds what, and where the rows stand.
struct ScopeOutput {
  let book: ScopeBook
  private let world: World
  private let fault: Fault?
  private var grants: [UUID: Set<Scope>] = [:]
  private var children: [Scope: Set<Scope>] = [:]

  init(_ book: ScopeBook, _ world: World, _ fault: Fault?) {
    self.book = book
    self.world = world
    self.fault = fault
    for stored in world.rows.joined() {
      let row = fault == .scopesKeepDeletedGrants ? stored.with(isDeleted: false) : stored
      for contribution in book.contributions(of: row) {
        switch contribution {
        case .grant(let user, let scope): grants[user, default: []].insert(scope)
        case .edge(let parent, let child): children[parent, default: []].insert(child)
        }
      }
    }
  }

  func held(by caller: Caller) -> HeldScopes {
    let roles = fault == .scopesForgetInheritedRoles ? nil : book.model.roles
    var held = HeldScopes(
      CallerFacts(caller, roles), grants: caller.uid.flatMap { grants[$0] } ?? [])
    var open = held.takeUnexplored()
    while !open.isEmpty {
      for atom in open { held.add(children[atom] ?? []) }
      open = held.takeUnexplored()
    }
    return held
  }

  func entries(of row: RowImage) -> [ScopeEntry] {
    var resolved = ResolvedRows()
    for _ in 0..<4 {
      let missing = book.missing(for: row, resolved)
      if missing.isEmpty { return book.entries(of: row, resolved) }
      for key in missing {
        let found = world.row(key.collection, key.id)
        if let found, fault != .scopesTestResolvedHops || !found.isDeleted {
          resolved.insert(found)
        } else {
          resolved.insertMissing(key)
        }
      }
    }
    return []
  }
}
