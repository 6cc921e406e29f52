package import RoostCore

@testable import SyncProtocol

/// A small generator of repeatable random numbers (SplitMix64).
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &self) < probability
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[roll(0...elements.count - 1)]
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self.init(uniqueMembers: elements.map { (key: $0.0, value: $0.1) })
  }
}

extension Stamp {
  /// A stamp of client `client` at `time`.
  static func at(_ time: Int, _ client: Int = 1) -> Stamp {
    Stamp(
      time: HybridTime(milliseconds: Int64(time), counter: 0),
      client: UUID(high: 0, low: UInt64(client)))
  }
}
