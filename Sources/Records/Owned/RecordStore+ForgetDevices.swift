package import Queries
package import RoostCore

extension RecordStore {
  private static let forgottenAtOnce = 500

  /// Forgets what the devices of `account` pushed: their lanes, the results of their mutations, what
  /// there was to decide.
  ///
  /// In small transactions. The results are looked for by a reader, since no index leads from an
  /// account to them: it would cost every push. Each asks `isDue` first, and nothing more is
  /// forgotten once that is false.
  package func forgetDevices(
    of account: UUID, while isDue: @escaping @Sendable (any Transaction) async throws -> Bool
  ) async throws {
    let limit = RecordStore.forgottenAtOnce
    var last: Int64 = 0
    while true {
      let from = last
      let numbers = try await database.read(.statement) { reader in
        try await reader.all(
          """
          SELECT number FROM roost_mutation WHERE number > \(from) AND account = \(account) \
          ORDER BY number LIMIT \(limit)
          """
        ) { $0.int64(0) }
      }
      guard let end = numbers.last else { break }
      last = end
      try await database.write { transaction in
        guard try await isDue(transaction) else { return }
        let list = numbers.map { SQL.literal(.int($0)) }.joined(by: ", ")
        _ = try await transaction.execute("DELETE FROM roost_mutation WHERE number IN (\(list))")
      }
    }
    try await database.write { transaction in
      guard try await isDue(transaction) else { return }
      _ = try await transaction.execute("DELETE FROM roost_client WHERE account = \(account)")
      _ = try await transaction.execute("DELETE FROM roost_conflict WHERE account = \(account)")
    }
  }

  /// Whether devices of `account` have ever pushed something that is kept.
  package func hasPushed(_ account: UUID, in reader: any Reader) async throws -> Bool {
    try await reader.first("SELECT 1 FROM roost_client WHERE account = \(account) LIMIT 1") { _ in
      true
    } ?? false
  }
}
