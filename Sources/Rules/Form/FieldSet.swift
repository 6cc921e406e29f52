/// A set of a collection's members: its stored fields by index, and behind them its inverse fields.
package struct FieldSet: Sendable, Hashable {
  private var words: [UInt64]

  package init() { words = [] }

  /// A list, without the detour over a generic sequence.
  package init(_ members: [Int]) {
    words = []
    for member in members { insert(member) }
  }

  package init(_ members: some Sequence<Int>) {
    words = []
    for member in members { insert(member) }
  }

  /// The members `0 ..< count`.
  package init(count: Int) {
    words = [UInt64](repeating: .max, count: count / 64)
    if count % 64 > 0 { words.append((1 << UInt64(count % 64)) - 1) }
  }

  package mutating func insert(_ member: Int) {
    while words.count <= member / 64 { words.append(0) }
    words[member / 64] |= 1 << UInt64(member % 64)
  }

  package mutating func remove(_ member: Int) {
    guard member / 64 < words.count else { return }
    words[member / 64] &= ~(1 << UInt64(member % 64))
    trim()
  }

  @inline(__always) package func contains(_ member: Int) -> Bool {
    member / 64 < words.count && words[member / 64] & (1 << UInt64(member % 64)) != 0
  }

  package var isEmpty: Bool { words.isEmpty }

  package func union(_ other: FieldSet) -> FieldSet {
    var result = self
    while result.words.count < other.words.count { result.words.append(0) }
    for (index, word) in other.words.enumerated() { result.words[index] |= word }
    return result
  }

  package func intersection(_ other: FieldSet) -> FieldSet {
    var result = FieldSet()
    result.words = zip(words, other.words).map { $0 & $1 }
    result.trim()
    return result
  }

  package func subtracting(_ other: FieldSet) -> FieldSet {
    var result = self
    for (index, word) in other.words.enumerated() where index < result.words.count {
      result.words[index] &= ~word
    }
    result.trim()
    return result
  }

  package func isSuperset(of other: FieldSet) -> Bool { other.subtracting(self).isEmpty }

  /// The members in order.
  package var members: [Int] {
    var members: [Int] = []
    members.reserveCapacity(words.reduce(0) { $0 + $1.nonzeroBitCount })
    for (index, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        members.append(index * 64 + rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return members
  }

  /// Equal sets have equal words: no zeros at the end.
  private mutating func trim() { while words.last == 0 { words.removeLast() } }
}
