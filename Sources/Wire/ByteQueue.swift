import Glibc

/// Bytes that wait: appended at the end, taken from the front, in one growable block.
///
/// Blocks of `blockBytes` can be handed over to a pool, so that an idle connection owns none.
package struct ByteQueue: ~Copyable {
  package static let blockBytes = 8192

  private var storage: UnsafeMutableRawPointer?
  private var capacity = 0
  private var start = 0
  private var end = 0

  package init() {}

  deinit { storage?.deallocate() }

  package var count: Int { end - start }
  package var isEmpty: Bool { end == start }
  package var hasStorage: Bool { storage != nil }

  /// The waiting bytes; valid until the next change.
  package var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: storage.map { $0 + start }, count: end - start)
  }

  /// Takes `count` bytes off the front.
  package mutating func removeFirst(_ count: Int) {
    start += min(count, end - start)
    if start == end {
      start = 0
      end = 0
    }
  }

  package mutating func removeAll() {
    start = 0
    end = 0
  }

  /// Room for at least `count` bytes, whose use is told by `commit`.
  package mutating func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if capacity - end < count || storage == nil { grow(count) }
    return UnsafeMutableRawBufferPointer(
      start: storage.map { $0 + end }, count: capacity - end)
  }

  /// Counts bytes that were written to the start of `room`.
  package mutating func commit(_ count: Int) { end += min(count, capacity - end) }

  package mutating func append(_ source: UnsafeRawBufferPointer) {
    guard let base = source.baseAddress, source.count > 0 else { return }
    let target = room(source.count)
    target.baseAddress?.copyMemory(from: base, byteCount: source.count)
    end += source.count
  }

  package mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { append($0) }
  }

  @inline(__always)
  package mutating func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  package mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// Appends a number in decimal digits.
  package mutating func append(decimal number: Int) {
    var digits: InlineArray<20, UInt8> = .init(repeating: 0x30)
    var rest = number.magnitude
    var first = 20
    repeat {
      first -= 1
      digits[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0 && first > 0
    if number < 0 { append("-") }
    digits.span.withUnsafeBytes { append(UnsafeRawBufferPointer(rebasing: $0[first...])) }
  }

  /// Appends a number in hexadecimal digits.
  package mutating func append(hexadecimal number: Int) {
    var shift = 60
    while shift > 0, (number >> shift) & 15 == 0 { shift -= 4 }
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: (number >> shift) & 15)
      let target = room(1)
      target[0] = digit < 10 ? 0x30 + digit : 0x57 + digit
      end += 1
      shift -= 4
    }
  }

  /// Gives an empty queue a block of `blockBytes` from a pool.
  package mutating func adopt(_ block: UnsafeMutableRawPointer) {
    storage?.deallocate()
    storage = block
    capacity = ByteQueue.blockBytes
    start = 0
    end = 0
  }

  /// Drops all bytes and the memory; a block of the usual size is returned for the pool.
  package mutating func release() -> UnsafeMutableRawPointer? {
    let block = storage
    let isUsual = capacity == ByteQueue.blockBytes
    storage = nil
    capacity = 0
    start = 0
    end = 0
    if isUsual { return block }
    block?.deallocate()
    return nil
  }

  @inline(never)
  private mutating func grow(_ count: Int) {
    let used = end - start
    if let storage, start > 0, capacity - used >= count {
      memmove(storage, storage + start, used)
    } else {
      let larger = max(capacity * 2, used + count, ByteQueue.blockBytes)
      let block = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
      if let storage {
        memcpy(block, storage + start, used)
        storage.deallocate()
      }
      storage = block
      capacity = larger
    }
    start = 0
    end = used
  }
}
