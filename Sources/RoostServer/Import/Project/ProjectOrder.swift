/// In which order collections come back, so that what is referred to is there first.
enum ProjectOrder {
  struct Step: Equatable {
    /// The place of the collection in the list.
    let collection: Int
    /// Its fields that refer to what comes later, or to itself, by index.
    let awaited: [Int]
  }

  /// `relations` are the fields of each collection that refer to one of the list, with their target.
  ///
  /// Where collections refer to each other in a ring, the one with the fewest references that must
  /// wait goes first; of several the first in the list.
  static func steps(_ relations: [[(field: Int, target: Int)]]) -> [Step] {
    var isPlaced = [Bool](repeating: false, count: relations.count)
    var steps: [Step] = []
    while steps.count < relations.count {
      var best: (collection: Int, waiting: Int)?
      for index in relations.indices where !isPlaced[index] {
        let waiting = relations[index].count { !isPlaced[$0.target] && $0.target != index }
        if waiting < best?.waiting ?? .max { best = (index, waiting) }
      }
      guard let next = best?.collection else { break }
      let awaited = relations[next].filter { !isPlaced[$0.target] }.map(\.field)
      isPlaced[next] = true
      steps.append(Step(collection: next, awaited: awaited))
    }
    return steps
  }
}
