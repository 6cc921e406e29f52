import RoostCore

extension Constraint {
  /// A bound that a value does not keep: its code, and a predicate such as `must be at least 1`.
  struct Breach {
    let code: String
    let predicate: String

    init(_ code: String, _ predicate: String) {
      self.code = code
      self.predicate = predicate
    }
  }

  /// Whether a list's elements are bounded, and not only their number.
  var boundsElements: Bool {
    min != nil || max != nil || exclusiveMin != nil || minLength != nil || maxLength != nil
      || pattern != nil || temporal != nil
  }

  /// The first bound that one value breaks; allocates only when there is one.
  func breach(by value: FieldValue, of type: FieldType, now: Timestamp) -> Breach? {
    switch value {
    case .int(let value):
      switch type {
      case .dateTime: return temporalBreach(value, now.milliseconds)
      // The quotient is the double nearest to the decimal seconds, as the bound is.
      case .duration: return numberBreach(Double(value) / 1000, unit: " seconds")
      default: return integerBreach(value)
      }
    case .double(let value): return numberBreach(value, unit: "")
    case .text(let text):
      if case .date = type {
        guard temporal != nil, let date = CalendarDate(text) else { return nil }
        let today = now.milliseconds.quotientRoundedDown(by: 86_400_000)
        return temporalBreach(date.daysSince1970, today)
      }
      return textBreach(text)
    default: return nil
    }
  }

  /// The bound that a list's length breaks.
  func breach(count: Int) -> Breach? {
    if let minItems, count < minItems {
      return Breach("min_items", "must hold at least \(minItems) item\(minItems == 1 ? "" : "s")")
    }
    if let maxItems, count > maxItems {
      return Breach("max_items", "may hold at most \(maxItems) item\(maxItems == 1 ? "" : "s")")
    }
    return nil
  }

  private func integerBreach(_ value: Int64) -> Breach? {
    if let min, value.isLess(than: min) { return belowMin("") }
    if let exclusiveMin, !value.isGreater(than: exclusiveMin) { return notAbove("") }
    if let max, value.isGreater(than: max) { return aboveMax("") }
    return nil
  }

  private func numberBreach(_ value: Double, unit: String) -> Breach? {
    if let min, value < min { return belowMin(unit) }
    if let exclusiveMin, value <= exclusiveMin { return notAbove(unit) }
    if let max, value > max { return aboveMax(unit) }
    return nil
  }

  private func belowMin(_ unit: String) -> Breach {
    Breach("min", "must be at least \(Constraint.text(min))\(unit)")
  }

  private func notAbove(_ unit: String) -> Breach {
    Breach("exclusive_min", "must be more than \(Constraint.text(exclusiveMin))\(unit)")
  }

  private func aboveMax(_ unit: String) -> Breach {
    Breach("max", "must be at most \(Constraint.text(max))\(unit)")
  }

  private static func text(_ bound: Double?) -> String {
    guard let bound else { return "" }
    return Int64(exactly: bound).map { String($0) } ?? bound.description
  }

  private func textBreach(_ text: String) -> Breach? {
    // A scalar takes one to four bytes, so most texts need not be counted.
    let bytes = text.utf8.count
    if let minLength, bytes < minLength || (bytes + 3) / 4 < minLength,
      text.unicodeScalars.count < minLength
    {
      return Breach(
        "min_length", "must have at least \(minLength) character\(minLength == 1 ? "" : "s")")
    }
    if let maxLength, bytes > maxLength, text.unicodeScalars.count > maxLength {
      return Breach(
        "max_length", "may have at most \(maxLength) character\(maxLength == 1 ? "" : "s")")
    }
    if let pattern, !pattern.matches(text) {
      return Breach("pattern", "must match the pattern \(pattern.source.excerpt)")
    }
    return nil
  }

  private func temporalBreach(_ value: Int64, _ now: Int64) -> Breach? {
    switch temporal {
    case .past where value >= now: Breach("past", "must lie in the past")
    case .pastOrPresent where value > now:
      Breach("past_or_present", "may not lie in the future")
    case .future where value <= now: Breach("future", "must lie in the future")
    case .futureOrPresent where value < now:
      Breach("future_or_present", "may not lie in the past")
    default: nil
    }
  }
}

extension Int64 {
  /// Compares exactly: the double nearest to a large integer may be another integer.
  func isLess(than bound: Double) -> Bool {
    let ceiling = bound.rounded(.up)
    return Int64(exactly: ceiling).map { self < $0 } ?? (ceiling > 0)
  }

  func isGreater(than bound: Double) -> Bool {
    let floor = bound.rounded(.down)
    return Int64(exactly: floor).map { self > $0 } ?? (floor < 0)
  }

  func quotientRoundedDown(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
