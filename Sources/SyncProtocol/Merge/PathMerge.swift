import RoostCore

/// MERGE_DEEP: the last write wins at each path of a document.
///
/// The rules of RFC 7396, with two clocks for each path that was written: its *cut*, the last time
/// that a value other than an object was put there or that it was taken away, and its *mark*, the
/// last time that an object was put there or anything below. A cut ends everything below that is not
/// later, whenever it arrives; so the result does not depend on the order of arrival.
struct PathMerge {
  let stamp: Stamp
  /// Members at depth 2 that only rise or fall.
  var ordered: [String: OrderedMember] = [:]
  var clocks: FieldClocks
  private(set) var tally = Tally()
  private var isCut = false
  /// The latest part below each path, by the path's cut, as of the beginning; made when it is needed.
  private var latest: [String: Stamp]?

  init(stamp: Stamp, clocks: FieldClocks) {
    self.stamp = stamp
    self.clocks = clocks
  }

  /// The node at `path` after the edit; nil where there is none.
  ///
  /// `killed` is the latest cut above: what is older is gone, and what has no clock was written
  /// then at the latest.
  mutating func merge(_ stored: JSON?, _ edit: JSON, at path: Path, killed: Stamp) -> JSON? {
    let own = clocks.parts[path.cut]?.stamp
    let standing = max(own ?? killed, killed)
    guard stamp >= standing else {
      tally.lost += 1
      return stored
    }
    if case .object(let members) = edit {
      return .object(merge(stored, members.members, at: path, standing))
    }
    clocks.parts[path.cut] = FieldClocks.Part(stamp: stamp, isRemoved: edit.isNull)
    if case .object(let members)? = stored {
      isCut = true
      if mark(path, standing) > stamp {
        tally.lost += 1
        return .object(surviving(members, at: path, standing))
      }
    }
    if let mark = clocks.parts.removeValue(forKey: path.mark), mark.stamp > stamp { latest = nil }
    tally.won += 1
    // A bare nil would be the literal of JSON's own null.
    return edit.isNull ? .none : .some(edit)
  }

  /// The object at `path` with these members put into it, one after the other.
  private mutating func merge(
    _ stored: JSON?, _ members: [(key: String, value: JSON)], at path: Path, _ standing: Stamp
  ) -> JSONObject {
    var node = Node(stored)
    clocks.raise(path.mark, stamp)
    if members.isEmpty { tally.won += 1 }
    for (key, value) in members {
      let below = path.below(key)
      if path.depth == 1, let rule = ordered[key] {
        node[key] = write(value, over: node[key], rule, at: below, standing)
      } else {
        node[key] = merge(node[key], value, at: below, killed: standing)
      }
    }
    return node.object
  }

  /// The elements of a list as members of an object, with others put into it; nil where the list was
  /// taken away later.
  mutating func merge(elements stored: JSON?, _ members: [(key: String, value: JSON)])
    -> JSONObject?
  {
    let cut = clocks.parts[Path.root.cut]?.stamp ?? clocks.origin
    let standing = max(cut, clocks.origin)
    guard stamp >= standing else {
      tally.lost += max(members.count, 1)
      return nil
    }
    return merge(stored, members, at: .root, standing)
  }

  /// An ordered member after a write: the greatest of what was written since it was last taken away.
  private mutating func write(
    _ value: JSON, over stored: JSON?, _ rule: OrderedMember, at path: Path, _ standing: Stamp
  ) -> JSON? {
    var writes = OrderedWrites(of: stored, rule, at: path, clocks, standing)
    let wins = value.isNull ? writes.remove(at: stamp) : writes.add(value, at: stamp)
    if wins { tally.won += 1 } else { tally.lost += 1 }
    writes.save(to: &clocks)
    return writes.greatest
  }

  /// When the object at `path` was last written, it or anything below; asked for what is later than
  /// the edit.
  private mutating func mark(_ path: Path, _ standing: Stamp) -> Stamp {
    if let mark = clocks.parts[path.mark] { return mark.stamp }
    // Clocks of an earlier version have no marks: the parts below say it.
    let latest = self.latest ?? latestBelow()
    self.latest = latest
    return max(standing, latest[path.cut] ?? standing)
  }

  /// One look at all parts.
  ///
  /// What the edit itself writes is not later than it, and changes nothing here.
  private func latestBelow() -> [String: Stamp] {
    var latest: [String: Stamp] = [:]
    for (key, part) in clocks.parts where part.stamp > stamp {
      guard let path = Path(key: key) else { continue }
      var above = path.above
      while let ancestor = above {
        let cut = ancestor.cut
        latest[cut] = max(latest[cut] ?? part.stamp, part.stamp)
        above = ancestor.above
      }
    }
    return latest
  }

  /// What is left of an object below a new cut.
  private mutating func surviving(
    _ members: JSONObject, at path: Path, _ standing: Stamp
  ) -> JSONObject {
    var rest: [(key: String, value: JSON)] = []
    for (key, value) in members {
      let below = path.below(key)
      if path.depth == 1, let rule = ordered[key] {
        var writes = OrderedWrites(of: value, rule, at: below, clocks, standing)
        writes.end(at: stamp)
        writes.save(to: &clocks)
        if let value = writes.greatest { rest.append((key, value)) }
        continue
      }
      let time = max(clocks.parts[below.cut]?.stamp ?? standing, standing)
      if case .object(let inner) = value {
        if mark(below, time) > stamp {
          rest.append((key, .object(surviving(inner, at: below, time))))
        }
      } else if time > stamp {
        rest.append((key, value))
      }
    }
    return JSONObject(uniqueMembers: rest)
  }

  /// Forgets parts that a cut above has ended.
  mutating func forgetEnded() {
    guard isCut else { return }
    for key in Array(clocks.parts.keys) {
      guard let part = clocks.parts[key], let path = Path(key: key) else { continue }
      var above = path.above
      while let ancestor = above {
        if let cut = clocks.parts[ancestor.cut], cut.stamp >= part.stamp {
          clocks.parts[key] = nil
          break
        }
        above = ancestor.above
      }
    }
  }

  /// A path of keys, with the texts under which its clocks are kept.
  struct Path {
    private let texts: [String]

    static let root = Path(texts: [])

    private init(texts: [String]) { self.texts = texts }

    var depth: Int { texts.count }

    func below(_ key: String) -> Path { Path(texts: texts + [JSON.string(key).text]) }

    var above: Path? { texts.isEmpty ? nil : Path(texts: Array(texts.dropLast())) }

    /// The JSON array of the keys.
    var cut: String { "[" + texts.joined(separator: ",") + "]" }

    /// The same with an empty object behind them.
    var mark: String { "[" + (texts + ["{}"]).joined(separator: ",") + "]" }

    /// The same with an array of a value behind them: when an ordered member was given that value.
    func write(of value: JSON) -> String {
      "[" + (texts + ["[\(value.text)]"]).joined(separator: ",") + "]"
    }

    /// The value of such a text; nil for other parts.
    func write(in key: String) -> JSON? {
      let beginning = "[" + texts.joined(separator: ",") + ",["
      guard key.hasPrefix(beginning) else { return nil }
      return try? JSON.parse(text: key).array?.last?.array?.first
    }

    /// Reads the text of a part.
    init?(key: String) {
      guard let keys = try? JSON.parse(text: key).array else { return nil }
      texts = keys.filter { $0.string != nil }.map(\.text)
    }
  }

  /// The members of an object that is being merged; found by a table when there are many.
  private struct Node {
    private var members: [(key: String, value: JSON?)] = []
    private var places: [String: Int] = [:]

    init(_ stored: JSON?) {
      guard case .object(let object)? = stored else { return }
      members = object.members.map { ($0.key, $0.value) }
      for (index, member) in members.enumerated() { places[member.key] = index }
    }

    subscript(key: String) -> JSON? {
      get { places[key].flatMap { members[$0].value } }
      set {
        if let place = places[key] {
          // What was taken away and comes again comes to the end.
          if members[place].value != nil || newValue == nil {
            members[place].value = newValue
            return
          }
        }
        guard let newValue else { return }
        places[key] = members.count
        members.append((key, newValue))
      }
    }

    var object: JSONObject {
      JSONObject(
        uniqueMembers: members.compactMap { member in
          member.value.map { (key: member.key, value: $0) }
        })
    }
  }
}

extension MergeRule {
  func deep(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    if case .objects(let identity) = elements {
      return ElementMerge(identity: identity, stamp: edit.stamp).merge(edit, into: stored)
    }
    guard case .set(let document) = edit.operation else { return plain(edit, stored) }
    var merge = PathMerge(stamp: edit.stamp, clocks: stored.clocks)
    let value =
      merge.merge(stored.value, document, at: .root, killed: stored.clocks.origin) ?? .null
    merge.forgetEnded()
    let state = FieldState(value: value, clocks: merge.clocks)
    return state.changed(to: value, edit.stamp, merge.tally.outcome, from: stored)
  }
}
