package import RoostCore

/// What becomes what: how the lines of a file are made records or accounts.
package struct ImportMapping: Sendable {
  package enum Target: Sendable, Equatable {
    case collection(String, SourcePlace)
    /// A file that names accounts only.
    case accounts
  }

  /// Where a record's id comes from.
  package enum Identity: Sendable, Equatable {
    /// Made from a text.
    case key(KeyTemplate)
    /// A column that holds UUIDs.
    case column(String, SourcePlace)
    /// The column `id` where there is one; else made from the collection and the line's content.
    case automatic
  }

  /// Where the value of a field comes from.
  package enum Source: Sendable, Equatable {
    /// A column; an empty text is as if the field were left out, or kept.
    case column(String, SourcePlace, keepsEmpty: Bool)
    /// The record whose id was made from that text.
    case reference(KeyTemplate)
    /// The account of that text, which the importer makes when it is missing.
    case account(KeyTemplate)
    case constant(JSON)
  }

  package struct FieldRule: Sendable, Equatable {
    package let field: String
    package let place: SourcePlace
    package let source: Source
  }

  package let target: Target
  package let format: FileFormat?
  package let encoding: TextEncoding
  package let identity: Identity
  /// Nil where the columns bear the names of the fields.
  package let fields: [FieldRule]?
  /// The mapping file, for messages; nil for a mapping without one.
  package let path: String?

  /// A mapping without a file: columns named as the fields of `collection`, and `id`.
  ///
  /// `version`, `createdAt` and `updatedAt` are passed over, so that what Roost exported can be
  /// imported again.
  package static func direct(collection: String, format: FileFormat? = nil) -> ImportMapping {
    ImportMapping(
      target: .collection(collection, SourcePlace(line: 1, column: 1)), format: format,
      encoding: .utf8, identity: .automatic, fields: nil, path: nil)
  }

  /// A mapping without a file for accounts: columns `id` and, where there is one, `email`.
  package static func directAccounts(format: FileFormat? = nil) -> ImportMapping {
    ImportMapping(
      target: .accounts, format: format, encoding: .utf8,
      identity: .column("id", SourcePlace(line: 1, column: 1)), fields: nil, path: nil)
  }

  /// A fault of the mapping file, or of the file's columns where there is no mapping file.
  func fault(_ place: SourcePlace, _ message: String) -> ImportFault {
    ImportFault(
      exitStatus: 2, code: "mapping", path.map { "\($0):\(place): \(message)" } ?? message)
  }
}
