import RoostCore

extension FieldClocks {
  /// A list that nothing declares is told apart by what is in hand, which is nothing where it is
  /// empty: what was then noted of the whole counts either way.
  fileprivate var asElements: FieldClocks {
    var clocks = self
    if let cut = parts[PartKey.cut] {
      clocks.raise(PathMerge.Path.root.cut, cut.stamp, isRemoved: true)
    }
    if let mark = parts[PartKey.mark] { clocks.raise(PathMerge.Path.root.mark, mark.stamp) }
    return clocks
  }

  /// The same the other way.
  var asValues: FieldClocks {
    var clocks = self
    if let cut = parts[PathMerge.Path.root.cut] {
      clocks.raise(PartKey.cut, cut.stamp, isRemoved: true)
    }
    if let mark = parts[PathMerge.Path.root.mark] { clocks.raise(PartKey.mark, mark.stamp) }
    return clocks
  }
}

/// Lists of objects with identifiers: merged as the document whose members the elements are, each
/// under the text of its identifier.
struct ElementMerge {
  let identity: ObjectElements
  let stamp: Stamp

  func merge(_ edit: FieldEdit, into stored: FieldState) -> Merged {
    var add: [JSON] = []
    var remove: [JSON] = []
    switch edit.operation {
    case .increment: return Merged(state: stored, outcome: .rejected(.type))
    case .set(.array(let elements)): add = elements
    case .set(.null): return cleared(stored)
    case .set: return Merged(state: stored, outcome: .rejected(.type))
    case .edit(let added, let removed): (add, remove) = (added, removed)
    }
    guard add.allSatisfy({ key($0) != nil && $0.object != nil }) else {
      return Merged(state: stored, outcome: .rejected(.type))
    }
    var members: [(key: String, value: JSON)] = []
    for element in add { if let key = key(element) { members.append((key, element)) } }
    for element in remove {
      if let key = key(element) ?? idText(element) { members.append((key, .null)) }
    }
    var merge = merge(stored)
    guard let object = merge.merge(elements: document(stored.value), members) else {
      return Merged(state: stored, outcome: .ignored)
    }
    merge.forgetEnded()
    let state = FieldState(value: stored.value, clocks: merge.clocks)
    return state.changed(
      to: .array(nameless(stored.value) + object.map(\.value)), stamp, merge.tally.outcome,
      from: stored)
  }

  /// Null takes every element that was not written later.
  private func cleared(_ stored: FieldState) -> Merged {
    var merge = merge(stored)
    guard stamp >= merge.latestCut else { return Merged(state: stored, outcome: .ignored) }
    let left = merge.merge(
      document(stored.value), .null, at: .root, killed: stored.clocks.floor)
    merge.forgetEnded()
    let state = FieldState(value: stored.value, clocks: merge.clocks)
    let value = left?.object.map { JSON.array($0.map(\.value)) } ?? .null
    return state.changed(to: value, stamp, merge.tally.outcome, from: stored)
  }

  private func merge(_ stored: FieldState) -> PathMerge {
    var merge = PathMerge(stamp: stamp, clocks: stored.clocks.asElements)
    merge.ordered = identity.ordered
    return merge
  }

  private func document(_ list: JSON) -> JSON? {
    guard let list = list.array else { return nil }
    // Two that were stored with the same identifier both stay; it is the second that is merged.
    return .object(
      JSONObject(
        uniqueMembers: list.compactMap { element in key(element).map { (key: $0, value: element) } }
      ))
  }

  /// Elements without an identifier, of a time before the list was declared so: they stay where they
  /// are not told apart.
  private func nameless(_ list: JSON) -> [JSON] { (list.array ?? []).filter { key($0) == nil } }

  /// The text that identifies an element; nil where it has none.
  private func key(_ element: JSON) -> String? { element[identity.idMember].flatMap(idText) }

  private func idText(_ value: JSON) -> String? {
    switch value {
    case .string(let text): text
    case .int(let number): String(number)
    default: nil
    }
  }
}
