import Cryptography
import Queries
import RoostCore

/// What each seed file held when it was loaded, so that unchanged ones are passed over.
struct SeedDigests: Sendable {
  let database: any Database

  func all() async throws -> [String: [UInt8]] {
    let rows = try await database.read(.statement) { reader in
      try await reader.all("SELECT file, digest FROM roost_seed") { ($0.text(0), $0.blob(1)) }
    }
    return Dictionary(rows) { first, _ in first }
  }

  func remember(_ file: String, _ digest: [UInt8]) async throws {
    _ = try await database.write { transaction in
      try await transaction.execute(
        """
        INSERT INTO roost_seed (file, digest) VALUES (\(file), \(digest)) \
        ON CONFLICT (file) DO UPDATE SET digest = excluded.digest
        """)
    }
  }

  /// SHA-256 over the file's blocks in a chain, each with the digest of those before it.
  static func digest(_ file: InputFile) throws -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: SHA256.byteCount)
    var offset: Int64 = 0
    while true {
      let head = digest
      var block = head + [UInt8](repeating: 0, count: 1_048_576)
      let count = try block.withUnsafeMutableBytes { bytes in
        try file.read(
          at: offset, into: UnsafeMutableRawBufferPointer(rebasing: bytes[head.count...]))
      }
      if count == 0 { return digest }
      block.removeLast(block.count - head.count - count)
      digest = SHA256.digest(block)
      offset += Int64(count)
    }
  }
}
