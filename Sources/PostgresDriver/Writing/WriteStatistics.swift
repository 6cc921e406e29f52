/// What the writers count.
struct WriteStatistics: Sendable {
  var batches = 0
  var writes = 0
  var largestBatch = 0
  var failedBatches = 0
  var retries = 0
  /// Batches that began again with savepoints.
  var repeats = 0
  var unknownOutcomes = 0
  /// Batches by size: 1, 2–3, 4–7, … 32–63.
  var batchSizes = [Int](repeating: 0, count: 10)
  var commitMicroseconds = 0
  var longestCommitMicroseconds = 0
  /// Connections made so far, by thread.
  var connects: [Int]
  /// Rows that went by `COPY`, by thread.
  var copiedRows: [Int]

  init(threads: Int) {
    connects = Array(repeating: 0, count: threads)
    copiedRows = connects
  }

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
