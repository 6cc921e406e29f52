import Accounts
import Queries
package import Records
import RoostCore
import Schema
import Synchronization

/// Writes the collections of an app, and its accounts, as they are at one moment.
///
/// One snapshot holds for all of them. Rows come in the order of their ids, page after page, so memory
/// stays at a page whatever the size of the app.
package struct ExportJob: Sendable {
  package struct Options: Sendable {
    /// The collections by name, `accounts` among them; nil for the whole project.
    package var collections: [String]?
    package var format = FileFormat.jsonLines
    package var personalData = ExportForm.PersonalData.keep
    /// Whether the hashes of passwords come along.
    package var withCredentials = false

    package init() {}
  }

  private let app: App
  private let options: Options
  private let destination: ExportDestination
  private let onProgress: @Sendable (ExportProgress) -> Void

  private static let mostRows = 4096
  private static let pageBytes = 4_000_000

  package init(
    _ app: App, to destination: ExportDestination, options: Options,
    onProgress: @escaping @Sendable (ExportProgress) -> Void = { _ in }
  ) {
    self.app = app
    self.destination = destination
    self.options = options
    self.onProgress = onProgress
  }

  /// Writes everything; throws `ImportFault`, and then nothing is left at the destination.
  package func run() async throws -> ExportReport {
    let parts = try parts()
    let hasBegun = Mutex(false)
    return try await app.engine.readUnbounded { reader in
      // A destination cannot be written twice.
      let isAgain = hasBegun.withLock { begun in
        defer { begun = true }
        return begun
      }
      if isAgain {
        throw ImportFault(code: "connection", "the connection was lost; run it again")
      }
      let sink = try ExportSink(destination)
      do {
        return try await write(parts, to: sink, in: reader)
      } catch {
        sink.discard()
        throw error
      }
    }
  }

  /// What is written, nil for the accounts.
  private func parts() throws -> [CompiledCollection?] {
    let catalogue = app.records.catalogue
    guard let names = options.collections else {
      // The rows of a view are made where they come back.
      return [nil] + catalogue.collections.filter { $0.model.view == nil }.map { $0 }
    }
    return try names.map { name in
      if let collection = catalogue.collection(named: name) { return collection }
      if name == "accounts" { return nil }
      throw ImportFault(
        exitStatus: 2, code: "unknown_collection",
        "the schema has no collection \(name.prefix(60)); it has "
          + catalogue.collections.map(\.name).joined(separator: ", "))
    }
  }

  private func write(
    _ parts: [CompiledCollection?], to sink: ExportSink, in reader: any Reader
  ) async throws -> ExportReport {
    let started = now
    let counts = try await app.records.counts(in: reader)
    let total = parts.reduce(0) { $0 + ($1.flatMap { counts[$0.name] } ?? 0) }
    var progress = ExportProgress(total: total)
    var files: [ExportManifest.File] = []
    for part in parts {
      let name =
        part.map { "\($0.name).\(options.format.rawValue)" } ?? ExportManifest.accounts + ".jsonl"
      try sink.begin(name)
      progress.part = part?.name ?? "accounts"
      let before = progress.rows
      let onPage: (Int) throws -> Void = { rows in
        progress.rows += rows
        progress.seconds = seconds(since: started)
        onProgress(progress)
      }
      if let part {
        try await write(part, to: sink, in: reader, onPage)
      } else {
        try await writeAccounts(to: sink, in: reader, onPage)
      }
      let (bytes, sha256) = try sink.end()
      files.append(
        ExportManifest.File(
          name: name, collection: part?.name, rows: progress.rows - before, bytes: bytes,
          sha256: sha256))
    }
    let manifest = ExportManifest(
      createdAt: app.ambient.time.now(), format: options.format,
      personalData: options.personalData, withCredentials: options.withCredentials,
      app.records.catalogue, files: files)
    if case .file = destination {
    } else {
      try sink.begin(ExportManifest.name)
      try sink.write(manifest.json.encoded + [10])
      _ = try sink.end()
    }
    try sink.finish()
    return ExportReport(
      destination: destination, files: files, personalData: options.personalData,
      personalFields: manifest.personalFields, seconds: seconds(since: started))
  }

  private var now: UInt64 { app.ambient.time.monotonicNanoseconds() }

  private func seconds(since start: UInt64) -> Double { Double(now &- start) / 1e9 }

  private func write(
    _ collection: CompiledCollection, to sink: ExportSink, in reader: any Reader,
    _ onPage: (Int) throws -> Void
  ) async throws {
    let syntax: ExportForm.Syntax =
      switch options.format {
      case .jsonLines: .jsonLines
      case .csv: .csv
      case .tsv: .tsv
      }
    let form = ExportForm(collection, syntax, personalData: options.personalData)
    if let header = form.header { try sink.write(header) }
    var last: UUID?
    // Rows may be large: the first pages tell how many fit.
    var limit = 64
    while true {
      try Task.checkCancellation()
      let page = try await app.records.exportPage(
        form, behind: last, limit: limit, in: reader)
      try sink.write(page.bytes)
      try onPage(page.rows)
      guard page.rows == limit, let id = page.last else { return }
      last = id
      let rowBytes = max(1, page.bytes.count / page.rows)
      limit = max(16, min(ExportJob.mostRows, limit * 4, ExportJob.pageBytes / rowBytes))
    }
  }

  private func writeAccounts(
    to sink: ExportSink, in reader: any Reader, _ onPage: (Int) throws -> Void
  ) async throws {
    var last: UUID?
    while true {
      try Task.checkCancellation()
      let page = try await app.accounts.exportPage(
        behind: last, limit: 1000, withCredentials: options.withCredentials, in: reader)
      var bytes: [UInt8] = []
      for account in page {
        bytes +=
          AccountLine.json(
            account, masksAddress: options.personalData == .mask,
            leavesAddress: options.personalData == .leaveOut
          ).encoded
        bytes.append(10)
      }
      try sink.write(bytes)
      try onPage(page.count)
      guard page.count == 1000, let id = page.last?.id else { return }
      last = id
    }
  }
}
