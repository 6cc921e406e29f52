import Cryptography
import Glibc
import RoostCore

/// An export to be imported: a folder, or a ZIP archive whose files are unpacked beside the data.
///
/// The digest of every file is compared before a line of any is imported.
package struct ProjectSource: Sendable {
  package let path: String
  package let manifest: ExportManifest
  /// The digest of the manifest, by which an import that stopped is known again; nil where the files
  /// were mended by hand, so that they are read from the beginning.
  let identity: String?
  /// The opened files, in the order of the manifest.
  let files: [InputFile]

  private static let maximumManifestBytes = 16_000_000
  /// An archive that unpacks to more than this many times its size is no export.
  private static let maximumRatio: Int64 = 300
  /// What takes less than this is no danger, however well it is packed.
  private static let harmlessBytes: Int64 = 64_000_000

  /// Whether `path` is an export and no file of lines.
  package static func isProject(_ path: String) -> Bool {
    FileBytes.exists(path + "/" + ExportManifest.name) || path.lowercased().hasSuffix(".zip")
      || FileBytes.isFolder(path)
  }

  /// Opens and compares everything; `scratch` is a folder with room for what is unpacked.
  ///
  /// Throws `ImportFault`.
  package init(_ path: String, scratch: String) throws {
    self =
      FileBytes.isFolder(path)
      ? try ProjectSource(folder: path) : try ProjectSource(archive: path, scratch: scratch)
  }

  private init(folder: String) throws {
    let manifestPath = folder + "/" + ExportManifest.name
    guard FileBytes.exists(manifestPath) else {
      throw ImportFault(
        exitStatus: 2, code: "manifest",
        "\(folder): holds no \(ExportManifest.name), so it is no export, or one that did not end")
    }
    let bytes = try InputFile(path: manifestPath)
      .contents(maximum: ProjectSource.maximumManifestBytes)
    let manifest = try ExportManifest(bytes, path: manifestPath)
    let files = try manifest.files.map { try InputFile(path: folder + "/" + $0.name) }
    for (file, input) in zip(manifest.files, files) where file.sha256 != nil {
      var digest = SHA256Run()
      var block = [UInt8](repeating: 0, count: 262_144)
      var offset: Int64 = 0
      while offset < input.byteCount {
        let count = try block.withUnsafeMutableBytes { try input.read(at: offset, into: $0) }
        guard count > 0 else { break }
        block.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
        offset += Int64(count)
      }
      try ProjectSource.compare(file, input.byteCount, digest.finish(), path: input.path)
    }
    self.init(path: folder, manifest, bytes, files)
  }

  private init(
    path: String, _ manifest: ExportManifest, _ bytes: [UInt8], _ files: [InputFile]
  ) {
    self.path = path
    self.manifest = manifest
    self.files = files
    let isWhole = manifest.files.allSatisfy { $0.sha256 != nil }
    identity = isWhole ? Hex.encode(SHA256.digest(bytes)) : nil
  }

  private init(archive path: String, scratch: String) throws {
    let archive = try ZipArchive(try InputFile(path: path))
    func entry(_ name: String) throws -> ZipArchive.Entry {
      guard let entry = archive.entries.first(where: { $0.name == name }) else {
        throw ImportFault(
          exitStatus: 2, code: "manifest", "\(path): holds no \(name), so it is no whole export")
      }
      return entry
    }
    let head = try entry(ExportManifest.name)
    guard head.size <= Int64(ProjectSource.maximumManifestBytes) else {
      throw archive.fault("\(ExportManifest.name) is larger than that of any export")
    }
    var bytes: [UInt8] = []
    try archive.extract(head) { bytes += Array($0) }
    let manifest = try ExportManifest(bytes, path: path + "/" + ExportManifest.name)
    let entries = try manifest.files.map { try entry($0.name) }
    for other in archive.entries
    where other.name != ExportManifest.name
      && !manifest.files.contains(where: { $0.name == other.name })
    {
      throw ImportFault(
        exitStatus: 2, code: "manifest",
        "\(path): holds \(other.name.prefix(80).debugDescription), of which the manifest knows nothing"
      )
    }
    let total = entries.reduce(Int64(0)) { $0.addingReportingOverflow($1.size).partialValue }
    let isBomb =
      total > ProjectSource.harmlessBytes
      && total / ProjectSource.maximumRatio > archive.file.byteCount
    guard total >= 0, !isBomb else {
      throw archive.fault("it would unpack to \(total) bytes, more than any export of its size")
    }
    try ProjectSource.checkRoom(for: total, in: scratch)
    var files: [InputFile] = []
    for (file, entry) in zip(manifest.files, entries) {
      let name = path + "/" + file.name
      let (descriptor, output) = try ProjectSource.scratchFile(in: scratch, name)
      var digest = SHA256Run()
      do {
        try archive.extract(entry) {
          digest.update($0)
          try output($0)
        }
        if file.sha256 != nil {
          try ProjectSource.compare(file, entry.size, digest.finish(), path: name)
        }
      } catch {
        close(descriptor)
        throw error
      }
      files.append(try InputFile(adopting: descriptor, path: name))
    }
    self.init(path: path, manifest, bytes, files)
  }

  /// A file without a name, which goes with the process however that ends.
  private static func scratchFile(
    in folder: String, _ name: String
  ) throws -> (CInt, (UnsafeRawBufferPointer) throws -> Void) {
    let path = folder + "/import-\(getpid()).part"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ImportFault(
        code: "write", "\(path): cannot be made: \(String(cString: strerror(errno)))")
    }
    unlink(path)
    return (
      descriptor,
      { bytes in
        var written = 0
        while written < bytes.count {
          let count = Glibc.write(
            descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else {
            throw ImportFault(
              code: errno == ENOSPC ? "disk_full" : "write",
              "\(name): cannot be unpacked: \(String(cString: strerror(errno)))")
          }
          written += count
        }
      }
    )
  }

  private static func checkRoom(for bytes: Int64, in folder: String) throws {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return }
    let free = Int64(clamping: status.f_bavail).multipliedReportingOverflow(
      by: Int64(clamping: status.f_frsize))
    guard free.overflow || bytes <= free.partialValue / 2 else {
      throw ImportFault(
        code: "disk_full",
        "unpacking takes \(bytes) bytes and the rows about as much again, and \(folder) has only "
          + "\(free.partialValue) free: make room")
    }
  }

  private static func compare(
    _ file: ExportManifest.File, _ count: Int64, _ digest: [UInt8], path: String
  ) throws {
    if let bytes = file.bytes, bytes != count {
      throw ImportFault(
        exitStatus: 2, code: "manifest",
        "\(path): has \(count) bytes, but the manifest says \(bytes): it is cut or was changed")
    }
    guard file.sha256 == Hex.encode(digest) else {
      throw ImportFault(
        exitStatus: 2, code: "manifest",
        "\(path): is not the file that was exported (its SHA-256 is another one). To import what was "
          + "mended by hand, take rows, bytes and sha256 of the file out of \(ExportManifest.name)")
    }
  }
}
