/// A small generator of its own, so that a failing seed can be run again.
struct Randomness {
  private var state: UInt64

  init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

  /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
  mutating func bits() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(bits() % UInt64(bound)) }

  /// True in `percent` of a hundred cases.
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

  /// Up to `count` of the choices, each once, in their order; at least one.
  mutating func some<T>(_ choices: [T], _ count: Int) -> [T] {
    var indices: Set<Int> = []
    for _ in 0..<count { indices.insert(below(choices.count)) }
    return indices.sorted().map { choices[$0] }
  }
}
