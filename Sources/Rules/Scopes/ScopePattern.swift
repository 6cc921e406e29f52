package import RoostCore
import Schema

/// The accounts at the end of a path from any row of one collection: the shape of path scopes.
struct ScopePattern: Hashable, Sendable {
  /// The collection of the rows that the scopes are named after.
  let anchor: Int
  let steps: ArraySlice<RulePath.Step>
  let user: Int
  /// What follows `#` in the scope's text.
  let text: String

  /// The scope that is named after the row `id`.
  func scope(_ id: UUID, in model: SchemaModel) -> Scope {
    .path(PathScope(type: model.collections[anchor].typeName, id: id, path: text))
  }

  static func text(
    _ steps: ArraySlice<RulePath.Step>, _ user: Int, _ having: Expression?, from anchor: Int,
    in model: SchemaModel
  ) -> String {
    var text = ""
    var current = anchor
    let last = steps.lastIndex { if case .toMany = $0 { true } else { false } }
    for index in steps.indices {
      let here = model.collections[current]
      switch steps[index] {
      case .toOne(let field, let target):
        text += here.fields[field].name
        current = target
      case .toMany(let collection, let field):
        let other = model.collections[collection]
        let name = other.fields[field].name
        let inverse = here.inverses.first {
          $0.typeName == other.typeName && $0.field == name
        }
        text += inverse?.name ?? "\(other.typeName)^\(name)"
        current = collection
        if index == last, let having { text += "[\(having.scopeText(other))]" }
      }
      text += "."
    }
    return text + model.collections[current].fields[user].name
  }
}

/// What one live row gives to the scopes: who holds what.
package enum ScopeContribution: Hashable, Sendable {
  /// An account holds a scope.
  case grant(user: UUID, scope: Scope)
  /// Who holds the parent holds the child.
  case edge(parent: Scope, child: Scope)
}

/// How the rows of one collection contribute.
struct ScopeSource: Sendable {
  enum Key: Sendable {
    /// The row's own id.
    case id
    /// What the field refers to.
    case field(Int)
  }

  enum Giving: Sendable {
    /// To the account in the field.
    case grant(user: Int)
    /// From the scope of this pattern, named after the row in the key.
    case edge(ScopePattern, Key)
  }

  let pattern: ScopePattern
  /// The row that the scope is named after.
  let key: Key
  /// What must be TRUE of the row.
  let test: Expression?
  let giving: Giving

  /// What `row` gives, or nil.
  func contribution(of row: RowImage, in model: SchemaModel) -> ScopeContribution? {
    guard let id = key.id(of: row) else { return nil }
    if let test, Evaluation(.nobody, row).truth(test) != true { return nil }
    let scope = pattern.scope(id, in: model)
    switch giving {
    case .grant(let field):
      guard case .uuid(let user) = row.values[field] else { return nil }
      return .grant(user: user, scope: scope)
    case .edge(let parent, let parentKey):
      guard let parentID = parentKey.id(of: row) else { return nil }
      return .edge(parent: parent.scope(parentID, in: model), child: scope)
    }
  }
}

extension ScopeSource.Key {
  fileprivate func id(of row: RowImage) -> UUID? {
    switch self {
    case .id: return row.id
    case .field(let field):
      if case .uuid(let id) = row.values[field] { return id }
      return nil
    }
  }
}
