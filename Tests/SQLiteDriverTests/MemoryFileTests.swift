import Testing

@testable import SQLiteDriver

/// A file of a disk in memory against one that copies everything each time.
@Suite struct MemoryFileTests {
  /// The same file without any way to copy less.
  private struct Plain {
    var content: [UInt8]
    var durable: [UInt8]
    var written: [Range<Int>] = []
    var isCutShort = false

    init(_ bytes: [UInt8]) {
      content = bytes
      durable = bytes
    }

    mutating func write(_ bytes: [UInt8], at offset: Int) {
      let end = offset + bytes.count
      content += [UInt8](repeating: 0, count: max(0, end - content.count))
      content.replaceSubrange(offset..<end, with: bytes)
      if let last = written.last, last.upperBound == offset {
        written[written.count - 1] = last.lowerBound..<end
      } else {
        written.append(offset..<end)
      }
    }

    mutating func truncate(to size: Int) {
      guard size < content.count else { return }
      content.removeLast(content.count - size)
      isCutShort = true
      written = written.compactMap { range in
        range.lowerBound < size ? range.lowerBound..<min(range.upperBound, size) : nil
      }
    }

    mutating func sync() {
      durable = content
      written = []
      isCutShort = false
    }

    mutating func cut(sector: Int, isKept: () -> Bool) {
      let kept = MemoryFile.sectors(of: written, sector, isKept)
      if isCutShort, isKept(), durable.count > content.count {
        durable.removeLast(durable.count - content.count)
      }
      for range in kept {
        durable += [UInt8](repeating: 0, count: max(0, range.upperBound - durable.count))
        durable.replaceSubrange(range, with: content[range])
      }
      content = durable
      written = []
      isCutShort = false
    }
  }

  /// Numbers that a seed decides.
  private struct Numbers {
    var state: UInt64
    mutating func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(count))
    }
  }

  @Test(arguments: 0..<40)
  func `holds what one holds that copies everything each time, whatever is done to it`(
    _ seed: UInt64
  ) {
    var numbers = Numbers(state: seed)
    // The last page of the one is whole, that of the other is not.
    let images = [8192, 30_001, 0].map { count in
      (0..<count).map { _ in UInt8(numbers.below(256)) }
    }
    let file = MemoryFile([])
    var plain = Plain([])
    var copies: [(of: [UInt8], as: [UInt8])] = []
    for step in 0..<400 {
      switch numbers.below(20) {
      case 0..<10:
        let bytes = (0..<(1 + numbers.below(6000))).map { _ in UInt8(numbers.below(256)) }
        let offset = numbers.below(file.content.count + 3000)
        bytes.withUnsafeBytes { buffer in
          if let start = buffer.baseAddress { file.write(start, buffer.count, at: offset) }
        }
        plain.write(bytes, at: offset)
      case 10..<13:
        let size = numbers.below(file.content.count + 1)
        file.truncate(to: size)
        plain.truncate(to: size)
      case 13..<17:
        file.sync()
        plain.sync()
      case 17:
        let chance = Numbers(state: UInt64(step))
        let sector = numbers.below(2) == 0 ? 512 : 4096
        var (one, other) = (chance, chance)
        file.cut(sector: sector) { one.below(2) == 0 }
        plain.cut(sector: sector) { other.below(2) == 0 }
      case 18:
        let image = images[numbers.below(images.count)]
        file.begin(with: image)
        plain = Plain(image)
      default:
        // Somebody keeps a copy, and the file goes on in memory of its own.
        copies.append((file.durable, plain.durable))
      }
      guard file.content == plain.content, file.durable == plain.durable else {
        Issue.record("they differ after step \(step)")
        return
      }
    }
    #expect(copies.allSatisfy { $0.of == $0.as })
  }
}
