import Cryptography
package import RoostCore

/// A master key as an operator keeps it.
package enum MasterKeyFile {
  private static let form = KeyFile(what: "master key", command: "roost key create")

  /// Reads a key, from a file as `make` writes it.
  ///
  /// Throws `RoostError` with what to do.
  static func read(_ path: String) throws -> MasterKey {
    guard let key = MasterKey(try form.read(path)) else {
      throw RoostError(.internalError, "The master key of \(path) cannot be used.")
    }
    return key
  }

  /// The key of 64 hexadecimal digits; nil for another text.
  static func parse(_ text: String) -> MasterKey? { KeyFile.parse(text).flatMap { MasterKey($0) } }

  /// Makes a key in a new file, readable by its owner alone, and says its id.
  package static func make(at path: String, random: any RandomSource) throws -> String {
    MasterKey(try KeyFile.make(at: path, random: random))?.id ?? ""
  }
}
