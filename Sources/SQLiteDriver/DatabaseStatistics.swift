/// What the writer counts.
struct WriterStatistics: Sendable {
  var batches = 0
  var writes = 0
  var largestBatch = 0
  var failedBatches = 0
  /// Batches by size: 1, 2–3, 4–7, … 256–511, 512 and more.
  var batchSizes = [Int](repeating: 0, count: 10)
  var commitMicroseconds = 0
  var longestCommitMicroseconds = 0
  var logBytes = 0
  var checkpoints = 0
  var checkpointMicroseconds = 0
  var freeBytes: UInt64?

  mutating func count(_ size: Int) {
    batches += 1
    writes += size
    largestBatch = max(largestBatch, size)
    batchSizes[min(9, Int.bitWidth - 1 - size.leadingZeroBitCount)] += 1
  }

  mutating func countCommit(microseconds: Int) {
    commitMicroseconds += microseconds
    longestCommitMicroseconds = max(longestCommitMicroseconds, microseconds)
  }
}

/// Figures of a database since it was opened, for the metrics.
package struct DatabaseStatistics: Sendable {
  /// Transactions committed, and the writes in them.
  package let batches: Int
  package let writes: Int
  package let largestBatch: Int
  /// Transactions undone as a whole.
  package let failedBatches: Int
  /// Batches by size: 1, 2–3, 4–7, … 256–511, 512 and more.
  package let batchSizes: [Int]
  /// Time in COMMIT, in all and the longest.
  package let commitMicroseconds: Int
  package let longestCommitMicroseconds: Int
  /// Bytes of the write-ahead log in use.
  package let logBytes: Int
  package let checkpoints: Int
  package let checkpointMicroseconds: Int
  /// Reads that began on their callers' threads, and those that ran on a thread for long reads.
  package let inlineReads: Int
  package let offloadedReads: Int
  package let queuedWrites: Int
  package let queuedReads: Int
  /// Free bytes of the file system when it was last asked (at most a second before a write).
  package let freeBytes: UInt64?

  init(_ writer: Writer, _ pool: ReaderPool, _ threads: ReaderThreads) {
    let counters = writer.counters
    batches = counters.batches
    writes = counters.writes
    largestBatch = counters.largestBatch
    failedBatches = counters.failedBatches
    batchSizes = counters.batchSizes
    commitMicroseconds = counters.commitMicroseconds
    longestCommitMicroseconds = counters.longestCommitMicroseconds
    logBytes = counters.logBytes
    checkpoints = counters.checkpoints
    checkpointMicroseconds = counters.checkpointMicroseconds
    freeBytes = counters.freeBytes
    inlineReads = pool.reads
    offloadedReads = threads.total
    queuedWrites = writer.queued
    queuedReads = threads.queued
  }
}
