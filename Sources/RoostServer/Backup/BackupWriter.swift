import Cryptography
import Glibc
import RoostCore

/// Writes a backup: the head, then what it is given, packed and sealed piece by piece.
///
/// `"ROOSTBK1"`, the number of bytes of the head (4, big-endian), the head in JSON; then for each
/// piece the number of its sealed bytes (4, its highest bit set on the last one) and those. The
/// last piece is JSON: `{bytes, sha256}` of what was packed.
final class BackupWriter {
  static let lastBit: UInt32 = 0x8000_0000
  private static let pieceBytes = 1_048_576

  private let output: ByteOutput
  private let deflater: Deflater
  private var seal: BackupSeal
  private var piece: [UInt8] = []
  private var digest = SHA256Run()
  private var count: Int64 = 0

  /// Throws `ImportFault` where the file cannot be made, or is there.
  init(_ path: String, _ head: BackupHead, _ key: BackupKey?) throws {
    let text = head.json.encoded
    output = try ByteOutput(path: path)
    deflater = try Deflater()
    seal = BackupSeal(
      head.salt.flatMap { salt in key.flatMap { $0.cipher(salt: salt) } }, head: text)
    try output.write(BackupHead.magic + BackupWriter.number(UInt32(text.count)) + text)
  }

  /// Bytes in the file so far.
  var written: Int64 { output.count }

  func write(_ bytes: [UInt8]) throws {
    count += Int64(bytes.count)
    bytes.withUnsafeBytes { digest.update($0) }
    var packed: [UInt8] = []
    try deflater.run(bytes) { packed += $0 }
    piece += packed
    while piece.count >= BackupWriter.pieceBytes { try put() }
  }

  /// Writes what is left; the file lies on the disk afterwards.
  func finish() throws {
    var packed: [UInt8] = []
    try deflater.run([], isLast: true) { packed += $0 }
    piece += packed
    while !piece.isEmpty { try put() }
    let run = digest
    let sum = Hex.encode(run.finish())
    let end: JSON = ["bytes": .int(count), "sha256": .string(sum)]
    let sealed = seal.seal(end.encoded, isLast: true)
    try output.write(BackupWriter.number(UInt32(sealed.count) | BackupWriter.lastBit))
    try output.write(sealed)
    try output.finish()
  }

  private func put() throws {
    let sealed = seal.seal(Array(piece.prefix(BackupWriter.pieceBytes)), isLast: false)
    try output.write(BackupWriter.number(UInt32(sealed.count)))
    try output.write(sealed)
    piece.removeFirst(min(piece.count, BackupWriter.pieceBytes))
  }

  private static func number(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
}
