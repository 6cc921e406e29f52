import Cryptography
import Glibc
import RoostCore

/// Reads a backup; nothing of a piece is given on before the whole piece is known to be right.
package struct BackupReader: Sendable {
  private static let largestPiece = 4_194_304

  package let path: String
  package let head: BackupHead
  private let text: [UInt8]

  /// Reads the head.
  ///
  /// Throws `RoostError` where the file cannot be read or is no backup.
  package init(_ path: String) throws {
    self.path = path
    let input = try ByteInput(path)
    guard try input.read(8) == BackupHead.magic else {
      throw RoostError(.invalid, "\(path) is no backup of Roost.")
    }
    guard let size = try input.number(), size <= BackupHead.largestBytes,
      let text = try input.read(size), let json = try? JSON.parse(text),
      let head = BackupHead(json)
    else {
      throw RoostError(
        .invalid, "\(path) is damaged in its head, or was made by a newer version of Roost.")
    }
    self.text = text
    self.head = head
  }

  /// Gives what was packed to `body`, in order, and returns how many bytes it was.
  ///
  /// Throws `RoostError` where the key is missing or another one, or a byte is not as it was; what
  /// `body` was given until then is to be thrown away.
  package func unpack(
    _ key: BackupKey?, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Int64 {
    var seal = BackupSeal(try cipher(key), head: text)
    let input = try ByteInput(path)
    _ = try input.read(12 + text.count)
    let inflater = try Inflater()
    defer { inflater.close() }
    var digest = SHA256Run()
    var count: Int64 = 0
    while true {
      guard let word = try input.number() else { throw damaged("it ends too early") }
      let isLast = word & Int(BackupWriter.lastBit) != 0
      let size = word & ~Int(BackupWriter.lastBit)
      guard size <= BackupReader.largestPiece, let sealed = try input.read(size) else {
        throw damaged("it ends too early")
      }
      guard let piece = seal.open(sealed, isLast: isLast) else {
        throw damaged("a byte of it is not as it was written")
      }
      if isLast {
        let sum = Hex.encode(digest.finish())
        guard let end = try? JSON.parse(piece), end["bytes"]?.int == count,
          end["sha256"]?.string == sum, inflater.isAtEnd, try input.read(1) == nil
        else { throw damaged("what it holds is not what was put into it") }
        return count
      }
      let isWhole = try inflater.run(piece) { bytes in
        count += Int64(bytes.count)
        digest.update(bytes)
        try body(bytes)
      }
      guard isWhole else { throw damaged("what it holds cannot be unpacked") }
    }
  }

  private func cipher(_ key: BackupKey?) throws -> AESGCM? {
    guard let salt = head.salt, let wanted = head.keyID else {
      // Whoever can write to the folder can write such a file, and needs no key for it.
      guard key == nil else {
        throw RoostError(
          .invalid,
          "\(path) is not encrypted, and there is a key of backups, so anybody may have made it. "
            + "Say --plain to take it all the same.")
      }
      return nil
    }
    guard let key else {
      throw RoostError(
        .invalid,
        "\(path) is encrypted with the key \(wanted): name its file with --key FILE, or as "
          + "backups.keyFile in roost.yaml.")
    }
    guard key.id == wanted else {
      throw RoostError(
        .invalid, "\(path) is encrypted with the key \(wanted), and this is the key \(key.id).")
    }
    return key.cipher(salt: salt)
  }

  private func damaged(_ reason: String) -> RoostError {
    RoostError(.invalid, "\(path) is damaged: \(reason). Take another backup.")
  }
}

/// A file that is read from its beginning.
private final class ByteInput {
  private let path: String
  private let descriptor: CInt

  init(_ path: String) throws {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw RoostError(
        .notFound, "\(path) cannot be read: \(String(cString: strerror(errno))).")
    }
  }

  deinit { close(descriptor) }

  /// `count` bytes; nil where there are fewer.
  func read(_ count: Int) throws -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var offset = 0
    while offset < count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + offset }, count - offset)
      }
      if got == 0 { return nil }
      guard got > 0 else {
        if errno == EINTR { continue }
        throw RoostError(
          .internalError, "\(path) cannot be read: \(String(cString: strerror(errno))).")
      }
      offset += got
    }
    return bytes
  }

  /// The number of the next four bytes; nil at the end.
  func number() throws -> Int? {
    try read(4).map { $0.reduce(0) { $0 << 8 | Int($1) } }
  }
}
