import CZlib

/// Unpacks raw deflate (RFC 1951), a block at a time.
final class Inflater {
  private var stream = z_stream()
  private var room = [UInt8](repeating: 0, count: 262_144)
  /// Whether what was packed has come to its end.
  private(set) var isAtEnd = false

  init() throws {
    guard
      inflateInit2_(&stream, -15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw ImportFault("there is no memory to unpack with") }
  }

  /// To be called once, when nothing more is unpacked.
  func close() { inflateEnd(&stream) }

  /// Unpacks a block; false where it is damaged.
  func run(
    _ block: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Bool {
    var input = block
    return try input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      while true {
        var code: CInt = Z_OK
        let count = room.withUnsafeMutableBufferPointer { room -> Int in
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          code = inflate(&stream, Z_NO_FLUSH)
          return room.count - Int(stream.avail_out)
        }
        try room.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
        if code == Z_STREAM_END {
          isAtEnd = true
          return stream.avail_in == 0
        }
        guard code == Z_OK || code == Z_BUF_ERROR else { return false }
        if stream.avail_in == 0, count < room.count { return true }
        if code == Z_BUF_ERROR, count == 0 { return false }
      }
    }
  }
}
