import CZlib
import Synchronization

/// Packs bytes as gzip (RFC 1952), piece by piece.
///
/// It is used by one thread at a time, hence unchecked.
final class Packer: @unchecked Sendable {
  /// The fastest: an answer has to be packed faster than it is sent.
  private static let level: CInt = 1

  private var stream = z_stream()

  /// Nil where memory is out.
  init?() {
    guard
      deflateInit2_(
        &stream, Packer.level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        CInt(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
  }

  deinit { deflateEnd(&stream) }

  /// Forgets what was packed, for the next content.
  func reset() { deflateReset(&stream) }

  /// What is ready after `piece`; after the last piece that is the whole rest.
  func pack(_ piece: UnsafeRawBufferPointer, isLast: Bool) -> [UInt8] {
    var packed: [UInt8] = []
    packed.reserveCapacity(piece.count / 4 + 64)
    stream.next_in = UnsafeMutablePointer(
      mutating: piece.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(clamping: piece.count)
    var isDone = false
    while !isDone {
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16_384) { room in
        stream.next_out = room.baseAddress
        stream.avail_out = UInt32(room.count)
        _ = deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        let count = room.count - Int(stream.avail_out)
        packed.append(contentsOf: room[..<count])
        isDone = count < room.count
      }
    }
    stream.next_in = nil
    return packed
  }
}

/// Packers that are used again, since each has a quarter of a megabyte to set up.
final class PackerPool: Sendable {
  private static let kept = 8
  /// Large answers that are packed at once; the others go as they are.
  private static let largest = 4

  private let idle = Mutex<[Packer]>([])
  private let large = Atomic<Int>(0)

  func take() -> Packer? { idle.withLock { $0.popLast() } ?? Packer() }

  func giveBack(_ packer: Packer) {
    packer.reset()
    idle.withLock { if $0.count < PackerPool.kept { $0.append(packer) } }
  }

  /// Whether one more large answer may be packed now; `endLarge` follows where it may.
  func beginLarge() -> Bool {
    let count = large.add(1, ordering: .relaxed).newValue
    if count > PackerPool.largest { large.subtract(1, ordering: .relaxed) }
    return count <= PackerPool.largest
  }

  func endLarge() { large.subtract(1, ordering: .relaxed) }
}
