package import Queries
package import Records
package import RoostCore

/// Copies every row of an app from one database to another, and compares both afterwards.
///
/// Nothing writes to the source meanwhile. The target has its tables and nothing in them, or what an
/// earlier try has left there. Positions in the log, sequences in streams, cursors of followers and
/// keys come along, so whoever was connected goes on where they were.
package struct MoveJob: Sendable {
  private let source: any Database
  private let target: any Database
  private let catalogue: Catalogue
  private let time: any TimeSource
  private let onProgress: @Sendable (MoveProgress) -> Void

  /// Rows of one read and one write.
  private static let rowsAtOnce = 2_000
  /// Writes under way at a time.
  private static let writesAtOnce = 3

  package init(
    from source: any Database, to target: any Database, _ catalogue: Catalogue,
    time: any TimeSource, onProgress: @escaping @Sendable (MoveProgress) -> Void = { _ in }
  ) {
    self.source = source
    self.target = target
    self.time = time
    self.onProgress = onProgress
    self.catalogue = catalogue
  }

  /// Copies and compares.
  ///
  /// Throws `MoveFault` where a table is not the same afterwards, and what the databases throw; the
  /// target is then marked as not complete, and the job can be run again.
  ///
  /// What migrations keep comes along; one that is under way is refused with `RoostError`.
  ///
  /// `leave` is done once both sides are the same and before the target may be opened, so that there is
  /// no moment at which both may be.
  package func run(leave: () async throws -> Void = {}) async throws -> MoveReport {
    let start = time.monotonicNanoseconds()
    let kept = try await whatIsKept()
    try await target.write { transaction in
      try await MoveMark.set(.arriving, in: transaction)
      for table in kept { try await table.make(in: transaction) }
    }
    let tables = tables(keeping: kept)
    for table in tables {
      _ = try await target.write { try await $0.execute("DELETE FROM \(table.identifier)") }
    }
    let total = try await count(tables)
    var copied: [TableDigest] = []
    var rows = 0
    for table in tables {
      copied.append(try await copy(table, start: start, before: rows, total: total))
      rows += copied.last?.rows ?? 0
    }
    var report: [MoveReport.Table] = []
    rows = 0
    let middle = time.monotonicNanoseconds()
    for (table, expected) in zip(tables, copied) {
      let found = try await digest(of: table, start: middle, before: rows, total: total)
      rows += found.rows
      let digest = found.finish()
      guard expected.rows == found.rows, expected.finish() == digest else {
        throw MoveFault(table: table.name, source: expected.rows, target: found.rows)
      }
      report.append(MoveReport.Table(name: table.name, rows: found.rows, digest: digest))
    }
    try await leave()
    try await finish(tables)
    return MoveReport(tables: report, seconds: seconds(since: start))
  }

  private func seconds(since start: UInt64) -> Double {
    Double(time.monotonicNanoseconds() &- start) / 1_000_000_000
  }

  /// What is kept in the source beside its schema.
  private func whatIsKept() async throws -> [RetiredTable] {
    let (kept, runs) = try await source.read(.snapshot) { reader in
      (try await RetiredTable.all(in: reader), try await MigrationRun.all(in: reader))
    }
    // The values that it has converted so far stand in columns that nothing knows but itself.
    if let open = runs.last(where: { $0.state == .converting }) {
      throw RoostError(
        .conflict,
        "Migration \(open.number) is under way: finish it with roost migrate apply, or give it up "
          + "with roost migrate rollback, and move then.")
    }
    return kept
  }

  private func tables(keeping kept: [RetiredTable]) -> [MovedTable] {
    let beside = Dictionary(kept.filter { !$0.isWhole }.map { ($0.name, $0) }) { $1 }
    return MovedTable.system
      + catalogue.collections.map { MovedTable.of($0, keeping: beside[$0.name]) }
      + kept.filter(\.isWhole).map { MovedTable.of($0) }
  }

  private func count(_ tables: [MovedTable]) async throws -> Int {
    var total = 0
    for table in tables {
      let rows = try await source.read(.statement) { reader in
        try await reader.first("SELECT count(*) FROM \(table.identifier)") { $0.int64(0) } ?? 0
      }
      total += Int(clamping: rows)
    }
    return total
  }

  /// Reads page after page and writes several at a time.
  private func copy(
    _ table: MovedTable, start: UInt64, before: Int, total: Int
  ) async throws -> TableDigest {
    let reader = TableReader(table: table, rowsAtOnce: MoveJob.rowsAtOnce)
    let writer = TableWriter(table)
    let target = target
    let source = source
    return try await withThrowingTaskGroup(of: Void.self) { group in
      var digest = TableDigest()
      var behind: [Value]?
      var underWay = 0
      while true {
        try Task.checkCancellation()
        let key = behind
        let sum = digest
        let (page, added) = try await source.read(.statement) { connection in
          var sum = sum
          let page = try await reader.page(behind: key, in: connection, digest: &sum)
          return (page, sum)
        }
        digest = added
        guard let last = page.last else { break }
        behind = last
        if underWay == MoveJob.writesAtOnce {
          try await group.next()
          underWay -= 1
        }
        group.addTask { try await target.write { try await writer.write(page.rows, in: $0) } }
        underWay += 1
        onProgress(
          MoveProgress(
            step: .copying, table: table.name, rows: before + digest.rows, total: total,
            seconds: seconds(since: start)))
        if page.rows.count < MoveJob.rowsAtOnce { break }
      }
      try await group.waitForAll()
      return digest
    }
  }

  private func digest(
    of table: MovedTable, start: UInt64, before: Int, total: Int
  ) async throws -> TableDigest {
    let reader = TableReader(table: table, rowsAtOnce: MoveJob.rowsAtOnce)
    var digest = TableDigest()
    var behind: [Value]?
    while true {
      try Task.checkCancellation()
      let key = behind
      let sum = digest
      let (last, added) = try await target.read(.statement) { connection in
        var sum = sum
        let page = try await reader.page(
          behind: key, in: connection, digest: &sum, keeping: false)
        return (page.last, sum)
      }
      let count = added.rows - digest.rows
      digest = added
      behind = last
      onProgress(
        MoveProgress(
          step: .verifying, table: table.name, rows: before + digest.rows, total: total,
          seconds: seconds(since: start)))
      if count < MoveJob.rowsAtOnce { return digest }
    }
  }

  /// The heads of the log, the next numbers, the words to index; then the mark goes.
  private func finish(_ tables: [MovedTable]) async throws {
    let heads = try await source.read(.statement) { reader in
      try await reader.all("SELECT partition, position FROM roost_log_head") {
        ($0.int64(0), $0.int64(1))
      }
    }
    try await target.write { transaction in
      for (partition, position) in heads {
        try await transaction.execute(
          "UPDATE roost_log_head SET position = \(position) WHERE partition = \(partition)")
      }
      for table in tables where table.isNumbered {
        guard let key = table.columns.first?.name else { continue }
        let last = try await transaction.first(
          "SELECT coalesce(max(\(identifier: key)), 0) FROM \(table.identifier)"
        ) { $0.int64(0) }
        if let restart = transaction.dialect.restart(table.name, key, at: (last ?? 0) + 1) {
          try await transaction.execute(restart)
        }
      }
      // The words of records are not moved: they are read from the records again.
      try await transaction.execute("UPDATE roost_search SET building = 1, after = NULL, done = 0")
      try await MoveMark.set(nil, in: transaction)
    }
  }
}

/// A table that is not the same on both sides of a move.
package struct MoveFault: Error, Sendable, CustomStringConvertible {
  let table: String
  let source: Int
  let target: Int

  package var description: String {
    source == target
      ? "The rows of \(table) are not the same on both sides; nothing was switched over."
      : "\(table) has \(source) rows here and \(target) there; nothing was switched over."
  }
}
