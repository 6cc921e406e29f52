import RoostCore

/// Where backups are packed, unpacked and waited for: a thread of their own, since they take long.
enum BackupThread {
  static func run<Result: Sendable>(
    _ work: @escaping @Sendable () throws -> Result
  ) async throws -> Result {
    let pool = OffloadPool(threads: 1, queued: 1, name: "roost-backup")
    defer { pool.stop() }
    return try await pool.run(work)
  }
}
