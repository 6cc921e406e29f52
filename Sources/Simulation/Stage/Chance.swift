package import RoostCore
import Synchronization

/// Chance that a seed decides: SplitMix64.
///
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
package struct Chance: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  /// A whole number from 0 up to `count`, without it; 0 where `count` is none.
  package mutating func below(_ count: Int) -> Int {
    count > 0 ? Int(next() % UInt64(count)) : 0
  }

  /// True once in `count` times.
  package mutating func once(in count: Int) -> Bool { below(count) == 0 }

  package mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[below(elements.count)]
  }

  /// Another chance, which goes its own way from here.
  package mutating func split() -> Chance { Chance(seed: next()) }
}

/// Randomness of a world, for the product's code.
package final class WorldRandom: RandomSource {
  private let chance: Mutex<Chance>

  package init(seed: UInt64) { chance = Mutex(Chance(seed: seed)) }

  package func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    chance.withLock { chance in
      var offset = 0
      while offset < buffer.count {
        var bits = chance.next()
        for _ in 0..<min(8, buffer.count - offset) {
          buffer[offset] = UInt8(truncatingIfNeeded: bits)
          bits >>= 8
          offset += 1
        }
      }
    }
  }
}

/// Randomness of one of several processes: its own while it starts, and the world's from then on, so that
/// what people see does not depend on how many there are.
final class NodeRandom: RandomSource {
  private let state: Mutex<any RandomSource>

  init(_ source: any RandomSource) { state = Mutex(source) }

  var source: any RandomSource {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  func fill(_ buffer: UnsafeMutableRawBufferPointer) { source.fill(buffer) }
}

/// The time of a world: it passes where a step says so.
package final class WorldTime: TimeSource {
  /// 2027-01-01, where worlds begin.
  package static let begin: Int64 = 1_798_761_600_000
  private let milliseconds: Atomic<Int64>

  package init(_ milliseconds: Int64 = WorldTime.begin) {
    self.milliseconds = Atomic(milliseconds)
  }

  package var wall: Int64 { milliseconds.load(ordering: .relaxed) }

  package func now() -> Timestamp { Timestamp(milliseconds: wall) }

  package func monotonicNanoseconds() -> UInt64 {
    UInt64(max(0, wall - WorldTime.begin + 1_000_000)) &* 1_000_000
  }

  package func pass(_ more: Int64) {
    _ = milliseconds.add(more, ordering: .relaxed)
  }
}
