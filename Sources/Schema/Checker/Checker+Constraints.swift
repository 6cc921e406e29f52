import RoostCore

extension Checker {
  private static let bounds = [
    "min", "max", "exclusiveMin", "minLength", "maxLength", "pattern", "temporal", "minItems",
    "maxItems",
  ]

  /// Checks `@constraint` against the field's type; in a list each element is bounded.
  func constraint(_ use: CheckedDirective, _ shape: FieldShape) -> Constraint? {
    var constraint = Constraint()
    checkFit(use, shape)
    constraint.min = use.double("min")
    constraint.max = use.double("max")
    constraint.exclusiveMin = use.double("exclusiveMin")
    constraint.minLength = count(use, "minLength")
    constraint.maxLength = count(use, "maxLength")
    constraint.minItems = count(use, "minItems")
    constraint.maxItems = count(use, "maxItems")
    constraint.temporal = use.string("temporal").flatMap(Constraint.Temporal.init)
    constraint.message = use.string("message")
    if let text = use.string("pattern") { constraint.pattern = pattern(text, use) }
    if let message = constraint.message, message.isEmpty || message.utf8.count > 500 {
      report.fault(use.location(of: "message"), "message of @constraint has 1 to 500 characters")
    }
    checkOrder(use, constraint)
    checkRange(use, constraint, shape)
    if !use.isPartial, !Checker.bounds.contains(where: use.gives) {
      report.fault(use.location, "@constraint names no bound, such as min or maxLength")
      return nil
    }
    return constraint
  }

  private func checkFit(_ use: CheckedDirective, _ shape: FieldShape) {
    let type = shape.type
    let fits: [(arguments: [String], isFit: Bool, wanted: String)] = [
      (
        ["min", "max", "exclusiveMin"], type.hasNumericBounds,
        "numbers, Money and Duration (in seconds)"
      ),
      (["minLength", "maxLength", "pattern"], type.isText, "text"),
      (["temporal"], type == .date || type == .dateTime, "Date and DateTime"),
      (["minItems", "maxItems"], shape.isList, "lists"),
    ]
    for (arguments, isFit, wanted) in fits where !isFit {
      for argument in arguments where use.gives(argument) {
        report.fault(
          use.location(of: argument), "\(argument) bounds \(wanted), not \(shape.text)")
      }
    }
  }

  private func count(_ use: CheckedDirective, _ argument: String) -> Int? {
    guard let value = use.integer(argument) else { return nil }
    guard value >= 0 else {
      report.fault(use.location(of: argument), "\(argument) may not be negative")
      return nil
    }
    return value
  }

  private func pattern(_ text: String, _ use: CheckedDirective) -> Pattern? {
    let location = use.location(of: "pattern")
    guard text.utf8.count <= 1000, !text.isEmpty else {
      report.fault(location, "pattern has 1 to 1,000 characters")
      return nil
    }
    do throws(Pattern.SyntaxError) {
      return try Pattern(text)
    } catch {
      report.fault(
        location, "the pattern does not compile (RE2's syntax): \(error.reason.excerpt)")
      return nil
    }
  }

  private func checkOrder(_ use: CheckedDirective, _ constraint: Constraint) {
    if let min = constraint.min, let max = constraint.max, min > max {
      report.fault(use.location(of: "min"), "min is greater than max")
    }
    if let above = constraint.exclusiveMin, let max = constraint.max, above >= max {
      report.fault(use.location(of: "exclusiveMin"), "exclusiveMin is not less than max")
    }
    if let min = constraint.minLength, let max = constraint.maxLength, min > max {
      report.fault(use.location(of: "minLength"), "minLength is greater than maxLength")
    }
    if let min = constraint.minItems, let max = constraint.maxItems, min > max {
      report.fault(use.location(of: "minItems"), "minItems is greater than maxItems")
    }
  }

  /// Bounds that no value of the type can keep.
  private func checkRange(
    _ use: CheckedDirective, _ constraint: Constraint, _ shape: FieldShape
  ) {
    let least: Double
    let greatest: Double
    switch shape.type {
    case .int:
      least = Double(Int32.min)
      greatest = Double(Int32.max)
    case .int64, .money:
      least = Double(Int64.min)
      // The double above the greatest 64-bit integer stands for it.
      greatest = Double(Int64.max).nextDown
    default: return
    }
    for (argument, bound) in [("min", constraint.min), ("exclusiveMin", constraint.exclusiveMin)] {
      if let bound, bound > greatest || argument == "exclusiveMin" && bound >= greatest {
        report.fault(use.location(of: argument), "no \(shape.type.schemaName) is that large")
      }
    }
    if let max = constraint.max, max < least {
      report.fault(use.location(of: "max"), "no \(shape.type.schemaName) is that small")
    }
  }
}
