import Cryptography
package import Queries
import REST
package import Records
package import RoostCore
package import Schema

/// The schemas that were served, each with the version of the API that it made.
package struct SchemaHistory: Sendable {
  /// A schema that was served.
  package struct Entry: Sendable {
    package let number: Int64
    package let version: APIVersion
    /// When a server started with it first.
    package let at: Timestamp
    /// SHA-256 of the schema's text.
    package let digest: [UInt8]
  }

  private let database: any Database
  /// Where schemas are that were read before; nil for a process with one app.
  private let compiled: CompiledSchemas?

  package init(database: any Database, compiled: CompiledSchemas? = nil) {
    self.database = database
    self.compiled = compiled
  }

  /// The step that makes the table, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "schema versions") { d in
      [
        """
        CREATE TABLE roost_schema_version (
          number \(d.integer) NOT NULL PRIMARY KEY, version \(d.text) NOT NULL,
          at \(d.integer) NOT NULL, digest \(d.blob) NOT NULL, source \(d.text) NOT NULL
        )\(d.numbered)
        """
      ]
    }
  }

  /// The history, with `schema` at its end where it differs from what was served last.
  ///
  /// A schema that differs in comments and white space alone is none of its own.
  static func take(
    in schema: SchemaModel, at now: Timestamp, compiled: CompiledSchemas? = nil,
    in transaction: any Transaction
  ) async throws -> [Entry] {
    if let lock = transaction.dialect.lockOfTables {
      // Another process that starts at the same time is waited for.
      try await transaction.query(lock) { _ in false }
    }
    return try await SchemaHistory.add(schema, at: now, compiled: compiled, in: transaction)
  }

  /// The history, with `schema` at its end, in a transaction of its own.
  func take(in schema: SchemaModel, ambient: Ambient) async throws -> [Entry] {
    let compiled = compiled
    return try await database.write {
      try await SchemaHistory.take(
        in: schema, at: ambient.time.now(), compiled: compiled, in: $0)
    }
  }

  /// The history as it is.
  func entries() async throws -> [Entry] {
    try await database.read(.statement) { try await SchemaHistory.entries(in: $0) }
  }

  /// Whether the schema that was served last is that of `entry`; so is one that was served before,
  /// and again after others.
  package static func isNewest(_ entry: Entry?, in reader: any Reader) async throws -> Bool {
    let digest = try await reader.first(SchemaHistory.selectNewest, []) { $0.blob(0) }
    return digest == entry?.digest
  }

  private static let selectNewest = Statement(
    "SELECT digest FROM roost_schema_version ORDER BY number DESC LIMIT 1")

  /// Throws `RoostError` where `schema` is not what was served last.
  func requireServed(_ schema: SchemaModel) async throws {
    let isServed = try await database.read(.snapshot) { reader in
      try await SchemaHistory.isServed(schema, in: reader)
    }
    guard !isServed else { return }
    throw RoostError(
      .conflict,
      """
      The schema file is not what was served last from this database, and what is derived follows \
      that. Start the server with this file first, or put the former file back.
      """)
  }

  /// Whether `schema` is what was served last, but for comments and white space.
  static func isServed(
    _ schema: SchemaModel, in reader: any Reader
  ) async throws -> Bool {
    guard let last = try await entries(in: reader).last else { return false }
    if last.digest == SHA256.digest(Array(schema.source.utf8)) { return true }
    return try await level(from: last, to: schema, in: reader) == .none
  }

  /// Puts `schema` at the end of the history where it differs from the last, in a transaction that
  /// holds the lock of the tables; returns the history.
  @discardableResult
  static func add(
    _ schema: SchemaModel, at now: Timestamp, compiled: CompiledSchemas? = nil,
    in transaction: any Transaction
  ) async throws -> [Entry] {
    let digest = SHA256.digest(Array(schema.source.utf8))
    let entries = try await SchemaHistory.entries(in: transaction)
    guard entries.last?.digest != digest else { return entries }
    var version = APIVersion.first
    if let last = entries.last {
      let level = try await SchemaHistory.level(
        from: last, to: schema, compiled: compiled, in: transaction)
      if level == .none { return entries }
      version = last.version.next(level)
    }
    let entry = Entry(
      number: (entries.last?.number ?? 0) + 1, version: version, at: now, digest: digest)
    try await transaction.execute(
      """
      INSERT INTO roost_schema_version (number, version, at, digest, source) VALUES \
      (\(entry.number), \(version.description), \(now), \(digest), \(schema.source))
      """)
    return entries + [entry]
  }

  /// The level of the change from the schema that was served last.
  private static func level(
    from last: Entry, to schema: SchemaModel, compiled: CompiledSchemas? = nil,
    in reader: any Reader
  ) async throws -> ChangeLevel {
    let source = try await source(of: last, in: reader)
    // A text that this version cannot read any more may have said anything.
    guard let model = SchemaHistory.served(source, compiled) else { return .major }
    return compiled?.level(from: model, to: schema)
      ?? SchemaDifference(from: model, to: schema).level
  }

  static func entries(in reader: any Reader) async throws -> [Entry] {
    try await reader.all(
      "SELECT number, version, at, digest FROM roost_schema_version ORDER BY number"
    ) { row in
      Entry(
        number: row.int64(0), version: APIVersion(row.text(1)) ?? .first,
        at: Timestamp(milliseconds: row.int64(2)), digest: row.blob(3))
    }
  }

  private static func source(of entry: Entry, in reader: any Reader) async throws -> String {
    try await reader.first(
      "SELECT source FROM roost_schema_version WHERE number = \(entry.number)"
    ) { $0.text(0) } ?? ""
  }

  /// The older versions whose clients can be answered in their own words: those from which no schema on
  /// the way to that of now has become unreadable.
  func formers(_ versions: [Entry]) async throws -> FormerVersions {
    guard let current = versions.last,
      versions.contains(where: {
        $0.version.major < current.version.major
      })
    else { return .none }
    var way: [(version: APIVersion, model: SchemaModel)] = []
    var number = current.number
    for (entry, model) in try await releases().reversed() where entry.number <= number {
      guard entry.number == number else { break }
      way.append((entry.version, model))
      number -= 1
    }
    return FormerVersions(known: versions.map(\.version), releases: way.reversed())
  }

  /// The history with its schemas, oldest first; those that cannot be read any more are left out.
  package func releases() async throws -> [(entry: Entry, model: SchemaModel)] {
    let all = try await database.read(.statement) { reader in
      try await reader.all(
        "SELECT number, version, at, digest, source FROM roost_schema_version ORDER BY number"
      ) { row in
        (
          Entry(
            number: row.int64(0), version: APIVersion(row.text(1)) ?? .first,
            at: Timestamp(milliseconds: row.int64(2)), digest: row.blob(3)), row.text(4)
        )
      }
    }
    return all.compactMap { entry, source in
      SchemaHistory.served(source, compiled).map { (entry, $0) }
    }
  }

  /// The schema of a text that was served; nil where it cannot be read.
  static func served(_ source: String, _ compiled: CompiledSchemas?) -> SchemaModel? {
    compiled.map { $0.served(source) }
      ?? (try? SchemaModel.load(source: source, stage: .everything))
  }
}
