import Cryptography
package import Records
package import RoostCore
import Schema

/// What an export says of itself: `roost-export.json`.
package struct ExportManifest: Sendable {
  package struct File: Sendable {
    package var name: String
    /// The collection, or nil for the accounts.
    package var collection: String?
    /// Nil in what was mended by hand, where nothing can be compared.
    package var rows: Int?
    package var bytes: Int64?
    package var sha256: String?
  }

  package struct PersonalField: Sendable, Equatable {
    package let collection: String
    package let field: String
    package let kind: String
  }

  package static let name = "roost-export.json"
  package static let accounts = "roost-accounts"
  package static let formatVersion: Int64 = 1

  package var createdAt: Timestamp
  package var format: FileFormat
  package var personalData: ExportForm.PersonalData
  package var withCredentials: Bool
  package var schema: String
  /// The fields of each collection with their types, to say what differs.
  package var shapes: [String: String]
  package var personalFields: [PersonalField]
  package var files: [File]

  /// A digest of the collections with their fields and types, in whatever order they are declared.
  package static func digest(_ catalogue: Catalogue) -> String {
    let text = catalogue.collections.sorted { $0.name < $1.name }
      .map { "\($0.name) \($0.model.typeName)\n\(shape($0))\n" }.joined(separator: "\n")
    return Hex.encode(SHA256.digest(Array(text.utf8)))
  }

  package static func shape(_ collection: CompiledCollection) -> String {
    zip(collection.shape.split(separator: "\n"), collection.fields)
      .map { "\($0)\($1.isRequired ? "!" : "")" }.sorted().joined(separator: "\n")
  }

  package static func personalFields(of catalogue: Catalogue) -> [PersonalField] {
    catalogue.collections.flatMap { collection in
      collection.fields.compactMap { field in
        field.personalData.map {
          PersonalField(collection: collection.name, field: field.name, kind: $0.kind)
        }
      }
    }
  }

  /// What does not fit between an export and an app's schema, in a sentence; nil where all does.
  package func difference(from catalogue: Catalogue) -> String? {
    guard schema != ExportManifest.digest(catalogue) else { return nil }
    for file in files {
      guard let name = file.collection else { continue }
      guard let here = catalogue.collection(named: name) else {
        return "the schema has no collection \(name.prefix(60))"
      }
      guard let shape = shapes[name] else { continue }
      let now = ExportManifest.shape(here)
      if shape == now { continue }
      let old = Set(shape.split(separator: "\n"))
      let new = Set(now.split(separator: "\n"))
      let parts =
        old.subtracting(new).sorted().prefix(3).map { "it had \($0.prefix(80))" }
        + new.subtracting(old).sorted().prefix(3).map { "it has \($0.prefix(80)) now" }
      return "\(name.prefix(60)) is another one: " + parts.joined(separator: ", ")
    }
    return "the schema has other collections"
  }

  // MARK: JSON

  package var json: JSON {
    var files: [JSON] = []
    for file in self.files {
      var members: [(key: String, value: JSON)] = [
        ("name", .string(file.name)), ("collection", file.collection.map { .string($0) } ?? .null),
      ]
      if let rows = file.rows { members.append(("rows", .int(Int64(rows)))) }
      if let bytes = file.bytes { members.append(("bytes", .int(bytes))) }
      if let sha256 = file.sha256 { members.append(("sha256", .string(sha256))) }
      files.append(.object(JSONObject(uniqueMembers: members)))
    }
    let shapes = self.shapes.sorted { $0.key < $1.key }.map { name, shape in
      (
        key: name,
        value: JSON.array(shape.split(separator: "\n").map { .string(String($0)) })
      )
    }
    return [
      "format": "roost-export", "formatVersion": .int(ExportManifest.formatVersion),
      "createdAt": .string(createdAt.description),
      "syntax": .string(format.rawValue), "personalData": .string(personalData.rawValue),
      "withCredentials": .bool(withCredentials),
      "schema": [
        "sha256": .string(schema), "collections": .object(JSONObject(uniqueMembers: shapes)),
      ],
      "personalFields": .array(
        personalFields.map {
          [
            "collection": .string($0.collection), "field": .string($0.field),
            "kind": .string($0.kind),
          ]
        }),
      "files": .array(files),
    ]
  }

  /// Reads `json`; throws `ImportFault` with what is wrong.
  package init(_ bytes: [UInt8], path: String) throws {
    func fault(_ reason: String) -> ImportFault {
      ImportFault(exitStatus: 2, code: "manifest", "\(path): \(reason)")
    }
    let json: JSON
    do {
      json = try bytes.withUnsafeBytes { try JSON.parseResult($0).get() }
    } catch {
      throw fault("is no JSON: \(error)")
    }
    guard json["format"]?.string == "roost-export" else { throw fault("is no export of Roost") }
    guard json["formatVersion"]?.int == ExportManifest.formatVersion else {
      throw fault("is of another version than \(ExportManifest.formatVersion): use a newer Roost")
    }
    guard let schema = json["schema"]?["sha256"]?.string,
      let syntax = json["syntax"]?.string.flatMap({ FileFormat(rawValue: $0) }),
      let listed = json["files"]?.array, listed.count <= 10_000
    else { throw fault("schema, syntax or files are missing") }
    self.schema = schema
    format = syntax
    createdAt =
      json["createdAt"]?.string.flatMap { Timestamp($0) } ?? Timestamp(milliseconds: 0)
    personalData =
      json["personalData"]?.string.flatMap { ExportForm.PersonalData(rawValue: $0) } ?? .keep
    withCredentials = json["withCredentials"]?.bool ?? false
    personalFields = []
    shapes = [:]
    for (name, shape) in json["schema"]?["collections"]?.object ?? JSONObject() {
      shapes[name] = (shape.array ?? []).compactMap(\.string).joined(separator: "\n")
    }
    files = []
    var seen: Set<String> = []
    for file in listed {
      guard let name = file["name"]?.string, let collection = file["collection"] else {
        throw fault("a file has no name or no collection")
      }
      let stem = collection.string ?? ExportManifest.accounts
      // A name is made from the collection, so that none leads out of the folder.
      let expected = stem + (collection.isNull ? ".jsonl" : "." + syntax.rawValue)
      guard name == expected, stem.utf8.allSatisfy(ExportManifest.isPlain) else {
        throw fault("the file \(name.prefix(80)) should be named after its collection")
      }
      guard seen.insert(name).inserted else { throw fault("names \(name.prefix(80)) twice") }
      files.append(
        File(
          name: name, collection: collection.string,
          rows: file["rows"]?.int.map { Int(clamping: $0) }, bytes: file["bytes"]?.int,
          sha256: file["sha256"]?.string))
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, 45, 95: true
    default: false
    }
  }

  package init(
    createdAt: Timestamp, format: FileFormat, personalData: ExportForm.PersonalData,
    withCredentials: Bool, _ catalogue: Catalogue, files: [File]
  ) {
    self.createdAt = createdAt
    self.format = format
    self.personalData = personalData
    self.withCredentials = withCredentials
    schema = ExportManifest.digest(catalogue)
    shapes = Dictionary(
      catalogue.collections.map { ($0.name, ExportManifest.shape($0)) },
      uniquingKeysWith: { $1 })
    personalFields = ExportManifest.personalFields(of: catalogue)
    self.files = files
  }
}
