/// The known name that is most like `name`, or nil when none is like it.
///
/// Counts inserted, deleted, replaced and swapped neighbouring characters (optimal string
/// alignment) without regard to case; about one fault in three characters is forgiven. A name that
/// begins like the wanted one comes next. Reads the first 1,000 names, and names of at most 64
/// bytes, so that a hostile list costs little.
package func nearest(_ name: String, among names: [String]) -> String? {
  let wanted = folded(name)
  guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
  let limit = min(4, max(1, (wanted.count + 1) / 3))
  var best: (name: String, distance: Int)?
  for candidate in names.prefix(1000) {
    let bytes = folded(candidate)
    guard abs(bytes.count - wanted.count) <= limit else { continue }
    let distance = editDistance(wanted, bytes)
    if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  if let best { return best.name }
  guard wanted.count >= 3 else { return nil }
  return names.prefix(1000).first { candidate in
    let bytes = folded(candidate)
    return bytes.starts(with: wanted) || bytes.count >= 3 && wanted.starts(with: bytes)
  }
}

/// `; did you mean "x"?`, or nothing.
package func didYouMean(_ name: String, among names: [String], prefix: String = "") -> String {
  guard let known = nearest(name, among: names) else { return "" }
  return "; did you mean \(prefix)\(known)?"
}

/// The UTF-8 of a name with ASCII letters in lower case, at most 65 bytes of it.
private func folded(_ text: String) -> [UInt8] {
  text.utf8.prefix(65).map { $0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0 }
}

/// The optimal string alignment distance of two texts.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...right.count)
  for row in 0..<left.count {
    var current = [row + 1]
    current.reserveCapacity(right.count + 1)
    for column in 0..<right.count {
      var cost = min(previous[column + 1], current[column]) + 1
      cost = min(cost, previous[column] + (left[row] == right[column] ? 0 : 1))
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        cost = min(cost, beforePrevious[column - 1] + 1)
      }
      current.append(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.count]
}
