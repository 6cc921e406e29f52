package import RoostCore

/// How a database of one file is opened and bounded.
package struct SQLiteConfiguration: Sendable {
  /// The data folder; it is created (0700) when missing and belongs to one process at a time.
  package var folder: String
  /// The database's file in the folder; its log and index lie beside it.
  package var fileName = "roost.sqlite"
  /// Whether other processes, such as a SQLite shell, may open the file while this one has it.
  ///
  /// Off, they find it locked, and the log's index lies in this process's memory: a point read then
  /// costs about half, since it takes no lock of the system, and nobody else can run a checkpoint,
  /// which SQLite 3.40 does not survive in every case.
  package var isShared = false
  /// Bounds of the queues.
  package var limits: Limits
  /// Connections for reads on the callers' threads: one for each thread that reads at a time.
  package var inlineReaders = 4
  /// Threads for long reads, with a connection each.
  package var offloadReaders = 2
  /// Steps of SQLite's virtual machine that a read may take on its caller's thread; a point read
  /// takes about 20, and 20,000 take about half a millisecond.
  package var inlineSteps = 20_000
  /// Milliseconds after which a long read is stopped.
  package var readMilliseconds = 5000
  /// Long reads without a deadline (exports) at a time.
  package var unboundedReads = 2
  /// Writes of one batch, at most.
  package var batchWrites = 512
  /// Page cache of the writer in KiB.
  package var writerCacheKiB = 16_384
  /// Page cache of each reader in KiB; SQLite drops it whenever something was committed.
  package var readerCacheKiB = 8_192
  /// Page cache in KiB of each connection for long reads, which come by a page once.
  package var longReaderCacheKiB = 2_048
  /// Milliseconds between two checkpoints.
  package var checkpointMilliseconds = 1000
  /// Bytes of the log after which a checkpoint comes before its time.
  package var checkpointBytes = 33_554_432
  /// Bytes of the log beyond which it is emptied and cut.
  package var logBytes = 67_108_864
  /// Whether the log is written around the system's page cache, where the file system can do it; up
  /// to 40 MiB of it are then kept in memory (`LogImage`).
  package var writesLogDirectly = true
  /// Free bytes of the file system below which writes are refused.
  package var minimumFreeBytes: UInt64 = 268_435_456
  /// A disk in memory in the place of the folder, for the simulation; all work is then done on the
  /// threads of the callers, who come one after the other.
  package var disk: MemoryDisk?
  /// What the driver asks of the machine; replaced by tests.
  package var machine = Machine()

  package init(folder: String, limits: Limits = Limits()) {
    self.folder = folder
    self.limits = limits
  }

  /// The path of the database's file.
  package var path: String { (disk?.folder ?? folder) + "/" + fileName }
}
