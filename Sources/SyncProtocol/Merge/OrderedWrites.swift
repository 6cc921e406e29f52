import RoostCore

/// What was written of a member that only rises or falls, as far as it may still matter.
///
/// The greatest value stands. One that loses against it stays in mind while it was written later:
/// should the greater one be taken away at a time between the two, it stands. A write that is neither
/// greater nor later than another can never stand again and is forgotten, so there is nearly always
/// one. It has its stamp in the member's cut, as any value has; where there are more, or the member
/// was taken away before, each has a part of its own, the path with an array of the value behind it,
/// the member has a mark, and its cut is the time at which it was taken away.
struct OrderedWrites {
  /// Writes that are kept, at most, since somebody may write ever less.
  private static let most = 64

  private let rule: OrderedMember
  private let path: PathMerge.Path
  /// The greatest first; the times rise.
  private var writes: [Write] = []
  /// The last time that the member itself was taken away.
  private var removal: Stamp?
  /// The parts that it had.
  private let parts: [Write]

  struct Write {
    let value: JSON
    let stamp: Stamp
  }

  /// `parts` are the member's own, where it has a mark.
  init(
    of stored: JSON?, _ rule: OrderedMember, at path: PathMerge.Path, _ clocks: FieldClocks,
    _ parts: [Write], _ standing: Stamp
  ) {
    (self.rule, self.path, self.parts) = (rule, path, parts)
    let cut = clocks.parts[path.cut]
    if let cut, cut.isRemoved { removal = cut.stamp }
    for part in parts { insert(part.value, part.stamp) }
    if let stored, !writes.contains(where: { SameValue.test($0.value, stored) }) {
      let stamp =
        cut.flatMap { $0.isRemoved ? nil : $0.stamp } ?? max(removal ?? standing, standing)
      insert(stored, stamp)
    }
  }

  var greatest: JSON? { writes.first?.value }

  /// Whether the value stands now.
  mutating func add(_ value: JSON, at stamp: Stamp) -> Bool {
    if let removal, removal > stamp { return false }
    insert(value, stamp)
    return greatest.map { SameValue.test($0, value) } ?? false
  }

  /// Takes the member away; whether nothing is left of it.
  mutating func remove(at stamp: Stamp) -> Bool {
    if let removal, removal > stamp { return false }
    removal = stamp
    end(at: stamp)
    return writes.isEmpty
  }

  /// Ends what was not written later.
  mutating func end(at stamp: Stamp) { writes.removeAll { $0.stamp <= stamp } }

  private mutating func insert(_ value: JSON, _ stamp: Stamp) {
    // Positive where the first stands before the second.
    func lead(_ one: JSON, _ other: JSON) -> Int {
      rule.isRising ? rule.order.total(one, other) : rule.order.total(other, one)
    }
    if writes.contains(where: { lead($0.value, value) >= 0 && $0.stamp >= stamp }) { return }
    writes.removeAll { lead(value, $0.value) >= 0 && stamp >= $0.stamp }
    let place = writes.firstIndex { lead(value, $0.value) > 0 } ?? writes.count
    writes.insert(Write(value: value, stamp: stamp), at: place)
    if writes.count > OrderedWrites.most { writes.removeLast() }
  }

  /// Gives the parts that the member has now.
  func save(to clocks: inout FieldClocks) -> [Write] {
    for part in parts { clocks.parts[path.write(of: part.value)] = nil }
    clocks.parts[path.mark] = nil
    clocks.parts[path.cut] = removal.map { FieldClocks.Part(stamp: $0, isRemoved: true) }
    guard let last = writes.last else { return [] }
    if writes.count == 1, removal == nil {
      clocks.parts[path.cut] = FieldClocks.Part(stamp: last.stamp, isRemoved: false)
      return []
    }
    clocks.parts[path.mark] = FieldClocks.Part(stamp: last.stamp, isRemoved: false)
    for write in writes {
      clocks.parts[path.write(of: write.value)] = FieldClocks.Part(
        stamp: write.stamp, isRemoved: false)
    }
    return writes
  }
}
