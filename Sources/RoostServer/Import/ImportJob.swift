package import Accounts
package import Records
package import RoostCore

/// The import of one file.
///
/// Each line goes the way of every other write, with the server as its author. Batches are committed
/// one after another, and while one is committed the next is read and decoded. Identifiers are made
/// from what the file says, so an import that stopped is simply run again.
package struct ImportJob: Sendable {
  package struct Options: Sendable {
    /// Where refused lines go; nil to keep only the first in the report.
    package var refusedPath: String?
    /// Lines that are committed together, at most.
    ///
    /// Identifiers made from texts are scattered, so each line touches pages of its own, which a
    /// commit writes whole: 5000 at a time cost 30 % less than 1000, and 20,000 hardly less still.
    package var batchRows = 5000

    /// Whether lines whose id is taken count as unchanged, even where what has it says something else
    /// or was deleted: for seeds, which the app may change.
    package var leavesTaken = false

    package init(refusedPath: String? = nil) { self.refusedPath = refusedPath }
  }

  private let records: RecordStore
  private let accounts: AccountStore
  private let input: String
  private let mapping: ImportMapping
  private let options: Options
  private let ambient: Ambient
  private let onProgress: @Sendable (ImportProgress) -> Void

  package init(
    records: RecordStore, accounts: AccountStore, input: String, mapping: ImportMapping,
    options: Options = Options(), ambient: Ambient,
    onProgress: @escaping @Sendable (ImportProgress) -> Void = { _ in }
  ) {
    self.records = records
    self.accounts = accounts
    self.input = input
    self.mapping = mapping
    self.options = options
    self.ambient = ambient
    self.onProgress = onProgress
  }

  /// Imports the file.
  ///
  /// Throws `ImportFault` when it cannot start: a file that cannot be read, a mapping that does not
  /// fit. What stops it later stands in the report as `failure`, beside what was stored until then.
  /// A cancelled task stops after the batch in hand.
  package func run() async throws -> ImportReport {
    let file = try InputFile(path: input)
    guard let format = mapping.format ?? FileFormat(path: input) else {
      throw ImportFault(
        exitStatus: 2, code: "format",
        "\(input): the ending is none of .jsonl, .csv and .tsv: say format: in a mapping file")
    }
    let reader = try RecordReader(file, format: format, encoding: mapping.encoding)
    let target = try ImportTarget(mapping, records.catalogue, header: reader.header)
    var refused: RefusedLines?
    if let path = options.refusedPath {
      refused = try RefusedLines(path: path, input: file, header: reader.headerSpan)
    }
    var report = await run(reader, target, refused: refused)
    do {
      try refused?.finish()
    } catch {
      report.stop(error)
    }
    return report
  }

  /// Imports what `reader` gives; with `mark` from where it stands, which is kept up to date.
  func run(
    _ reader: RecordReader, _ target: ImportTarget, refused: RefusedLines?,
    mark: ImportMark? = nil
  ) async -> ImportReport {
    var reader = reader
    var run = Run(
      report: ImportReport(input: input, target: target.name), started: now, file: reader.file)
    var mark = mark
    if let mark, mark.position > 0 {
      reader.seek(to: mark.position, line: mark.line)
      run.resume(mark)
    }
    var source = BatchSource(
      reader, target, records, maximumRows: max(1, options.batchRows), time: ambient.time)
    let writer = BatchWriter(
      target: target, records: records, accounts: accounts, leavesTaken: options.leavesTaken)
    do {
      var batch = try source.next()
      var done: ImportBatch?
      while let current = batch {
        let note = mark
        async let committed = writer.commit(current, noting: note)
        // Its rows are given back while the writer has something to do, and not in between.
        if done != nil { done = nil }
        let next = Result { try source.next() }
        let result = try await committed
        for (line, outcome) in zip(current.lines, result.outcomes) {
          guard let refusal = run.count(line.span, outcome) else { continue }
          try refused?.add(line.span, refusal)
        }
        run.report.accountsMade += result.accountsMade
        run.report.timesReplaced += current.timesReplaced
        run.report.bytes = current.position
        if mark != nil {
          let lengths = try refused?.settle()
          run.note(current, lengths, in: &mark)
        }
        onProgress(run.progress(at: now))
        if Task.isCancelled { throw CancellationError() }
        batch = try next.get()
        done = current
      }
    } catch {
      run.report.stop(error)
    }
    run.report.seconds = run.seconds(at: now)
    return run.report
  }

  private var now: UInt64 { ambient.time.monotonicNanoseconds() }

  static func reason(_ error: any Error) -> String {
    switch error {
    case let error as RoostError where error.code == .storageFull:
      "the disk is full, or has less free than database.minimumFreeMegabytes keeps. What was imported "
        + "until now is stored; make room and run it again"
    case let error as RoostError: error.description
    case let fault as ImportFault: fault.message
    case is CancellationError: "interrupted; run it again to go on"
    default: "\(error)"
    }
  }

  /// What `reason` says, for programs.
  static func code(_ error: any Error) -> String {
    switch error {
    case let error as RoostError where error.code == .storageFull: "disk_full"
    case let error as RoostError: error.code.rawValue
    case let fault as ImportFault where !fault.code.isEmpty: fault.code
    case is CancellationError: "interrupted"
    default: "failed"
    }
  }

  /// What is counted while it runs.
  private struct Run {
    var report: ImportReport
    let started: UInt64
    let file: InputFile
    /// Those of an earlier run.
    var rowsBefore = 0

    /// Counts a line; a refused one is returned.
    mutating func count(_ span: SourceSpan, _ outcome: BatchWriter.Outcome) -> RefusedLine? {
      report.rows += 1
      switch outcome {
      case .imported: report.imported += 1
      case .unchanged: report.unchanged += 1
      case .refused(let issues):
        report.refused += 1
        let line = RefusedLine(line: span.line, issues: issues)
        if report.refusedLines.count < ImportReport.keptLines { report.refusedLines.append(line) }
        return line
      }
      return nil
    }

    mutating func resume(_ mark: ImportMark) {
      report.rows = mark.rows
      report.imported = mark.imported
      report.unchanged = mark.unchanged
      report.refused = mark.refused
      report.bytes = mark.position
      rowsBefore = mark.rows
    }

    /// Brings the mark to the end of a batch that is stored.
    func note(
      _ batch: ImportBatch, _ lengths: (lines: Int64, reasons: Int64)?,
      in mark: inout ImportMark?
    ) {
      mark?.position = batch.position
      mark?.line = batch.line
      mark?.rows = report.rows
      mark?.imported = report.imported
      mark?.unchanged = report.unchanged
      mark?.refused = report.refused
      mark?.refusedBytes = lengths?.lines ?? 0
      mark?.reasonBytes = lengths?.reasons ?? 0
    }

    func seconds(at now: UInt64) -> Double { Double(now &- started) / 1e9 }

    func progress(at now: UInt64) -> ImportProgress {
      ImportProgress(
        input: report.input, bytesRead: report.bytes, bytesTotal: file.byteCount,
        rows: report.rows, refused: report.refused, seconds: seconds(at: now))
    }
  }
}
