extension Checker {
  /// What `@was(expr:, back:)` says of a field; nil where it says nothing, or with a fault.
  func split(
    _ use: CheckedDirective, of field: DeclaredField, _ shape: FieldShape
  ) -> FieldSplit? {
    guard let text = use.string("expr") else {
      if use.gives("back"), !use.isPartial {
        report.fault(
          use.location(of: "back"),
          "back of @was goes with expr: a field that was renamed needs none")
      }
      return nil
    }
    let name = use.string("name") ?? ""
    guard let expression = template(text, use, "expr") else { return nil }
    if let other = expression.columns.first(where: { $0 != name }) {
      report.fault(
        use.location(of: "expr"), "expr of @was reads {\(name.excerpt)}, not {\(other.excerpt)}")
    } else if expression.columns.isEmpty {
      report.fault(
        use.location(of: "expr"),
        "expr of @was reads the former field, such as \"{\(name.excerpt) | before ' '}\"")
    }
    let former = Field(name: name, type: .string, isRequired: false)
    let target = Field(
      name: field.name.text, type: shape.type, isRequired: false, isList: shape.isList)
    let other = ["encrypted", "derived", "group"].first { field.directives.first($0) != nil }
    if shape.isList || shape.type.isReference
      || ValueConversion(from: former, to: target).work == nil
    {
      report.fault(use.location(of: "expr"), "expr of @was makes a text, not \(shape.text)")
    } else if let other {
      report.fault(use.location(of: "expr"), "expr of @was cannot fill a field under @\(other)")
    }
    return FieldSplit(
      expression: expression, back: use.string("back").flatMap { template($0, use, "back") })
  }

  private func template(
    _ text: String, _ use: CheckedDirective, _ argument: String
  ) -> TextTemplate? {
    do throws(TextTemplate.Fault) {
      return try TextTemplate(text)
    } catch {
      report.fault(use.location(of: argument), "\(argument) of @was: \(error.message)")
      return nil
    }
  }

  /// The fields that were one before agree about it: all are cut out of it, and one at most says how
  /// it is put together again, of fields that were it.
  func checkSplit(of field: Field, _ own: CollectionFields) {
    guard let use = own.directives[field.name]?.first("was"), let name = field.formerName else {
      return
    }
    let parts = own.stored.filter { $0.formerName == name }
    guard let split = field.split else {
      if !use.gives("expr"), let part = parts.first(where: { $0.split != nil }) {
        report.fault(
          use.location(of: "name"),
          "\(name.excerpt) is split by \(part.name), so \(field.name) needs an expr too")
      }
      return
    }
    guard let back = split.back else { return }
    if let first = parts.first(where: { $0.split?.back != nil }), first.name != field.name {
      report.fault(
        use.location(of: "back"),
        "\(first.name) says already how \(name.excerpt) is put together again")
    }
    if back.columns.isEmpty {
      report.fault(
        use.location(of: "back"),
        "back of @was reads the fields that \(name.excerpt) was split into, such as {\(field.name)}"
      )
    }
    for column in back.columns where !parts.contains(where: { $0.name == column }) {
      report.fault(
        use.location(of: "back"),
        "\(column.excerpt) is no field that was \(name.excerpt)"
          + didYouMean(column, among: parts.map(\.name)))
    }
  }

  func checkNoSplit(_ use: CheckedDirective?, of type: DeclaredType) {
    guard let use else { return }
    for argument in ["expr", "back"] where use.gives(argument) {
      report.fault(
        use.location(of: argument),
        "\(argument) of @was splits a field; \(type.name.text.excerpt) is a type")
    }
  }
}
