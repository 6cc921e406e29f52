import Queries
import RoostCore

/// Takes tables for changes of their columns, without holding up those who read them.
///
/// Who waits to have a table alone keeps all waiting who come to read it later. So it is waited for a
/// moment; then the transaction gives everything back, and is begun again after a pause.
package enum TableLocks {
  /// Milliseconds that readers may be kept waiting by one try.
  private static let patience = 30
  private static let firstPause: UInt64 = 50_000_000
  private static let longestPause: UInt64 = 2_000_000_000
  private static let tries = 40

  /// Keeps everybody else from the tables until the commit; throws `TableHeld` where somebody reads
  /// one for longer.
  static func take(_ tables: Set<String>, in transaction: any Transaction) async throws {
    let dialect = transaction.dialect
    guard dialect.lockPatience != nil, !tables.isEmpty else { return }
    // Automatic maintenance gives way to those whom it keeps waiting, but after a while alone: it is
    // waited for in a way that holds up neither readers nor writers.
    for table in tables.sorted() {
      if let lock = dialect.lockAgainstMaintenance(table) { try await transaction.execute(lock) }
    }
    // So are those who write, for whom it must be quick: who reads is all that is left to wait for.
    for table in tables.sorted() {
      if let lock = dialect.lockAgainstWrites(table) { try await transaction.execute(lock) }
    }
    try await transaction.waiting("\(patience)") {
      for table in tables.sorted() {
        guard let lock = dialect.lockAgainstAll(table) else { continue }
        do {
          try await transaction.execute(lock)
        } catch let error as RoostError where error.code == .overloaded {
          throw TableHeld(table: table, cause: error)
        }
      }
    }
  }

  /// Runs a write again, with growing pauses, while somebody holds a table that it takes.
  ///
  /// Throws `.overloaded` where that goes on for more than a minute.
  package static func patiently<Result>(
    _ write: () async throws -> Result
  ) async throws -> Result {
    var pause = firstPause
    for _ in 1..<tries {
      do { return try await write() } catch is TableHeld {
        try await Task.sleep(nanoseconds: pause)
        pause = min(2 * pause, longestPause)
      }
    }
    do { return try await write() } catch let held as TableHeld {
      throw RoostError(
        .overloaded,
        "Somebody reads the table \(held.table) for long, such as an export: begin again when that "
          + "has ended; what was done is kept.", retryAfterSeconds: 60, cause: held.cause)
    }
  }
}

/// Somebody reads a table that a migration wants to change; nothing was changed.
struct TableHeld: Error {
  let table: String
  let cause: any Error
}
