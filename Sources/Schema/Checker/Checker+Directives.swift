import RoostCore

extension Checker {
  /// Checks each use against its definition: place, repetition, arguments, stage.
  ///
  /// Uses of unknown directives are left out of what is returned.
  func directives(
    _ uses: [DirectiveUse], on place: DirectiveLocation
  ) -> [CheckedDirective] {
    var checked: [CheckedDirective] = []
    var seen: Set<String> = []
    for use in uses {
      let name = use.name.text
      guard let definition = Prelude.directives[name] else {
        report.fault(
          use.location,
          "unknown directive @\(name.excerpt)"
            + didYouMean(name, among: Prelude.directiveNames, prefix: "@"))
        continue
      }
      let places = definition.locations.map(\.text)
      guard places.contains(place.rawValue) else {
        let words = places.compactMap { DirectiveLocation(rawValue: $0)?.words }
          .joined(separator: " or ")
        report.fault(
          use.location,
          "@\(name) may not stand on \(place.words); it belongs on \(words)"
        )
        continue
      }
      if !seen.insert(name).inserted, !definition.isRepeatable {
        report.fault(use.location, "@\(name) may be given once only")
        continue
      }
      let before = report.faults.count
      let given = arguments(of: use, definition)
      let directive = CheckedDirective(
        name: name, location: use.location, isPartial: report.faults.count > before, given: given,
        definition: definition)
      applyStage(to: directive, use, on: place)
      checked.append(directive)
    }
    return checked
  }

  private func arguments(
    of use: DirectiveUse, _ definition: DirectiveSyntax
  ) -> [String: Literal] {
    var given: [String: Literal] = [:]
    var seen: Set<String> = []
    for argument in use.arguments {
      let name = argument.name.text
      guard let wanted = definition.arguments.first(where: { $0.name.text == name }) else {
        let known = definition.arguments.map(\.name.text)
        report.fault(
          argument.name.location,
          "@\(use.name.text) has no argument \(name.excerpt)" + didYouMean(name, among: known))
        continue
      }
      guard seen.insert(name).inserted else {
        report.fault(argument.name.location, "the argument \(name) is given twice")
        continue
      }
      let subject = "\(name) of @\(use.name.text)"
      if check(argument.value, against: wanted.type, subject), !argument.value.isNull {
        given[name] = argument.value
      }
    }
    for wanted in definition.arguments
    where wanted.type.isRequired && wanted.defaultValue == nil && !seen.contains(wanted.name.text) {
      report.fault(
        use.location,
        "@\(use.name.text) needs the argument \(wanted.name.text): \(wanted.type.text)")
    }
    return given
  }

  /// Whether `literal` is a value of `type`; reports the fault when it is not.
  private func check(_ literal: Literal, against type: TypeReference, _ subject: String) -> Bool {
    if literal.isNull {
      guard type.isRequired else { return true }
      report.fault(literal.location, "\(subject) may not be null")
      return false
    }
    switch type.unwrapped {
    case .required(let inner): return check(literal, against: inner, subject)
    case .list(let element, _):
      guard case .list(let elements) = literal.value else {
        // One value stands for a list of one (GraphQL, section 3.11).
        return check(literal, against: element, subject)
      }
      var isValid = true
      for value in elements where !check(value, against: element, subject) { isValid = false }
      return isValid
    case .named(let name):
      guard let problem = problem(of: literal, as: name.text) else { return true }
      report.fault(literal.location, "\(subject) \(problem)")
      return false
    }
  }

  private func problem(of literal: Literal, as type: String) -> String? {
    switch (type, literal.value) {
    case ("String", .string), ("Boolean", .boolean): return nil
    case ("Int", .int(let text)):
      return Int32(text) == nil ? "must fit 32 bits, \(text.excerpt) does not" : nil
    case ("Float", .int(let text)), ("Float", .float(let text)):
      return Double(text)?.isFinite == true ? nil : "is a number out of range"
    case ("Duration", .string(let text)):
      return CalendarDuration(text, allowingYears: true) == nil
        ? "must be an ISO 8601 duration such as \"P90D\", not \"\(text.excerpt)\"" : nil
    case ("Date", .string(let text)):
      return CalendarDate(text) == nil
        ? "must be a date such as \"2026-01-31\", not \"\(text.excerpt)\"" : nil
    case (_, .string(let text)) where Prelude.enums[type]?.contains(text) == true:
      return "is written without quotes: \(text)"
    case (_, .enumeration(let name)):
      guard let values = Prelude.enums[type] else { break }
      if values.contains(name) { return nil }
      let hint = didYouMean(name, among: values)
      return hint.isEmpty
        ? "must be one of \(values.joined(separator: ", ")), not \(name.excerpt)"
        : "is not \(name.excerpt)" + hint
    default: break
    }
    if let values = Prelude.enums[type] {
      return "must be one of \(values.joined(separator: ", ")), not \(literal.kind)"
    }
    let words = [
      "String": "a string in double quotes", "Int": "a whole number", "Float": "a number",
      "Boolean": "true or false", "Date": "a date in double quotes such as \"2026-01-31\"",
      "Duration": "a duration in double quotes such as \"P90D\"",
    ]
    return "must be \(words[type] ?? type), not \(literal.kind)"
  }

  private func applyStage(
    to directive: CheckedDirective, _ use: DirectiveUse, on place: DirectiveLocation
  ) {
    let name = "@\(directive.name)"
    for feature in [name, "\(name) on \(place.rawValue)"] {
      guard let treatment = stage.features[feature] else { continue }
      apply(treatment, to: feature == name ? name : "\(name) on \(place.words)", use.location)
      return
    }
    for argument in use.arguments where !argument.value.isNull {
      let label = argument.name.text
      if let treatment = stage.features["\(name)(\(label):)"] {
        apply(treatment, to: "the argument \(label) of \(name)", argument.name.location)
      } else if case .enumeration(let value) = argument.value.value,
        let treatment = stage.features["\(name)(\(label): \(value))"]
      {
        apply(treatment, to: "\(name)(\(label): \(value))", argument.name.location)
      } else if case .string(let path) = argument.value.value, path.contains("."),
        let treatment = stage.features["\(name)(\(label): path)"]
      {
        apply(treatment, to: "a path in the argument \(label) of \(name)", argument.name.location)
      }
    }
    // What is not said has its default, and that may be what is not acted on.
    let given = Set(use.arguments.map(\.name.text))
    for argument in directive.defaults where !given.contains(argument.name) {
      let feature = "\(name)(\(argument.name): \(argument.value))"
      if let treatment = stage.features[feature] { apply(treatment, to: feature, use.location) }
    }
  }

  private func apply(
    _ treatment: StagePolicy.Treatment, to feature: String, _ location: SourceLocation
  ) {
    switch treatment {
    case .refused: report.fault(location, StagePolicy.refusal(of: feature))
    case .noted: report.notice(location, "not_acted_on", StagePolicy.note(on: feature))
    }
  }
}
