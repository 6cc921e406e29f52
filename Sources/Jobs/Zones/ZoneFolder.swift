import Glibc

/// The zones of the machine, by their names in the IANA database.
package struct ZoneFolder: Sendable {
  /// Where systems keep them.
  package static let system = ZoneFolder([
    "/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo",
  ])
  /// A zone has a few kilobytes.
  private static let longest = 1_048_576

  private let paths: [String]

  package init(_ paths: [String]) { self.paths = paths }

  /// The zone of that name; `UTC` is known without data.
  ///
  /// Throws `ZoneError` with what to do.
  package func zone(_ name: String) throws(ZoneError) -> Zone {
    if name == "UTC" { return .utc }
    guard ZoneFolder.isName(name) else {
      throw ZoneError(
        "\"\(name.prefix(60))\" is no name of a time zone: write one of the IANA database, such as "
          + "Europe/Berlin.")
    }
    for path in paths {
      guard let bytes = ZoneFolder.read(path + "/" + name) else { continue }
      return try ZoneFile.parse(bytes, name: name)
    }
    guard paths.contains(where: { ZoneFolder.read($0 + "/UTC") != nil }) else {
      throw ZoneError(
        "There are no time zones on this machine (looked in \(paths.joined(separator: ", "))): "
          + "install the package tzdata, or use UTC.")
    }
    throw ZoneError(
      "There is no time zone \"\(name)\": write its name in the IANA database, such as "
        + "Europe/Berlin (a newer tzdata may know it).")
  }

  /// Whether it can be the name of a zone and of nothing else in the file system.
  private static func isName(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return name.utf8.count <= 64
      && parts.allSatisfy { part in
        guard let first = part.first, (65...90).contains(first) || (97...122).contains(first) else {
          return false
        }
        return part.allSatisfy { byte in
          (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
        }
      }
  }

  private static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size > 0, status.st_size <= longest
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      filled += count
    }
    return bytes
  }
}
