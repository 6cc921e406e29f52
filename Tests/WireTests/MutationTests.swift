import Testing
import Wire

/// Random numbers that are the same on each run (SplitMix64 of Steele, Lea and Flood).
struct Dice {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func roll(_ sides: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((bits ^ (bits >> 31)) % UInt64(sides))
  }
}

@Suite("Mutated input")
struct MutationTests {
  private static let spice: [UInt8] = Array("\r\n\t :;,\"\\%#?/*0123456789abcdefxX\0\u{7F}".utf8)

  /// Changes, adds, removes or repeats a few bytes.
  private static func mutate(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
    var bytes = bytes
    for _ in 0...dice.roll(4) {
      let place = dice.roll(max(1, bytes.count))
      switch dice.roll(4) {
      case 0 where !bytes.isEmpty: bytes[place] = spice[dice.roll(spice.count)]
      case 1: bytes.insert(spice[dice.roll(spice.count)], at: place)
      case 2 where !bytes.isEmpty: bytes.remove(at: place)
      default:
        let end = min(bytes.count, place + dice.roll(12))
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      }
    }
    return bytes
  }

  @Test("A mutated head gives the same whole and in pieces", arguments: 0..<20)
  func heads(seed: Int) {
    var dice = Dice(seed: UInt64(seed))
    let parser = RequestHeadParser(headBytes: 400, fields: 6, targetBytes: 60)
    let bases = RequestHeadParserTests.all.filter { $0.status == 200 && $0.bytes.count < 300 }
    for _ in 0..<400 {
      let bytes = Self.mutate(bases[dice.roll(bases.count)].bytes, &dice)
      let whole = parser.parse(bytes.span)
      var pieces = RequestHeadParser.Outcome.incomplete
      var count = 0
      while count < bytes.count, pieces == .incomplete {
        count = min(bytes.count, count + 1 + dice.roll(5))
        pieces = parser.parse(Array(bytes[..<count]).span)
      }
      #expect(pieces == whole, "\(bytes)")
      if case .complete(let layout) = whole {
        #expect(layout.length <= bytes.count)
        // A head that was accepted has no bare line end and no control but tab.
        let head = bytes[..<layout.length]
        for (index, byte) in head.enumerated() {
          if byte == 0x0A { #expect(index > 0 && head[index - 1] == 0x0D) }
          #expect(byte >= 0x20 && byte != 0x7F || [9, 10, 13].contains(byte))
        }
      }
    }
  }

  @Test("A mutated chunked body gives the same whole and in pieces", arguments: 0..<20)
  func bodies(seed: Int) {
    var dice = Dice(seed: UInt64(seed) + 1000)
    let bases = BodyDecoderTests.cases.filter { $0.status == 200 && $0.text.utf8.count < 200 }
    for _ in 0..<400 {
      let bytes = Self.mutate(Array(bases[dice.roll(bases.count)].text.utf8), &dice)
      let whole = BodyDecoderTests.decode(.chunked, bytes, pieces: .max >> 1)
      let pieces = BodyDecoderTests.decode(.chunked, bytes, pieces: 1 + dice.roll(6))
      #expect(pieces == whole, "\(bytes)")
    }
  }
}
