import Glibc
import Synchronization

/// Where randomness comes from; injected, so that tests and the simulation own it.
package protocol RandomSource: Sendable {
  /// Fills `buffer` with random bytes.
  func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

extension RandomSource {
  /// `count` random bytes.
  package func bytes(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      fill(UnsafeMutableRawBufferPointer(buffer))
      filled = count
    }
  }

  /// 64 random bits.
  package func next() -> UInt64 {
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { fill($0) }
    return value
  }
}

/// The kernel's random generator (`getentropy`), read in blocks: a system call for each identifier
/// would cost more than the rest of making it.
package final class SystemRandom: RandomSource {
  private struct Block {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var used = 4096
  }

  private let block = Mutex(Block())

  package init() {}

  package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    block.withLock { block in
      var offset = 0
      while offset < buffer.count {
        if block.used == block.bytes.count {
          block.bytes.withUnsafeMutableBytes { SystemRandom.read($0) }
          block.used = 0
        }
        let count = min(buffer.count - offset, block.bytes.count - block.used)
        for index in 0..<count {
          buffer[offset + index] = block.bytes[block.used + index]
          // A byte that was handed out is not kept in memory.
          block.bytes[block.used + index] = 0
        }
        block.used += count
        offset += count
      }
    }
  }

  private static func read(_ buffer: UnsafeMutableRawBufferPointer) {
    guard let base = buffer.baseAddress else { return }
    // The call gives at most 256 bytes at once, and fails only where the kernel has no generator.
    for offset in stride(from: 0, to: buffer.count, by: 256) {
      guard getentropy(base + offset, min(256, buffer.count - offset)) == 0 else {
        fatalError("getentropy failed with \(errno): the kernel offers no randomness")
      }
    }
  }
}
