import RoostCore

extension Checker {
  /// The strategy of a field's own `@merge`, checked against its type.
  func mergeStrategy(
    _ use: CheckedDirective?, on shape: FieldShape, _ name: Name
  ) -> MergeStrategy? {
    guard let use, let strategy = strategy(of: use) else { return nil }
    checkOptions(use, strategy)
    let type = shape.type
    let isFit: Bool
    let wanted: String
    switch strategy {
    case .lastWriteWins, .clientWins, .serverWins, .userChoice, .reject, .latestValid:
      return strategy
    case .mergeDeep: (isFit, wanted) = (type == .json && !shape.isList, "JSON")
    case .counter: (isFit, wanted) = (type.isNumber && !shape.isList, "Int, Int64, Float or Money")
    case .setUnion, .append: (isFit, wanted) = (shape.isList, "a list")
    case .max, .min:
      (isFit, wanted) = (
        type.isOrdered && !shape.isList, "a number, a Duration, a Date, a DateTime or an enum"
      )
    }
    if !isFit {
      report.fault(
        use.location(of: "strategy"),
        "\(strategy.rawValue) merges \(wanted), and \(name.text) is \(shape.text)")
    }
    return strategy
  }

  /// The strategy of a collection, without checks.
  func collectionMerge(_ type: DeclaredType) -> MergeStrategy {
    type.directives.first("merge").flatMap(strategy) ?? .lastWriteWins
  }

  /// The strategy of a collection's `@merge`: one that makes sense for every field.
  func checkedCollectionMerge(_ type: DeclaredType) -> MergeStrategy {
    guard let use = type.directives.first("merge"), let strategy = strategy(of: use) else {
      return .lastWriteWins
    }
    switch strategy {
    case .max, .min, .counter, .setUnion, .append, .latestValid:
      report.fault(
        use.location(of: "strategy"),
        "\(strategy.rawValue) merges one field; give it to the field, not to \(type.name.text)")
    default: checkOptions(use, strategy)
    }
    return strategy
  }

  func mergeOptions(
    _ use: CheckedDirective?, elements: ElementOptions? = nil
  ) -> MergeOptions {
    MergeOptions(
      staleAfter: use?.duration("staleAfter"), validWhen: use?.string("validWhen"),
      elements: elements)
  }

  private func strategy(of use: CheckedDirective) -> MergeStrategy? {
    use.string("strategy").flatMap(MergeStrategy.init)
  }

  private func checkOptions(_ use: CheckedDirective, _ strategy: MergeStrategy) {
    if use.gives("staleAfter") {
      if strategy != .clientWins {
        report.fault(
          use.location(of: "staleAfter"),
          "staleAfter belongs to CLIENT_WINS, not to "
            + strategy.rawValue)
      } else if let duration = use.duration("staleAfter"), duration.milliseconds <= 0 {
        report.fault(use.location(of: "staleAfter"), "staleAfter must be longer than nothing")
      }
    }
    let rule = use.string("validWhen")
    if strategy == .latestValid, !use.isPartial,
      rule?.contains(where: { !$0.isWhitespace }) != true
    {
      report.fault(use.location, "LATEST_VALID needs validWhen: the rule that a value must satisfy")
    } else if strategy != .latestValid, rule != nil {
      report.fault(
        use.location(of: "validWhen"),
        "validWhen belongs to LATEST_VALID, not to "
          + strategy.rawValue)
    }
  }
}

extension FieldType {
  /// Types with an order that everybody agrees on; enums in their declared order.
  fileprivate var isOrdered: Bool {
    switch self {
    case .int, .int64, .float, .money, .duration, .date, .dateTime, .enumeration: true
    default: false
    }
  }
}
