import RoostCore

extension MergeRule {
  // MARK: SET_UNION

  /// Each element has a clock of its own: the last of its adds and removes wins.
  func union(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    if case .objects(let identity) = elements {
      return ElementMerge(identity: identity, stamp: edit.stamp).merge(edit, into: stored)
    }
    var known = stored
    known.clocks = stored.clocks.asValues
    switch edit.operation {
    case .increment: return plain(edit, stored)
    case .set(.array(let elements)): return union(elements, [], edit.stamp, known)
    case .set(.null): return cleared(edit.stamp, known)
    case .set: return Merged(state: stored, outcome: .rejected(.type))
    case .edit(let add, let remove): return union(add, remove, edit.stamp, known)
    }
  }

  private func union(
    _ add: [JSON], _ remove: [JSON], _ stamp: Stamp, _ stored: FieldState
  ) -> Merged {
    var state = stored
    var tally = Tally()
    let cut = stored.clocks.parts[PartKey.cut]?.stamp ?? stored.clocks.floor
    if stored.value.isNull, stamp < cut {
      // Older than the null that stands: elements below find that out one by one.
      tally.lost += add.isEmpty && remove.isEmpty ? 1 : 0
    } else {
      state.clocks.raise(PartKey.mark, stamp)
    }
    var list = stored.value.array ?? []
    let wasEmpty = list.isEmpty
    var present: [String: Bool] = [:]
    for element in list { present[element.text] = true }
    var gone: Set<String> = []
    for (elements, isRemoved) in [(add, false), (remove, true)] {
      for element in elements {
        let key = element.text
        let isThere = present[key] == true
        let standing = Swift.max(state.clocks.parts[key]?.stamp ?? cut, cut)
        guard stamp >= standing else {
          // A later edit of the same wish is no loss.
          if isThere == isRemoved { tally.lost += 1 } else { tally.won += 1 }
          continue
        }
        state.clocks.parts[key] = FieldClocks.Part(stamp: stamp, isRemoved: isRemoved)
        if isRemoved, wasEmpty, case .string(let id) = element {
          // It may be the identifier of an object that comes yet.
          state.clocks.raise(PathMerge.Path.root.below(id).cut, stamp, isRemoved: true)
        }
        tally.won += 1
        if isRemoved {
          if isThere { gone.insert(key) }
          present[key] = false
        } else if !isThere {
          if gone.remove(key) == nil { list.append(element) }
          present[key] = true
        }
      }
    }
    if !gone.isEmpty { list.removeAll { gone.contains($0.text) } }
    let isMarked = (state.clocks.parts[PartKey.mark]?.stamp).map { $0 >= cut } ?? false
    let isNull = stored.value.isNull && list.isEmpty && !isMarked
    return state.changed(to: isNull ? .null : .array(list), stamp, tally.outcome, from: stored)
  }

  /// Null takes every element that was not added later.
  private func cleared(_ stamp: Stamp, _ stored: FieldState) -> Merged {
    let cut = stored.clocks.parts[PartKey.cut]?.stamp ?? stored.clocks.floor
    guard stamp >= cut else { return Merged(state: stored, outcome: .ignored) }
    var state = stored
    let isMarked = (stored.clocks.parts[PartKey.mark]?.stamp).map { $0 > stamp } ?? false
    state.clocks.parts[PartKey.cut] = FieldClocks.Part(stamp: stamp, isRemoved: true)
    let parts = stored.clocks.parts
    let rest = (stored.value.array ?? []).filter { (parts[$0.text]?.stamp ?? cut) > stamp }
    let isNull = stored.value.isNull || (rest.isEmpty && !isMarked)
    return state.changed(
      to: isNull ? .null : .array(rest), stamp, isNull ? .applied : .merged, from: stored)
  }

  // MARK: APPEND

  /// New elements come to the end in the order in which the server takes them; one that is there, or
  /// was taken away, is not added again.
  func appended(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    let (add, remove): ([JSON], [JSON])
    switch edit.operation {
    case .increment: return plain(edit, stored)
    case .set(.array(let elements)): (add, remove) = (elements, [])
    case .set(.null): return Merged(state: stored, outcome: .ignored)
    case .set: return Merged(state: stored, outcome: .rejected(.type))
    case .edit(let added, let removed): (add, remove) = (added, removed)
    }
    var state = stored
    var tally = Tally()
    var list = stored.value.array ?? []
    var present = Set(list.map(appendKey))
    for element in add {
      let key = appendKey(element)
      if state.clocks.parts[key]?.isRemoved == true {
        tally.lost += 1
      } else {
        tally.won += 1
        if present.insert(key).inserted { list.append(element) }
      }
    }
    let gone = Set(remove.map(appendKey))
    for key in gone {
      state.clocks.raise(key, edit.stamp, isRemoved: true)
      tally.won += 1
    }
    if !gone.isDisjoint(with: present) { list.removeAll { gone.contains(appendKey($0)) } }
    return state.changed(to: .array(list), edit.stamp, tally.outcome, from: stored)
  }

  /// The text of an object's `id`, else of the whole element.
  private func appendKey(_ element: JSON) -> String {
    var member = "id"
    if case .objects(let identity) = elements { member = identity.idMember }
    return (element[member] ?? element).text
  }
}

/// How many parts of an edit stand.
struct Tally {
  var won = 0
  var lost = 0

  var outcome: MergeOutcome { lost == 0 ? .applied : (won == 0 ? .ignored : .merged) }
}

/// Names of parts that are no element and no path.
enum PartKey {
  /// A list as a whole became null.
  static let cut = ""
  /// A list as a whole was written as a list.
  static let mark = "{"
}

extension FieldClocks {
  /// Notes a stamp, if it is not older than the one that stands.
  mutating func raise(_ key: String, _ stamp: Stamp, isRemoved: Bool = false) {
    if let standing = parts[key], standing.stamp > stamp { return }
    parts[key] = Part(stamp: stamp, isRemoved: isRemoved)
  }
}

extension FieldState {
  /// The state with another value, and the field's clock raised if that is one.
  func changed(
    to value: JSON, _ stamp: Stamp, _ outcome: MergeOutcome, from stored: FieldState
  ) -> Merged {
    var state = self
    state.value = value
    if !SameValue.test(value, stored.value) {
      state.clocks.stamp = max(stored.clocks.standing, stamp)
    }
    return Merged(state: state, outcome: outcome)
  }
}
