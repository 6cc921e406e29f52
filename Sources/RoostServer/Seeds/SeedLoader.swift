package import Accounts
import Glibc
package import Records
package import RoostCore
import Schema

/// Loads the seeds of an app: `seeds/<collection>.jsonl`, and accounts from `seeds/accounts.jsonl`.
///
/// A line whose id is there already changes nothing; one without an id gets one from its content.
/// So the seeds can be loaded at every start, and a file that has not changed is not even read
/// through.
package struct SeedLoader: Sendable {
  private let folder: String
  private let records: RecordStore
  private let accounts: AccountStore
  private let ambient: Ambient

  /// `folder` is the app's `seeds` folder, which need not exist.
  package init(folder: String, records: RecordStore, accounts: AccountStore, ambient: Ambient) {
    self.folder = folder
    self.records = records
    self.accounts = accounts
    self.ambient = ambient
  }

  /// Loads what is new and returns a report of each file that was read.
  ///
  /// Accounts come first, then collections before those that refer to them. Throws `ImportFault`
  /// with exit status 2 that names file and line of what is broken.
  @discardableResult
  package func load() async throws -> [ImportReport] {
    let files = try ordered(names())
    if files.isEmpty { return [] }
    let digests = SeedDigests(database: records.database)
    let known = try await digests.all()
    var reports: [ImportReport] = []
    for file in files {
      let path = folder + "/" + file.name
      let digest = try SeedDigests.digest(InputFile(path: path))
      if known[file.name] == digest { continue }
      reports.append(try await load(path, file.mapping))
      try await digests.remember(file.name, digest)
    }
    return reports
  }

  private func load(_ path: String, _ mapping: ImportMapping) async throws -> ImportReport {
    var options = ImportJob.Options()
    options.leavesTaken = true
    let job = ImportJob(
      records: records, accounts: accounts, input: path, mapping: mapping, options: options,
      ambient: ambient)
    let report = try await job.run()
    if let failure = report.failure { throw ImportFault("\(path): \(failure)") }
    guard report.refused == 0 else { throw ImportFault(exitStatus: 2, report.reasons) }
    return report
  }

  // MARK: Files

  private struct SeedFile {
    let name: String
    let mapping: ImportMapping
    /// Position in the order of loading.
    let rank: Int
  }

  private func names() throws -> [String] {
    guard let handle = opendir(folder) else {
      if errno == ENOENT { return [] }
      throw ImportFault("\(folder): cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".jsonl"), !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  private func ordered(_ names: [String]) throws -> [SeedFile] {
    if names.isEmpty { return [] }
    let order = SeedOrder.collections(records.catalogue.model)
    let files = try names.map { name in
      let stem = String(name.dropLast(".jsonl".count))
      if let rank = order.firstIndex(of: stem) {
        return SeedFile(
          name: name, mapping: .direct(collection: stem, format: .jsonLines), rank: rank)
      }
      guard stem == "accounts" else {
        let hint = nearest(stem, among: order + ["accounts"]).map { "; did you mean \($0)?" } ?? ""
        throw ImportFault(
          exitStatus: 2, "\(folder)/\(name): the schema has no collection \(stem)\(hint)")
      }
      return SeedFile(name: name, mapping: .directAccounts(format: .jsonLines), rank: -1)
    }
    return files.sorted { $0.rank < $1.rank }
  }
}

/// The order in which collections can be filled.
enum SeedOrder {
  /// The names of the collections, each after those that it refers to; in a ring of references the
  /// order of the schema decides.
  static func collections(_ model: SchemaModel) -> [String] {
    var done: Set<String> = []
    var order: [String] = []
    func visit(_ collection: Collection) {
      guard done.insert(collection.typeName).inserted else { return }
      for field in collection.fields {
        guard case .reference(let typeName) = field.type else { continue }
        if let target = model.collection(ofType: typeName) { visit(target) }
      }
      order.append(collection.name)
    }
    for collection in model.collections { visit(collection) }
    return order
  }
}
