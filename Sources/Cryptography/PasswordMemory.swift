import Glibc
import Synchronization

/// The memory that passwords are hashed in, which is not the allocator's.
///
/// From a large block that is given back, glibc learns to keep twice as much at the end of each of
/// its arenas (the thresholds of `mallopt(3)` grow with the block): after one hash, a process holds
/// for good whatever any of its threads needed once. Blocks of the standard cost are kept for the
/// next hash instead, as fresh pages would cost it half its time again; the kernel may take what is in
/// them meanwhile (`MADV_FREE`, which on small pages is a tenth of a hash). Argon2 has overwritten them
/// by then.
enum PasswordMemory {
  /// A block that nobody uses.
  private struct Block: @unchecked Sendable {
    // Only who has taken it out of the state knows it.
    let start: UnsafeMutableRawPointer
  }

  private struct State {
    var kept: [Block] = []
    var taken = 0
  }

  private static let state = Mutex(State())
  private static let keptBytes = Int(PasswordHash.Cost.standard.memoryKB) * 1024
  private static let mostKept = 16

  /// Blocks that were taken so far.
  static var taken: Int { state.withLock { $0.taken } }

  /// Pages of zeros, or those of an earlier hash; nil where there is no memory.
  static func take(_ bytes: Int) -> UnsafeMutablePointer<UInt8>? {
    let block = state.withLock { state in
      state.taken += 1
      return bytes == keptBytes ? state.kept.popLast() : nil
    }
    if let block { return block.start.assumingMemoryBound(to: UInt8.self) }
    let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start, start != MAP_FAILED else { return nil }
    if bytes == keptBytes { madvise(start, bytes, MADV_HUGEPAGE) }
    return start.assumingMemoryBound(to: UInt8.self)
  }

  /// Takes back what `take` gave for as many bytes.
  static func giveBack(_ memory: UnsafeMutablePointer<UInt8>, _ bytes: Int) {
    let start = UnsafeMutableRawPointer(memory)
    guard bytes == keptBytes else {
      munmap(start, bytes)
      return
    }
    madvise(start, bytes, MADV_FREE)
    let block = Block(start: start)
    let isKept = state.withLock { state in
      guard state.kept.count < mostKept else { return false }
      state.kept.append(block)
      return true
    }
    if !isKept { munmap(start, bytes) }
  }
}
