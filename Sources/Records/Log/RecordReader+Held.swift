package import Queries
package import Rules
import Schema

extension RecordReader {
  /// All scopes that the caller holds as `reader` sees it: by what the caller is, by what rows grant,
  /// and over edges from there.
  package func heldScopes(in reader: any Reader) async throws -> HeldScopes {
    let facts = CallerFacts(caller, catalogue.model.roles)
    guard let uid = facts.uid else { return HeldScopes(facts, grants: []) }
    var granted: [Scope] = []
    var leadsOn = reader.dialect.statementsAreJourneys
    if !leadsOn {
      // Most grants lead nowhere, and to follow edges takes two tables that are made for the call.
      try await reader.query(GrantTables.granted, [.uuid(uid)]) { row in
        if let scope = Scope(text: row.text(0)) { granted.append(scope) }
        leadsOn = row.bool(1)
        return !leadsOn
      }
    }
    if leadsOn {
      granted = []
      try await reader.query(GrantTables.held, [.uuid(uid)]) { row in
        if let scope = Scope(text: row.text(0)) { granted.append(scope) }
        return true
      }
    }
    return HeldScopes(facts, grants: granted)
  }
}
