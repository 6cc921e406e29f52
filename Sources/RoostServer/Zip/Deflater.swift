import CZlib

/// Packs by raw deflate (RFC 1951), a block at a time.
final class Deflater {
  private var stream = z_stream()
  private var room = [UInt8](repeating: 0, count: 131_072)

  /// The fastest level: what is packed is read and written faster than the better ones pack.
  private static let level: CInt = 1

  init() throws {
    guard
      deflateInit2_(
        &stream, Deflater.level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        CInt(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw ImportFault("there is no memory to pack with") }
  }

  deinit { deflateEnd(&stream) }

  /// Packs `bytes`, and with `isLast` what is still held back; gives what is ready to `body`.
  func run(
    _ bytes: [UInt8], isLast: Bool = false, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var input = bytes
    try input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while true {
        let count = room.withUnsafeMutableBufferPointer { room -> Int in
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          _ = deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH)
          return room.count - Int(stream.avail_out)
        }
        try room.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
        if count < room.count { break }
      }
      stream.next_in = nil
    }
  }
}
