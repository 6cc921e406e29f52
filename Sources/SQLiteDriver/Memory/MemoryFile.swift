import CSQLite
import Glibc

/// A file of a memory disk, with the locks that connections hold on it.
final class MemoryFile {
  /// What reads give.
  private(set) var content: [UInt8]
  /// What a cut of the power leaves for certain.
  private(set) var durable: [UInt8]
  /// What was written since the last sync, in order; a stretch that follows the one before is joined.
  private var written: [Range<Int>] = []
  private var isCutShort = false

  init(_ bytes: [UInt8]) {
    content = bytes
    durable = bytes
  }

  deinit {
    for region in regions + former { free(region) }
  }

  /// How many handles have it open, without those that rest.
  var openHandles = 0

  // MARK: Bytes

  /// Has `bytes`, all of them durable; who has it open finds the index of the log empty, and so
  /// looks at everything anew.
  func begin(with bytes: [UInt8]) {
    MemoryFile.fill(&content, with: bytes)
    MemoryFile.fill(&durable, with: bytes)
    written.removeAll(keepingCapacity: true)
    isCutShort = false
    for region in regions { memset(region, 0, regionBytes) }
  }

  /// In the memory that is there: the same again would have to be brought in page by page.
  private static func fill(_ target: inout [UInt8], with bytes: [UInt8]) {
    target.removeAll(keepingCapacity: true)
    target.append(contentsOf: bytes)
  }

  /// Reads as much as there is; gives how many bytes.
  func read(into target: UnsafeMutableRawPointer, _ count: Int, at offset: Int) -> Int {
    let found = max(0, min(count, content.count - offset))
    guard found > 0 else { return 0 }
    content.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      target.copyMemory(from: start + offset, byteCount: found)
    }
    return found
  }

  func write(_ source: UnsafeRawPointer, _ count: Int, at offset: Int) {
    let end = offset + count
    if end > content.count {
      if end > content.capacity { content.reserveCapacity(max(end, content.count * 2)) }
      content.append(contentsOf: repeatElement(0, count: end - content.count))
    }
    content.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      (start + offset).copyMemory(from: source, byteCount: count)
    }
    if let last = written.last, last.upperBound == offset {
      written[written.count - 1] = last.lowerBound..<end
    } else {
      written.append(offset..<end)
    }
  }

  func truncate(to size: Int) {
    guard size < content.count else { return }
    content.removeLast(content.count - size)
    isCutShort = true
    written = written.compactMap { range in
      range.lowerBound < size ? range.lowerBound..<min(range.upperBound, size) : nil
    }
  }

  func sync() {
    if isCutShort || durable.isEmpty {
      durable = content
    } else {
      MemoryFile.copy(written, from: content, to: &durable)
    }
    written.removeAll(keepingCapacity: true)
    isCutShort = false
  }

  private static func copy(_ ranges: [Range<Int>], from source: [UInt8], to target: inout [UInt8]) {
    guard let end = ranges.map(\.upperBound).max() else { return }
    if end > target.count {
      target.append(contentsOf: repeatElement(0, count: end - target.count))
    }
    target.withUnsafeMutableBytes { target in
      source.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        for range in ranges {
          (to + range.lowerBound).copyMemory(from: from + range.lowerBound, byteCount: range.count)
        }
      }
    }
  }

  /// Leaves what is durable and the sectors of the rest that `isKept` chooses.
  func cut(sector: Int, isKept: () -> Bool) {
    var kept: [Range<Int>] = []
    for range in written {
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(range.upperBound, (start / sector + 1) * sector)
        if isKept() { kept.append(start..<end) }
        start = end
      }
    }
    if isCutShort, isKept(), durable.count > content.count {
      durable.removeLast(durable.count - content.count)
    }
    MemoryFile.copy(kept, from: content, to: &durable)
    content = durable
    written = []
    isCutShort = false
  }

  // MARK: Locks of the file

  private var sharers = 0
  /// The handles that hold more than a shared lock, by their numbers; 0 for none.
  private var reserver = 0
  private var excluder = 0

  func lock(_ level: Int32, from held: Int32, by handle: Int) -> Bool {
    switch level {
    case SQLITE_LOCK_SHARED:
      guard excluder == 0 || excluder == handle else { return false }
      if held == SQLITE_LOCK_NONE { sharers += 1 }
    case SQLITE_LOCK_RESERVED:
      guard reserver == 0 || reserver == handle else { return false }
      reserver = handle
    default:
      guard excluder == 0 || excluder == handle, reserver == 0 || reserver == handle, sharers <= 1
      else { return false }
      reserver = handle
      excluder = handle
    }
    return true
  }

  func unlock(_ level: Int32, from held: Int32, by handle: Int) {
    if reserver == handle { reserver = 0 }
    if excluder == handle { excluder = 0 }
    if level == SQLITE_LOCK_NONE, held != SQLITE_LOCK_NONE { sharers -= 1 }
  }

  var isReserved: Bool { reserver != 0 }

  // MARK: The index of the log, which connections share

  private static let slots = 8
  private var regions: [UnsafeMutableRawPointer] = []
  private var regionBytes = 0
  private var shares = [Int](repeating: 0, count: MemoryFile.slots)
  private var owners = [Int](repeating: 0, count: MemoryFile.slots)

  func region(_ number: Int, size: Int, makes: Bool) -> UnsafeMutableRawPointer? {
    regionBytes = size
    while number >= regions.count {
      guard makes, let region = calloc(1, size) else { return nil }
      regions.append(region)
    }
    return regions[number]
  }

  /// Takes or gives back slots of the index; `held` are those that the handle has shared.
  func lockShared(
    _ range: Range<Int>, _ flags: Int32, by handle: Int, held: inout UInt8
  ) -> Bool {
    let isShared = flags & SQLITE_SHM_SHARED != 0
    if flags & SQLITE_SHM_UNLOCK != 0 {
      for slot in range {
        if owners[slot] == handle { owners[slot] = 0 }
        if held & 1 << UInt8(slot) != 0 {
          shares[slot] -= 1
          held &= ~(1 << UInt8(slot))
        }
      }
      return true
    }
    for slot in range {
      let own = held & 1 << UInt8(slot) != 0 ? 1 : 0
      guard owners[slot] == 0 || owners[slot] == handle else { return false }
      if !isShared, shares[slot] > own { return false }
    }
    for slot in range {
      if isShared {
        if held & 1 << UInt8(slot) == 0 { shares[slot] += 1 }
        held |= 1 << UInt8(slot)
      } else {
        owners[slot] = handle
      }
    }
    return true
  }

  /// Gives back all that a handle holds of the index.
  func leaveShared(by handle: Int, held: UInt8) {
    for slot in 0..<MemoryFile.slots {
      if owners[slot] == handle { owners[slot] = 0 }
      if held & 1 << UInt8(slot) != 0 { shares[slot] -= 1 }
    }
  }

  /// Power was cut: nobody holds anything, and the index of the log is empty.
  ///
  /// Where somebody still has the file open from before, the index is a new one: its former memory
  /// stays until the file goes, because they may still point into it.
  func forgetLocks() {
    sharers = 0
    reserver = 0
    excluder = 0
    shares = [Int](repeating: 0, count: MemoryFile.slots)
    owners = shares
    if openHandles == 0 {
      for region in regions { memset(region, 0, regionBytes) }
    } else {
      former += regions
      regions = []
    }
  }

  private var former: [UnsafeMutableRawPointer] = []
}
