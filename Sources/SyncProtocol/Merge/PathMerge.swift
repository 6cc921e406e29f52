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
  /// The parts of ordered members, by the member's cut; made when they are needed.
  private var writes: [String: [OrderedWrites.Write]]?

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
    let standing = latestCut
    guard stamp >= standing else { return nil }
    let mark = Path.root.mark
    if clocks.parts[mark] == nil, let last = clocks.parts.values.map(\.stamp).max() {
      // Lists of an earlier version have none: the parts below say when they were written.
      clocks.raise(mark, last)
    }
    return merge(stored, members, at: .root, standing)
  }

  /// When all was last taken away, or was created.
  var latestCut: Stamp {
    max(clocks.parts[Path.root.cut]?.stamp ?? clocks.floor, clocks.floor)
  }

  /// An ordered member after a write: the greatest of what was written since it was last taken away.
  private mutating func write(
    _ value: JSON, over stored: JSON?, _ rule: OrderedMember, at path: Path, _ standing: Stamp
  ) -> JSON? {
    change(stored, rule, at: path, standing) { writes, merge in
      let wins = value.isNull ? writes.remove(at: merge.stamp) : writes.add(value, at: merge.stamp)
      if wins { merge.tally.won += 1 } else { merge.tally.lost += 1 }
    }
  }

  private mutating func change(
    _ stored: JSON?, _ rule: OrderedMember, at path: Path, _ standing: Stamp,
    _ body: (inout OrderedWrites, inout PathMerge) -> Void
  ) -> JSON? {
    var all: [String: [OrderedWrites.Write]] = [:]
    let cut = path.cut
    let hasParts = clocks.parts[path.mark] != nil
    if hasParts {
      all = writes ?? PathMerge.writes(in: clocks)
      // Not in two places, or each change would copy it.
      writes = nil
    }
    var own = OrderedWrites(of: stored, rule, at: path, clocks, all[cut] ?? [], standing)
    body(&own, &self)
    let left = own.save(to: &clocks)
    if hasParts {
      all[cut] = left
      writes = all
    } else {
      writes?[cut] = left
    }
    return own.greatest
  }

  /// One look at all parts.
  private static func writes(in clocks: FieldClocks) -> [String: [OrderedWrites.Write]] {
    var writes: [String: [OrderedWrites.Write]] = [:]
    for (key, part) in clocks.parts {
      guard let (member, value) = Path.write(in: key) else { continue }
      writes[member, default: []].append(OrderedWrites.Write(value: value, stamp: part.stamp))
    }
    return writes
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
        let left = change(value, rule, at: below, standing) { $0.end(at: $1.stamp) }
        if let left { rest.append((key, left)) }
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

    /// The member's cut and the value of such a text; nil for other parts.
    static func write(in key: String) -> (member: String, value: JSON)? {
      guard key.utf8.suffix(2).elementsEqual("]]".utf8),
        let keys = try? JSON.parse(text: key).array, let value = keys.last?.array?.first
      else { return nil }
      return ("[" + keys.dropLast().map(\.text).joined(separator: ",") + "]", value)
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
      merge.merge(stored.value, document, at: .root, killed: stored.clocks.floor) ?? .null
    merge.forgetEnded()
    let state = FieldState(value: value, clocks: merge.clocks)
    return state.changed(to: value, edit.stamp, merge.tally.outcome, from: stored)
  }
}
