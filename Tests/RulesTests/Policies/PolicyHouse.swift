import Foundation
import Queries
import RoostCore
import Rules

/// A schema of PostgreSQL with the tables of a rule book, its policies, and a login beside Roost.
final class PolicyHouse {
  let schema: String
  let reader: String
  private let owner: String
  private let readerAddress: String

  /// Makes the tables, fills them by `rows` and applies the policies.
  ///
  /// Throws what the database complained of.
  init(_ book: RuleBook, tables: [String], rows: [String], owner: String) throws {
    let mark = String(UInt64.random(in: 0..<1 << 40), radix: 36)
    schema = "policy_\(mark)"
    reader = "reader_\(mark)"
    self.owner = owner
    readerAddress = try Psql.address(of: reader, password: "guest", like: owner)
    guard let admin = ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES_ADMIN"] else {
      throw Failure(description: "ROOST_TEST_POSTGRES_ADMIN is not set")
    }
    try complain(Psql.run("CREATE ROLE \(reader) LOGIN PASSWORD 'guest'", as: admin))
    let script = PolicyScript(book, tables: schema, readers: [reader])
    let statements =
      ["\\set ON_ERROR_STOP 1", "CREATE SCHEMA \(schema)", "SET search_path = \(schema)", "BEGIN"]
      + tables + rows + script.removal.map(\.text) + script.creation.map(\.text) + ["COMMIT"]
    try complain(Psql.run(PolicyHouse.joined(statements), as: owner))
  }

  struct Failure: Error, CustomStringConvertible { let description: String }

  private func complain(_ outcome: Psql.Outcome) throws {
    let errors = outcome.errors.split(separator: "\n").filter { $0.contains("ERROR") }
    guard errors.isEmpty else { throw Failure(description: outcome.errors) }
  }

  private static func joined(_ statements: [String]) -> String {
    statements.map { $0.hasPrefix("\\") ? $0 : $0 + ";" }.joined(separator: "\n")
  }

  /// Runs statements as the login beside Roost.
  func read(_ statements: [String]) throws -> Psql.Outcome {
    try Psql.run(
      PolicyHouse.joined(["SET search_path = \(schema)"] + statements), as: readerAddress)
  }

  /// Runs statements as Roost's own login.
  func own(_ statements: [String]) throws -> Psql.Outcome {
    try Psql.run(PolicyHouse.joined(["SET search_path = \(schema)"] + statements), as: owner)
  }

  /// What tells the policies who asks; for the transaction only where `isLocal`.
  static func naming(_ facts: CallerFacts, isLocal: Bool = false) -> String {
    func list(_ words: Set<String>) -> String {
      SQL.literal(.text(JSON.array(words.sorted().map { .string($0) }).text)).text
    }
    let settings = [
      ("roost.uid", "'\(facts.uid.map { "\($0)" } ?? "")'"),
      ("roost.anonymous", "'\(facts.isAnonymous)'"), ("roost.roles", list(facts.roles)),
      ("roost.claims", list(facts.claims)),
    ]
    let calls = settings.map { "set_config('\($0.0)', \($0.1), \(isLocal))" }
    return "SELECT '' FROM (SELECT \(calls.joined(separator: ", "))) AS named"
  }

  /// Removes the schema, its functions and the login.
  func close() throws {
    _ = try own([
      "DROP SCHEMA \(schema) CASCADE",
      "DROP SCHEMA IF EXISTS \(PolicyScript.functionSchema(of: schema)) CASCADE",
    ])
    if let admin = ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES_ADMIN"] {
      _ = try Psql.run("DROP OWNED BY \(reader); DROP ROLE \(reader);", as: admin)
    }
  }
}
