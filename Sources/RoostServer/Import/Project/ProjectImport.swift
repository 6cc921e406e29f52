import Glibc
import Queries
import Records
import RoostCore

/// The import of an export: all its collections, as they were.
///
/// Accounts come first, then collections, those that are referred to before those that refer to them.
/// References that cannot be looked at by then are looked at in one pass at the end; records for which
/// they point to nothing are taken out again and reported like other refused lines.
package struct ProjectImport: Sendable {
  package struct Options: Sendable {
    /// A folder for refused lines, in the form of an export.
    package var refusedPath: String?
    /// Whether every reference waits for the end.
    package var isTrusted = false
    /// Whether an export of another schema is taken as far as its lines fit.
    package var takesAnySchema = false
    /// Lines that are committed together, at most.
    package var batchRows = 5000

    package init() {}
  }

  private let app: App
  private let source: ProjectSource
  private let options: Options
  private let onProgress: @Sendable (ImportProgress) -> Void

  /// How many dangling records one pass looks for.
  private static let danglingAtOnce = 20_000

  /// `app` has no followers running: what they make is made from the log at the next start.
  package init(
    _ app: App, _ source: ProjectSource, options: Options = Options(),
    onProgress: @escaping @Sendable (ImportProgress) -> Void = { _ in }
  ) {
    self.app = app
    self.source = source
    self.options = options
    self.onProgress = onProgress
  }

  /// A file with all that its import needs.
  private struct Part {
    let file: ExportManifest.File
    let input: InputFile
    let collection: CompiledCollection?
    var awaited: [Int] = []
    var refused: RefusedLines?
    var report: ImportReport?

    var format: FileFormat { FileFormat(path: file.name) ?? .jsonLines }
  }

  /// Imports everything; a report for each file.
  ///
  /// Throws `ImportFault` where it cannot start. What stops it later stands in the last report.
  package func run() async throws -> [ImportReport] {
    if let difference = source.manifest.difference(from: app.records.catalogue),
      !options.takesAnySchema
    {
      throw ImportFault(
        exitStatus: 2, code: "schema",
        "\(source.path): is an export of another schema: \(difference). Bring the schema in step, or "
          + "say --any-schema to take the lines that fit")
    }
    var parts = try parts()
    try makeRefusedFolder()
    for index in parts.indices {
      try await run(&parts[index])
      if parts[index].report?.failure != nil { return parts.compactMap(\.report) }
    }
    do {
      try await finish(&parts)
    } catch {
      let last = parts.indices.last ?? 0
      if parts.isEmpty { throw error }
      parts[last].report?.stop(error)
    }
    return parts.compactMap(\.report)
  }

  private func parts() throws -> [Part] {
    let catalogue = app.records.catalogue
    var people: [Part] = []
    var found: [Part] = []
    for (file, input) in zip(source.manifest.files, source.files) {
      guard let name = file.collection else {
        people.append(Part(file: file, input: input, collection: nil))
        continue
      }
      guard let collection = catalogue.collection(named: name) else {
        throw ImportFault(
          exitStatus: 2, code: "schema",
          "\(source.path): the schema has no collection \(name.prefix(60))")
      }
      found.append(Part(file: file, input: input, collection: collection))
    }
    var places: [Int: Int] = [:]
    for (place, part) in found.enumerated() { places[part.collection?.index ?? -1] = place }
    let relations = found.map { part in
      part.collection.map { app.records.relations(of: $0) } ?? []
    }
    let steps = ProjectOrder.steps(
      relations.map { fields in
        fields.compactMap { each in places[each.target].map { (each.field, $0) } }
      })
    let ordered = steps.map { step in
      var part = found[step.collection]
      part.awaited =
        options.isTrusted ? relations[step.collection].map(\.field) : step.awaited
      return part
    }
    return people + ordered
  }

  private func run(_ part: inout Part) async throws {
    var mark: ImportMark?
    if let identity = source.identity {
      let name = part.file.name
      mark = try await app.database.read(.statement) {
        try await ImportMark.read(identity, name, in: $0)
      }
      // Whoever wants the refused lines now and did not before gets all of them.
      if let known = mark, let folder = options.refusedPath,
        !RefusedLines.goesOn(folder + "/" + name, known)
      {
        mark = ImportMark(project: identity, file: name)
      }
    }
    let reader = try RecordReader(
      part.input, format: part.format, encoding: .utf8, isExport: true)
    let target: ImportTarget =
      if let collection = part.collection {
        .restored(
          try RestorePlan(
            collection, awaiting: part.awaited, header: reader.header, path: part.input.path))
      } else {
        .people
      }
    if let folder = options.refusedPath {
      part.refused = try RefusedLines(
        path: folder + "/" + part.file.name, input: part.input, header: reader.headerSpan,
        mark: mark)
    }
    var jobOptions = ImportJob.Options()
    jobOptions.batchRows = options.batchRows
    let job = ImportJob(
      records: app.records, accounts: app.accounts, input: part.input.path,
      mapping: .direct(collection: part.file.collection ?? ""), options: jobOptions,
      ambient: app.ambient, onProgress: onProgress)
    part.report = await job.run(reader, target, refused: part.refused, mark: mark)
    // Where it stopped, what was refused is kept for the run that goes on.
    if part.report?.failure != nil { _ = try part.refused?.settle() }
  }

  // MARK: The end

  private func finish(_ parts: inout [Part]) async throws {
    var isFirst = true
    while try await withdrawDangling(&parts, isFirst: isFirst) { isFirst = false }
    for part in parts where !part.awaited.isEmpty {
      guard let collection = part.collection, app.records.followsReferences(collection) else {
        continue
      }
      try await app.records.rebuildStreams(of: collection)
    }
    for part in parts { try part.refused?.finish() }
    try writeRefusedManifest(parts)
    if let identity = source.identity {
      try await app.database.write { try await ImportMark.forget(identity, in: $0) }
    }
  }

  /// Takes out imported records that refer to nothing; whether there were any.
  private func withdrawDangling(_ parts: inout [Part], isFirst: Bool) async throws -> Bool {
    var hasAny = false
    for index in parts.indices {
      guard let collection = parts[index].collection else { continue }
      // Once something went, everything may refer to it.
      let fields =
        isFirst ? parts[index].awaited : app.records.relations(of: collection).map(\.field)
      if fields.isEmpty { continue }
      let records = app.records
      let found = try await app.engine.readUnbounded { reader in
        try await records.dangling(
          collection, fields: fields, limit: ProjectImport.danglingAtOnce, in: reader)
      }
      if found.isEmpty { continue }
      let issues = Dictionary(found.map { ($0.id, $0.issues) }, uniquingKeysWith: { $1 })
      let spans = try spans(of: parts[index], among: issues)
      var rest = spans[...]
      while !rest.isEmpty {
        let some = Array(rest.prefix(500))
        rest = rest.dropFirst(some.count)
        let count = try await app.records.withdraw(some.map(\.id), of: collection)
        hasAny = hasAny || count > 0
        for (id, span) in some {
          let line = RefusedLine(line: span.line, issues: issues[id] ?? [])
          try parts[index].refused?.add(span, line)
          parts[index].report?.withdraw(line)
        }
      }
    }
    return hasAny
  }

  /// Where the lines of records stand in their file; what was there before the import has none.
  private func spans(
    of part: Part, among wanted: [UUID: [FieldIssue]]
  ) throws -> [(id: UUID, span: SourceSpan)] {
    var reader = try RecordReader(
      part.input, format: part.format, encoding: .utf8, isExport: true)
    let column = reader.header?.firstIndex(of: "id")
    var spans: [(id: UUID, span: SourceSpan)] = []
    while spans.count < wanted.count, let record = try reader.next() {
      let text: String? =
        switch record.content {
        case .members(let members): members["id"]?.string
        case .cells(let cells): column.flatMap { $0 < cells.count ? cells[$0] : nil }
        case .columns, .broken: nil
        }
      if let id = text.flatMap({ UUID($0) }), wanted[id] != nil {
        spans.append((id, record.span))
      }
    }
    return spans
  }

  // MARK: Refused lines

  private func makeRefusedFolder() throws {
    guard let path = options.refusedPath else { return }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST && FileBytes.isFolder(path) else {
      throw ImportFault(
        exitStatus: 2, code: "write",
        "\(path): cannot be made: \(String(cString: strerror(errno)))")
    }
    guard !FileBytes.exists(path + "/" + ExportManifest.name) else {
      throw ImportFault(
        exitStatus: 2, code: "exists",
        "\(path): holds refused lines of another import; give --refused another folder")
    }
  }

  /// Makes the folder of refused lines an export of its own, whose digests nobody compares.
  private func writeRefusedManifest(_ parts: [Part]) throws {
    guard let path = options.refusedPath else { return }
    var manifest = source.manifest
    let names = Set(parts.filter { ($0.refused?.count ?? 0) > 0 }.map(\.file.name))
    manifest.files = manifest.files.filter { names.contains($0.name) }.map { file in
      ExportManifest.File(name: file.name, collection: file.collection)
    }
    guard !manifest.files.isEmpty else {
      rmdir(path)
      return
    }
    let output = try ByteOutput(path: path + "/" + ExportManifest.name)
    try output.write(manifest.json.encoded + [10])
    try output.finish()
  }
}
