import CSQLite
import Glibc

/// A file of a memory disk, with the locks that connections hold on it.
///
/// Exclusivity is unchecked for what each read, write and lock asks: one thread at a time uses a disk,
/// and no access to a property spans a call that could reach it again.
final class MemoryFile {
  /// What reads give.
  @exclusivity(unchecked) private(set) var content: [UInt8]
  /// What a cut of the power leaves for certain.
  @exclusivity(unchecked) private(set) var durable: [UInt8]
  /// What was written since the last sync, in order; a stretch that follows the one before is joined.
  @exclusivity(unchecked) private var written: [Range<Int>] = []
  /// The least size since the last sync; nil where the file was not cut short.
  @exclusivity(unchecked) private var shortest: Int?
  /// The bytes that it began with, and which of their pages may be others by now, in `content` or in
  /// `durable`.
  private var origin: [UInt8] = []
  @exclusivity(unchecked) private var marks: [Bool] = []
  private static let page = 4096

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
    if MemoryFile.areOne(bytes, origin), !marks.isEmpty {
      // Worlds begin with the same bytes and change few of them.
      takeBack(&content)
      takeBack(&durable)
    } else {
      origin = bytes
      MemoryFile.fill(&content, with: bytes)
      MemoryFile.fill(&durable, with: bytes)
    }
    marks = [Bool](repeating: false, count: bytes.count / MemoryFile.page + 1)
    written.removeAll(keepingCapacity: true)
    shortest = nil
    for region in regions { memset(region, 0, regionBytes) }
  }

  /// Whether two arrays are the same memory; who keeps one keeps its place from being used again.
  private static func areOne(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count
      && left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { left.baseAddress == $0.baseAddress }
      }
  }

  /// In the memory that is there: the same again would have to be brought in page by page.
  private static func fill(_ target: inout [UInt8], with bytes: [UInt8]) {
    target.removeAll(keepingCapacity: true)
    target.append(contentsOf: bytes)
  }

  /// Makes `target` the same as `origin` again, by the pages that are marked.
  private func takeBack(_ target: inout [UInt8]) {
    MemoryFile.resize(&target, to: origin.count)
    let pages = marks.indices.lazy.filter { self.marks[$0] }.map { number in
      let start = number * MemoryFile.page
      return start..<max(start, min(start + MemoryFile.page, self.origin.count))
    }
    MemoryFile.copy(Array(pages), from: origin, to: &target)
  }

  /// Marks the pages of a stretch that is changed.
  private func mark(_ range: Range<Int>) {
    guard !marks.isEmpty, !range.isEmpty else { return }
    let first = range.lowerBound / MemoryFile.page
    let last = min((range.upperBound - 1) / MemoryFile.page, marks.count - 1)
    guard first <= last else { return }
    for number in first...last { marks[number] = true }
  }

  /// Cuts to a size, or fills up with zeros.
  private static func resize(_ target: inout [UInt8], to size: Int) {
    if size < target.count {
      target.removeLast(target.count - size)
    } else if size > target.count {
      target.append(contentsOf: repeatElement(0, count: size - target.count))
    }
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
    mark(min(offset, content.count)..<end)
    if end > content.count {
      if end > content.capacity { content.reserveCapacity(max(end, content.count * 2)) }
      MemoryFile.resize(&content, to: end)
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
    mark(size..<max(content.count, origin.count))
    content.removeLast(content.count - size)
    shortest = min(shortest ?? size, size)
    written = written.compactMap { range in
      range.lowerBound < size ? range.lowerBound..<min(range.upperBound, size) : nil
    }
  }

  func sync() {
    // Never `durable = content`: the next write would have to copy all of it, into new memory.
    if let shortest, shortest < durable.count {
      durable.removeLast(durable.count - shortest)
    }
    MemoryFile.copy(written, from: content, to: &durable)
    // Zeros at the end, in front of which a write was that was cut off again.
    MemoryFile.resize(&durable, to: content.count)
    written.removeAll(keepingCapacity: true)
    shortest = nil
  }

  /// Copies stretches, in their order; what they leave out behind the end becomes zeros.
  private static func copy(_ ranges: [Range<Int>], from source: [UInt8], to target: inout [UInt8]) {
    for range in ranges {
      if range.lowerBound > target.count { resize(&target, to: range.lowerBound) }
      let inside = range.lowerBound..<min(range.upperBound, target.count)
      target.withUnsafeMutableBytes { target in
        source.withUnsafeBytes { source in
          guard let from = source.baseAddress, let to = target.baseAddress else { return }
          (to + inside.lowerBound).copyMemory(
            from: from + inside.lowerBound, byteCount: inside.count)
        }
      }
      target.append(contentsOf: source[inside.upperBound..<range.upperBound])
    }
  }

  /// Leaves what is durable and the sectors of the rest that `isKept` chooses.
  func cut(sector: Int, isKept: () -> Bool) {
    let kept = MemoryFile.sectors(of: written, sector, isKept)
    if shortest != nil, isKept(), durable.count > content.count {
      durable.removeLast(durable.count - content.count)
    }
    MemoryFile.copy(kept, from: content, to: &durable)
    goBack()
    written.removeAll(keepingCapacity: true)
    shortest = nil
  }

  /// The parts of stretches, sector by sector, that `isKept` chooses.
  static func sectors(
    of ranges: [Range<Int>], _ sector: Int, _ isKept: () -> Bool
  ) -> [Range<Int>] {
    var kept: [Range<Int>] = []
    for range in ranges {
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(range.upperBound, (start / sector + 1) * sector)
        if isKept() { kept.append(start..<end) }
        start = end
      }
    }
    return kept
  }

  /// Makes `content` the same as `durable`: they differ in what was written, in length, and behind
  /// where the file was cut short.
  private func goBack() {
    let same = min(shortest ?? .max, content.count, durable.count)
    MemoryFile.resize(&content, to: same)
    let changed = written.compactMap { range in
      range.lowerBound < same ? range.lowerBound..<min(range.upperBound, same) : nil
    }
    MemoryFile.copy(changed, from: durable, to: &content)
    content.append(contentsOf: durable[same...])
  }

  // MARK: Locks of the file

  @exclusivity(unchecked) private var sharers = 0
  /// The handles that hold more than a shared lock, by their numbers; 0 for none.
  @exclusivity(unchecked) private var reserver = 0
  @exclusivity(unchecked) private var excluder = 0

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
  @exclusivity(unchecked) private var regions: [UnsafeMutableRawPointer] = []
  @exclusivity(unchecked) private var regionBytes = 0
  @exclusivity(unchecked) private var shares = [Int](repeating: 0, count: MemoryFile.slots)
  @exclusivity(unchecked) private var owners = [Int](repeating: 0, count: MemoryFile.slots)

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
