import Cryptography
import Glibc
import RoostCore

/// A secret as an operator keeps it: 64 hexadecimal digits in a file that its owner alone reads.
struct KeyFile {
  static let secretBytes = 32

  /// What it is, as messages say it: "master key".
  let what: String
  /// The command that makes one, without the file's name.
  let command: String

  /// Reads the secret of a file as `make` writes it.
  ///
  /// Throws `RoostError` with what to do.
  func read(_ path: String) throws -> [UInt8] {
    let bytes: [UInt8]
    do throws(FileBytes.Failure) {
      bytes = try FileBytes.read(path, limit: 4096)
    } catch {
      throw RoostError(
        .invalid,
        "The \(what) cannot be read from \(path): \(error.reason). "
          + (FileBytes.exists(path)
            ? "Give the file to the account that the server runs as."
            : "Put its copy back there. Where none was made yet, make one with: \(command) \(path)")
      )
    }
    guard let secret = KeyFile.parse(String(decoding: bytes, as: UTF8.self)) else {
      throw RoostError(
        .invalid,
        "\(path) holds no \(what), which is 64 hexadecimal digits. Make one with: \(command) FILE")
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & 0o077 == 0 else {
      throw RoostError(.invalid, "Others may read the \(what): chmod 600 \(path)")
    }
    return secret
  }

  /// The secret of 64 hexadecimal digits; nil for another text.
  static func parse(_ text: String) -> [UInt8]? {
    var digits = text.drop(while: \.isWhitespace)
    while digits.last?.isWhitespace == true { digits.removeLast() }
    guard let secret = Hex.decode(String(digits)),
      secret.count == KeyFile.secretBytes
    else { return nil }
    return secret
  }

  /// Makes a secret in a new file, readable by its owner alone.
  static func make(at path: String, random: any RandomSource) throws -> [UInt8] {
    guard !FileBytes.exists(path) else {
      throw RoostError(
        .conflict, "\(path) is there already: choose another name, a key is never overwritten.")
    }
    let secret = random.bytes(KeyFile.secretBytes)
    do {
      let output = try ByteOutput(path: path)
      do {
        try output.write(Array((Hex.encode(secret) + "\n").utf8))
        try output.finish()
      } catch {
        // What is left of it would be taken for a key that is there already.
        output.remove()
        throw error
      }
    } catch let fault as ImportFault {
      throw RoostError(.conflict, fault.message)
    }
    return secret
  }
}
