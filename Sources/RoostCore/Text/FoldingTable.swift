/// What each Unicode scalar folds to, and of which class the result is.
///
/// Read once from the facts that `Scripts/unicode-folding.py` writes, so that the answer depends on
/// no library's version of Unicode: an index that was written by one build is read by the next.
/// Scalars in blocks of 256; blocks that are alike throughout are kept once. About 150 KB.
struct FoldingTable: Sendable {
  /// The class of a scalar that folds to itself.
  enum Kind: UInt32 {
    /// Separates tokens.
    case separator = 0
    /// A letter or digit of a script that sets spaces between words.
    case word = 1
    /// A letter of a script without spaces between words.
    case run = 2
    /// A mark that is read as a sound: it stays with what it follows.
    case mark = 3
    /// Nothing: an accent, an invisible sign.
    case ignored = 4
  }

  /// What becomes of a scalar.
  enum Fact {
    case kind(Kind)
    case scalar(UInt32)
    /// A range of `sequences`.
    case sequence(Range<Int>)
  }

  static let shared = FoldingTable()

  private static let blockBits: UInt32 = 8
  private static let blockSize = 1 << 8
  /// An entry is an operation in the low three bits and what it needs above.
  private static let shift: UInt32 = 3

  /// The block of each 256 scalars.
  private var blocks: [UInt16]
  private var entries: [UInt32]
  /// The scalars of all sequences, and where each begins and ends.
  private(set) var sequences: [UInt32] = []
  private var bounds: [Range<Int>] = []
  private var voiced: [UInt64: UInt32] = [:]

  private init() {
    // Block 0 separates; blocks 1 to 4 hold one class throughout.
    blocks = [UInt16](repeating: 0, count: 0x110000 / FoldingTable.blockSize)
    entries = []
    for kind in 0...4 {
      entries += [UInt32](repeating: UInt32(kind), count: FoldingTable.blockSize)
    }
    var reader = FactReader(FoldingTable.facts)
    var place = 0
    while !reader.isAtEnd {
      place += reader.signed()
      let head = reader.number()
      let stride = (head >> 1 & 1) + 1
      let count = head & 1 == 1 ? reader.number() : 1
      let entry = readEntry(head >> 2, &reader)
      switch entry {
      case .same(let value): fill(place, count, stride) { _ in value }
      case .shifted(let by):
        fill(place, count, stride) { UInt32(clamping: $0 + by) << FoldingTable.shift | 5 }
      }
      place += (count - 1) * stride + 1
    }
    var pairs = FactReader(FoldingTable.voicedPairs)
    while !pairs.isAtEnd {
      let letter = UInt32(0x3041 + pairs.number())
      let mark = UInt32(0x3099 + pairs.number())
      voiced[FoldingTable.pair(letter, mark)] = UInt32(0x3041 + pairs.number())
    }
  }

  private enum Entry {
    case same(UInt32)
    case shifted(Int)
  }

  private mutating func readEntry(_ operation: Int, _ reader: inout FactReader) -> Entry {
    switch operation {
    case 5: return .shifted(reader.signed())
    case 6:
      let head = reader.number()
      if head & 1 == 1 { return .same(UInt32(head >> 1) << FoldingTable.shift | 6) }
      let start = sequences.count
      var scalar = 97
      for _ in 0..<(head >> 1) {
        scalar += reader.signed()
        sequences.append(UInt32(scalar))
      }
      bounds.append(start..<sequences.count)
      return .same(UInt32(bounds.count - 1) << FoldingTable.shift | 6)
    default: return .same(UInt32(operation))
    }
  }

  private mutating func fill(
    _ first: Int, _ count: Int, _ stride: Int, _ entry: (Int) -> UInt32
  ) {
    var done = 0
    while done < count {
      let scalar = first + done * stride
      let block = scalar >> Int(FoldingTable.blockBits)
      let value = entry(scalar)
      let isWhole = stride == 1 && scalar % FoldingTable.blockSize == 0
      if isWhole, value <= 4, count - done >= FoldingTable.blockSize {
        blocks[block] = UInt16(value)
        done += FoldingTable.blockSize
        continue
      }
      if blocks[block] == 0 {
        blocks[block] = UInt16(entries.count / FoldingTable.blockSize)
        entries += [UInt32](repeating: 0, count: FoldingTable.blockSize)
      }
      let offset = Int(blocks[block]) * FoldingTable.blockSize + scalar % FoldingTable.blockSize
      entries[offset] = value
      done += 1
    }
  }

  private static func pair(_ letter: UInt32, _ mark: UInt32) -> UInt64 {
    UInt64(letter) << 32 | UInt64(mark)
  }

  /// What becomes of `scalar`, which is below 0x110000.
  @inline(__always) func fact(_ scalar: UInt32) -> Fact {
    let block = Int(blocks[Int(scalar >> FoldingTable.blockBits)])
    let entry = entries[block << Int(FoldingTable.blockBits) | Int(scalar & 0xFF)]
    switch entry & 7 {
    case 5: return .scalar(entry >> FoldingTable.shift)
    case 6: return .sequence(bounds[Int(entry >> FoldingTable.shift)])
    default: return .kind(Kind(rawValue: entry) ?? .separator)
    }
  }

  /// The class of a scalar that is the result of a folding.
  @inline(__always) func kind(_ scalar: UInt32) -> Kind {
    if case .kind(let kind) = fact(scalar) { return kind }
    return .separator
  }

  /// What a letter and a mark behind it are together, where they are written as one: the voiced
  /// letters of kana, and the syllables of Hangul (Unicode, section 3.12).
  func composed(_ letter: UInt32, _ next: UInt32) -> UInt32? {
    switch (letter, next) {
    case (0x1100...0x1112, 0x1161...0x1175):
      return 0xAC00 + ((letter - 0x1100) * 21 + (next - 0x1161)) * 28
    case (0xAC00...0xD7A3, 0x11A8...0x11C2) where (letter - 0xAC00) % 28 == 0:
      return letter + (next - 0x11A7)
    case (0x3041...0x30FF, 0x3099...0x309A):
      return voiced[FoldingTable.pair(letter, next)]
    default: return nil
    }
  }
}

/// Reads numbers from printable characters: five bits each, the sixth says that more come.
private struct FactReader {
  private let text: StaticString
  private var place = 0

  init(_ text: StaticString) { self.text = text }

  var isAtEnd: Bool { place >= text.utf8CodeUnitCount }

  mutating func number() -> Int {
    var value = 0
    var shift = 0
    while !isAtEnd {
      // The alphabet is 64 characters from `#` on, without the backslash.
      let character = Int(text.utf8Start[place])
      let digit = character - 35 - (character > 92 ? 1 : 0)
      place += 1
      value |= (digit & 31) << shift
      if digit & 32 == 0 { break }
      shift += 5
    }
    return value
  }

  mutating func signed() -> Int {
    let value = number()
    return value & 1 == 0 ? value >> 1 : -(value + 1) >> 1
  }
}
