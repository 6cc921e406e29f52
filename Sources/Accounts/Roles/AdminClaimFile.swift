import Cryptography
import Glibc
package import RoostCore

/// The one-time claim in the data folder, by which the first administrator is made.
///
/// Who can write the folder may make administrators. The file holds the SHA-256 of a token of 256
/// bits and the moment at which it ends; a newer claim replaces it. So it works beside a running
/// server, which alone may use the database.
package struct AdminClaimFile: Sendable {
  /// A claim that was made just now.
  package struct Issued: Sendable {
    package let token: Secret<String>
    package let expiresAt: Timestamp
  }

  package static let lifeSeconds: Int64 = 1800
  private static let name = "admin-claim"
  private static let maximumBytes = 1024

  private let folder: String
  private var path: String { folder + "/" + AdminClaimFile.name }

  /// The claim of the data folder `folder`.
  package init(folder: String) { self.folder = folder }

  /// Makes a claim that takes the place of the one before.
  ///
  /// Throws `RoostError` with the reason where the folder cannot be written.
  package func issue(random: any RandomSource, now: Timestamp) throws -> Issued {
    let token = Base64.encode(random.bytes(32))
    let expiresAt = now.adding(milliseconds: AdminClaimFile.lifeSeconds * 1000)
    var content = JSONObject()
    content["sha256"] = .string(Hex.encode(SHA256.digest(Array(token.utf8))))
    content["expiresAt"] = .string(expiresAt.description)
    try write(Array((JSON.object(content).text + "\n").utf8))
    return Issued(token: Secret(token), expiresAt: expiresAt)
  }

  /// The digest of the claim, if there is one that is valid at `now`.
  func digest(now: Timestamp) -> [UInt8]? {
    guard let content = content(), let digest = content.digest,
      let text = content.json["expiresAt"]?.string, let expiresAt = Timestamp(text),
      // One that ends later than any that was just made comes from a clock that was set back.
      now < expiresAt,
      expiresAt <= now.adding(milliseconds: AdminClaimFile.lifeSeconds * 1000 + 60_000)
    else { return nil }
    return digest
  }

  /// Removes the claim of this digest; says why not where that fails.
  ///
  /// Not needed for safety, since used claims are on record in the database.
  func remove(_ digest: [UInt8]) -> String? {
    guard content()?.digest == digest else { return nil }
    guard unlink(path) == 0 || errno == ENOENT else { return String(cString: strerror(errno)) }
    return nil
  }

  // MARK: The file

  private struct Content {
    let json: JSON
    var digest: [UInt8]? {
      json["sha256"]?.string.flatMap { Hex.decode($0) }.flatMap { $0.count == 32 ? $0 : nil }
    }
  }

  private func content() -> Content? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    // One that others may have written says nothing.
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_mode & 0o022 == 0
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: AdminClaimFile.maximumBytes)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0, count < bytes.count, let json = try? JSON.parse(Array(bytes.prefix(count)))
    else { return nil }
    return Content(json: json)
  }

  /// Writes a file beside it and puts that in its place, so that nobody sees half of one.
  private func write(_ bytes: [UInt8]) throws {
    var owner = stat()
    guard stat(folder, &owner) == 0, owner.st_mode & S_IFMT == S_IFDIR else {
      throw RoostError(
        .internalError,
        "There is no data folder \(folder): start the server once, or name its folder.")
    }
    let temporary = "\(path).\(getpid())"
    unlink(temporary)
    let descriptor = open(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw AdminClaimFile.failure(temporary) }
    defer { close(descriptor) }
    // Made by root for a server of another account, which has to read it.
    if owner.st_uid != geteuid() { _ = fchown(descriptor, owner.st_uid, owner.st_gid) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
      rename(temporary, path) == 0
    else {
      let failure = AdminClaimFile.failure(temporary)
      unlink(temporary)
      throw failure
    }
  }

  private static func failure(_ path: String) -> RoostError {
    RoostError(
      .internalError, "\(path) cannot be written: \(String(cString: strerror(errno))).")
  }
}
