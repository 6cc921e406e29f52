import Queries
import Records

/// The master keys under which encrypted fields in a copy of a database were written.
///
/// A copy brings its data keys along, but not the master key that wrapped them: whoever rotates it
/// and throws the former one away can restore older copies, and serve none of them.
package struct CopiedKeys: Sendable {
  static let tables = ["roost_data_key", "roost_master_key"]

  /// The ids of those that wrapped data keys.
  private let wrapping: [String]
  /// The ids of those that lie in the copy, sealed by a key management service.
  private let served: [String]

  private init(wrapping: some Sequence<String>, served: some Sequence<String>) {
    self.wrapping = wrapping.sorted()
    self.served = served.sorted()
  }

  /// From the database that a copy is; a former version's may lack the tables.
  static func read(in reader: any Reader) async throws -> CopiedKeys {
    let isThere =
      try await reader.first("SELECT 1 FROM roost_migration WHERE name = 'data keys'") { _ in true }
    guard isThere == true else { return CopiedKeys(wrapping: [], served: []) }
    return CopiedKeys(
      wrapping: try await DataKeyTable.masters(in: reader),
      served: try await reader.all("SELECT id FROM roost_master_key") { $0.text(0) })
  }

  /// From the rows of the tables in a dump, as `COPY` has them.
  ///
  /// Throws `RoostError` or `ImportFault`.
  init(dumped path: String) throws {
    var wrapping: Set<String> = []
    var served: Set<String> = []
    /// The table whose rows come, and which of its columns has an id at its beginning.
    var place: (table: String, column: Int)?
    try CopiedKeys.lines(of: path) { line in
      if line.hasPrefix("COPY ") {
        place = CopiedKeys.place(line)
      } else if line == "\\." {
        place = nil
      } else if let (table, column) = place {
        let values = line.split(separator: "\t", omittingEmptySubsequences: false)
        // What stands in the place of a key that was destroyed is shorter.
        guard column < values.count, values[column].utf8.count >= 16 else { return }
        let id = String(values[column].prefix(16))
        if table == "roost_data_key" { wrapping.insert(id) } else { served.insert(id) }
      }
    }
    self.init(wrapping: wrapping, served: served)
  }

  /// Of a line such as `COPY app.roost_data_key (id, scope, wrapped) FROM stdin;`.
  private static func place(_ line: Substring) -> (table: String, column: Int)? {
    guard let table = tables.first(where: { line.contains(".\($0) (") }),
      let open = line.lastIndex(of: "("), let close = line.lastIndex(of: ")"), open < close
    else { return nil }
    let columns = line[line.index(after: open)..<close].split(separator: ",").map {
      $0.drop { $0 == " " }
    }
    let wanted = table == "roost_data_key" ? "wrapped" : "id"
    return columns.firstIndex { $0 == wanted }.map { (table, $0) }
  }

  private static func lines(of path: String, _ body: (Substring) throws -> Void) throws {
    let file = try InputFile(path: path)
    var block = [UInt8](repeating: 0, count: 1 << 20)
    var rest: [UInt8] = []
    var offset: Int64 = 0
    while true {
      let count = try block.withUnsafeMutableBytes { try file.read(at: offset, into: $0) }
      guard count > 0 else { break }
      offset += Int64(count)
      rest += block[..<count]
      guard let end = rest.lastIndex(of: 10) else { continue }
      for line in rest[..<end].split(separator: 10) {
        try body(Substring(decoding: line, as: UTF8.self))
      }
      rest.removeSubrange(...end)
    }
    if !rest.isEmpty { try body(Substring(decoding: rest, as: UTF8.self)) }
  }

  /// The master keys that the copy wants and `settings` do not have, with what to do; nil where they
  /// have all.
  package func warning(_ settings: Settings) -> Warning? {
    let named = EncryptionKeys.ids(settings)
    let hasService = !settings.text(SettingKeys.kmsKey).isEmpty
    let missing = wrapping.filter { !named.contains($0) && !(hasService && served.contains($0)) }
    guard !missing.isEmpty else { return nil }
    let isNamed = hasService || !named.isEmpty
    let remedy =
      missing.allSatisfy(served.contains)
      ? "set encryption.kms, since a key management service sealed it"
      : "bring the copy of its file back, and name it as "
        + (isNamed ? "encryption.formerKeyFiles" : "encryption.keyFile")
    return Warning(
      missing: missing,
      text: "encrypted fields in this backup were written under the master key "
        + "\(missing.joined(separator: ", ")), which the settings here do not have"
        + (named.isEmpty ? "" : " (they have \(named.joined(separator: ", ")))")
        + ". No server starts on these data without it: \(remedy).")
  }

  /// The ids of master keys that are missing, and what to say of them.
  package struct Warning: Sendable {
    package let missing: [String]
    package let text: String
  }
}
