extension Checker {
  /// Both sides of each relation must name each other, or one of them be silent.
  func checkRelations(
    _ own: CollectionFields, of type: DeclaredType, _ all: [String: CollectionFields]
  ) {
    var taken: [String: InverseField] = [:]
    for list in own.inverses {
      checkList(list, of: type, all)
      let key = "\(list.typeName).\(list.field)"
      if let other = taken.updateValue(list, forKey: key) {
        report.fault(
          list.location, "\(other.name) at \(other.location) is the inverse of \(key) already")
      }
    }
    for field in own.stored {
      guard case .reference(let target) = field.type, let inverse = field.relation?.inverse,
        let other = all[target]
      else { continue }
      let location =
        own.directives[field.name]?.first("relation")?.location(of: "inverse") ?? field.location
      let lists = other.inverses.filter { $0.typeName == type.name.text }
      guard let list = other.inverses.first(where: { $0.name == inverse }) else {
        report.fault(
          location,
          other.stored(inverse) == nil
            ? "\(target) has no list \(inverse.excerpt)"
              + didYouMean(inverse, among: lists.map(\.name))
            : "\(inverse) of \(target) is not a list of \(type.name.text) with "
              + "@relation(inverse: \"\(field.name)\")")
        continue
      }
      if list.typeName != type.name.text {
        report.fault(
          location, "\(inverse) of \(target) lists \(list.typeName), not \(type.name.text)")
      } else if list.field != field.name {
        report.fault(
          location,
          "\(inverse) of \(target) is the inverse of \(list.field.excerpt), not of \(field.name)")
      }
    }
  }

  private func checkList(
    _ list: InverseField, of type: DeclaredType, _ all: [String: CollectionFields]
  ) {
    guard let other = all[list.typeName] else { return }
    let location =
      types[type.name.text]?.fields.first { $0.name.text == list.name }?.directives
      .first("relation")?.location(of: "inverse") ?? list.location
    let candidates = other.stored.filter { $0.type == .reference(typeName: type.name.text) }
    guard let field = other.stored(list.field) else {
      report.fault(
        location,
        "\(list.typeName) has no field \(list.field.excerpt)"
          + didYouMean(list.field, among: candidates.map(\.name)))
      return
    }
    guard field.type == .reference(typeName: type.name.text) else {
      report.fault(
        location,
        "\(list.field) of \(list.typeName) is \(field.type.schemaName) and does not refer to "
          + type.name.text + (candidates.first.map { "; did you mean \($0.name)?" } ?? ""))
      return
    }
    if let inverse = field.relation?.inverse, inverse != list.name {
      report.fault(
        location,
        "\(list.field) of \(list.typeName) names \(inverse.excerpt) as its inverse, not "
          + list.name
      )
    }
  }
}
