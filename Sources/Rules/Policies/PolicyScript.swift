package import Queries
import Schema

/// Row-level security of PostgreSQL from the rules: the guard for logins beside Roost.
///
/// Roost itself decides by the predicates in its statements. Others who log in to the same database
/// (reports, notebooks, a second service) read under these policies: the rows that the READ rules
/// let the caller see whom they name in `roost.uid`, `roost.roles` and `roost.claims`, and of them
/// the columns that every such rule shows. Without a name nothing is seen but what is public. They
/// write nothing: the one write path is Roost's.
package struct PolicyScript {
  /// What takes the policies of this schema away, if there are any.
  package let removal: [SQL]
  /// What makes them, after `removal`, in one transaction.
  package let creation: [SQL]

  /// The policies for the logins `readers` on the tables of the schema `tables`.
  package init(_ book: RuleBook, tables: String, readers: [String]) {
    let schema = SQL.identifier(tables)
    let helpers = PolicyScript.functionSchema(of: tables)
    let roles = readers.map { SQL.identifier($0) }.joined(by: ", ")
    let functions = PolicyFunctions(tables: tables, functions: helpers)
    functions.addCaller()
    var policies: [SQL] = []
    for rules in book.collections {
      policies += PolicyWriter(rules, functions, roles: roles).statements
    }
    removal =
      ["DROP SCHEMA IF EXISTS \(functions.functions) CASCADE"]
      + book.collections.flatMap { rules in
        PolicyWriter(rules, functions, roles: roles).removal
      }
    creation =
      ["CREATE SCHEMA \(functions.functions)"] + functions.statements
      + [
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA \(functions.functions) FROM PUBLIC",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \(functions.functions) TO \(roles)",
        "GRANT USAGE ON SCHEMA \(functions.functions), \(schema) TO \(roles)",
      ] + policies
  }

  /// The schema of the functions for the tables of `schema`.
  package static func functionSchema(of schema: String) -> String { schema + "_rules" }
}
