extension Checker {
  /// Values that would be derived from themselves have no end.
  func checkDerivedCycles(_ collections: [Collection]) {
    let graph = DerivedGraph(collections)
    for collection in collections {
      for field in collection.fields where field.derivation != nil || field.grouping != nil {
        guard let way = graph.cycle(at: "\(collection.typeName).\(field.name)") else { continue }
        report.fault(
          field.location, "\(field.name) is derived from itself: \(way.joined(separator: " → "))")
      }
    }
  }
}

/// Which values are made of which others, by `Type.field`; a type alone stands for which rows it has.
private struct DerivedGraph {
  private var edges: [String: [String]] = [:]

  init(_ collections: [Collection]) {
    for collection in collections {
      let type = collection.typeName
      if let view = collection.view {
        let groups = collection.fields.compactMap(\.grouping).map { "\(view.typeName).\($0.field)" }
        let tested = words(view.condition, of: view.typeName, collections)
        edges[type] = [view.typeName] + groups + tested
      }
      for field in collection.fields {
        let name = "\(type).\(field.name)"
        if let grouping = field.grouping, let view = collection.view {
          edges[name] = [view.typeName, "\(view.typeName).\(grouping.field)"]
        }
        if let derivation = field.derivation {
          let source = derivation.typeName
          edges[name] =
            [source, type] + derivation.measure.fields.map { "\(source).\($0)" }
            + words(derivation.condition, of: source, collections)
        }
      }
    }
  }

  /// The fields that a condition may read: those whose names stand in it.
  private func words(
    _ condition: String?, of type: String, _ collections: [Collection]
  ) -> [String] {
    guard let condition else { return [] }
    let words = Set(
      condition.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
    let fields = collections.first { $0.typeName == type }?.fields ?? []
    return fields.map(\.name).filter { words.contains($0) }.map { "\(type).\($0)" }
  }

  /// The way from `start` back to itself, or nil.
  func cycle(at start: String) -> [String]? {
    var seen: Set<String> = []
    func walk(_ node: String, _ way: [String]) -> [String]? {
      for next in edges[node] ?? [] {
        if next == start { return way + [next] }
        guard seen.insert(next).inserted else { continue }
        if let found = walk(next, way + [next]) { return found }
      }
      return nil
    }
    return walk(start, [start])
  }
}
