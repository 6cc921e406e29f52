/// The schemas of an app's history with the lenses between them, as a tree: from each to each there is
/// one way.
///
/// A schema that comes again, after a rollback, is the same place: what leads there is the lens by
/// which it was left, looked through from the other side. (Read as a change like any other, a rollback
/// would drop what it renames back.)
package struct LensTree: Sendable {
  private struct Place: Sendable {
    let model: SchemaModel
    /// The version that it was first served as.
    let version: APIVersion
    /// The place that it was reached from, and the lens from there.
    let parent: Int?
    let lens: SchemaLens?
  }

  private var places: [Place] = []
  /// The place of each release.
  private var released: [(version: APIVersion, place: Int)] = []

  /// `releases` are oldest first, and the last one is served.
  package init(_ releases: [(version: APIVersion, model: SchemaModel)]) {
    var last: Int?
    for release in releases {
      let known = places.firstIndex { $0.model.source == release.model.source }
      if known == nil {
        places.append(
          Place(
            model: release.model, version: release.version, parent: last,
            lens: last.map { SchemaLens(from: places[$0].model, to: release.model) }))
      }
      let place = known ?? places.count - 1
      released.append((release.version, place))
      last = place
    }
  }

  /// What the schema that was served as `version` is to the one that is served now; nil for a version
  /// that is not on record.
  package func former(_ version: APIVersion) -> FormerSchema? {
    guard let start = released.last(where: { $0.version == version })?.place,
      let end = released.last
    else { return nil }
    // Up from both ends, until they meet.
    let upper = ancestors(start)
    let lower = ancestors(end.place)
    guard let meeting = upper.first(where: { lower.contains($0) }) else { return nil }
    var steps: [LensStep] = []
    for place in upper.prefix(while: { $0 != meeting }) {
      guard let lens = places[place].lens, let parent = places[place].parent else { return nil }
      steps.append(
        LensStep(lens: lens, isBackward: true, model: places[parent].model, version: end.version))
    }
    for place in lower.prefix(while: { $0 != meeting }).reversed() {
      guard let lens = places[place].lens else { return nil }
      steps.append(
        LensStep(
          lens: lens, isBackward: false, model: places[place].model,
          version: places[place].version))
    }
    return FormerSchema(places[start].model, version: version, current: end.version, steps)
  }

  /// The place itself and those that it was reached through.
  private func ancestors(_ place: Int) -> [Int] {
    var all = [place]
    var current = place
    while let parent = places[current].parent {
      all.append(parent)
      current = parent
    }
    return all
  }
}

/// One lens on the way from a schema to another, from either side.
struct LensStep {
  let lens: SchemaLens
  let isBackward: Bool
  /// The schema that it leads to.
  let model: SchemaModel
  /// The version from which on it holds.
  let version: APIVersion

  /// What a type is called behind the lens; nil where it is not there.
  func type(_ name: String) -> String? {
    if (isBackward ? lens.added : lens.removed).contains(name) { return nil }
    return collection(name).map { isBackward ? $0.oldType : $0.newType } ?? name
  }

  /// What a field of a type is called behind the lens; nil where it is not there.
  func field(_ name: String, of type: String) -> String? {
    for field in collection(type)?.fields ?? [] {
      switch field {
      case .changed(let old, _, let new, _):
        if name == (isBackward ? new : old) { return isBackward ? old : new }
      case .added(let added, _): if isBackward, name == added { return nil }
      case .dropped(let dropped, _): if !isBackward, name == dropped { return nil }
      }
    }
    return name
  }

  private func collection(_ type: String) -> SchemaLens.CollectionLens? {
    lens.collections.first { type == (isBackward ? $0.newType : $0.oldType) }
  }
}
