/// Figures of a database since it was opened, for the metrics.
package struct PostgresStatistics: Sendable {
  /// Transactions committed, and the writes in them.
  package let batches: Int
  package let writes: Int
  package let largestBatch: Int
  /// Rows that were appended by COPY.
  package let copiedRows: Int
  /// Transactions undone as a whole.
  package let failedBatches: Int
  /// Batches by size: 1, 2–3, 4–7, … 32–63.
  package let batchSizes: [Int]
  /// Transactions that ran again: after conflicts, lost connections and changes of the schema.
  package let retries: Int
  /// Commits of which nobody knows whether they are there.
  package let unknownOutcomes: Int
  /// Time in COMMIT, in all and the longest.
  package let commitMicroseconds: Int
  package let longestCommitMicroseconds: Int
  /// Reads that began on shared connections, and the groups that they were taken in.
  package let sharedReads: Int
  package let groups: Int
  /// Reads on connections of their own, and those of them that took too long on shared ones.
  package let longReads: Int
  package let handedOverReads: Int
  /// Reads that waited for a connection of their own for too long and were refused.
  package let lateReads: Int
  package let queuedWrites: Int
  package let queuedReads: Int
  /// Connections made so far, and those of them in the place of lost ones.
  package let connects: Int
  package let reconnects: Int

  /// The standbys that may answer reads.
  package let replicas: [ReplicaStatistics]

  init(
    _ writers: Writers, _ shared: SharedReaders, _ long: LongReaders,
    _ replicas: [ReplicaStatistics]
  ) {
    self.replicas = replicas
    let written = writers.counters
    let short = shared.counters
    let other = long.monitor.withLock { state in
      (
        total: state.total, queued: state.reads.count, connects: state.connects, late: state.late
      )
    }
    batches = written.batches
    writes = written.writes
    largestBatch = written.largestBatch
    copiedRows = written.copiedRows.reduce(0, +)
    failedBatches = written.failedBatches
    batchSizes = written.batchSizes
    retries = written.retries
    unknownOutcomes = written.unknownOutcomes
    commitMicroseconds = written.commitMicroseconds
    longestCommitMicroseconds = written.longestCommitMicroseconds
    sharedReads = short.reads
    groups = short.groups
    longReads = other.total
    handedOverReads = short.handedOver
    lateReads = other.late
    queuedWrites = writers.queued
    queuedReads = short.queued + other.queued
    let all = written.connects + short.connects + other.connects
    connects = all.reduce(0, +)
    reconnects = all.reduce(0) { $0 + max(0, $1 - 1) }
  }
}
