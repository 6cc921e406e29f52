import RoostCore

/// MERGE_DEEP: the last write wins at each path of a JSON document; null takes a member away, and
/// arrays are atomic (the rules of RFC 7396, with a clock at each path that was written).
struct DeepMerge {
  let number: UInt32
  let clock: FieldClock

  /// `document` merged over `stored`; `clocks` takes note of each path that was written.
  func merge(_ stored: JSON, _ document: JSON, _ clocks: inout RowClocks) -> JSON {
    merge(stored, document, path: [], &clocks)
  }

  private func merge(
    _ stored: JSON, _ patch: JSON, path: [String], _ clocks: inout RowClocks
  ) -> JSON {
    guard case .object(let members) = patch, case .object(var result) = stored else {
      return wins(path, &clocks) ? DeepMerge.withoutNulls(patch) : stored
    }
    for (key, value) in members {
      let below = path + [key]
      if value.isNull {
        if wins(below, &clocks, isRemoved: true) { result[key] = nil }
      } else if let old = result[key] {
        result[key] = merge(old, value, path: below, &clocks)
      } else if wins(below, &clocks) {
        result[key] = DeepMerge.withoutNulls(value)
      }
    }
    return .object(result)
  }

  /// Whether a write at `path` is at least as late as what was written or removed there or above.
  private func wins(
    _ path: [String], _ clocks: inout RowClocks, isRemoved: Bool = false
  ) -> Bool {
    for length in 0...path.count {
      let key = DeepMerge.key(Array(path[0..<length]))
      if let part = clocks.part(number, key), part.clock > clock { return false }
    }
    clocks.setPart(number, DeepMerge.key(path), clock, isRemoved: isRemoved)
    return true
  }

  /// A path as the JSON array of its keys.
  private static func key(_ path: [String]) -> String {
    JSON.array(path.map { .string($0) }).text
  }

  /// The value without members that are null: in a merge patch they say what to take away, and here
  /// there is nothing to take it from.
  private static func withoutNulls(_ value: JSON) -> JSON {
    guard case .object(let members) = value else { return value }
    var result = JSONObject()
    for (key, member) in members where !member.isNull { result[key] = withoutNulls(member) }
    return .object(result)
  }
}
