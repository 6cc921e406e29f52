package import RoostCore

extension Field {
  /// The constraints of this field that `value`, which `decode` made, does not meet.
  ///
  /// `now` is the time of the operation. The bounds of lists apply to the list (`minItems`,
  /// `maxItems`) and to each element (all others). A Date is compared with the day of `now` in UTC.
  /// Codes: `required`, `min`, `max`, `exclusive_min`, `min_length`, `max_length`, `pattern`,
  /// `past`, `past_or_present`, `future`, `future_or_present`, `min_items`, `max_items`.
  package func validate(
    _ value: FieldValue, pointer: String, now: Timestamp
  ) -> [FieldIssue] {
    if case .null = value {
      guard isRequired else { return [] }
      return [FieldIssue(pointer: pointer, code: "required", message: "\(name) is required.")]
    }
    guard let constraint else { return [] }
    var issues: [FieldIssue] = []
    guard isList, case .json(.array(let elements)) = value else {
      if let breach = constraint.breach(by: value, of: type, now: now) {
        issues.append(issue(breach, pointer, nil))
      }
      return issues
    }
    if let breach = constraint.breach(count: elements.count) {
      issues.append(issue(breach, pointer, nil))
    }
    guard constraint.boundsElements else { return issues }
    for (index, element) in elements.enumerated() {
      guard case .success(let value) = type.decode(element) else { continue }
      if let breach = constraint.breach(by: value, of: type, now: now) {
        issues.append(issue(breach, pointer, index))
      }
    }
    return issues
  }

  private func issue(_ breach: Constraint.Breach, _ pointer: String, _ index: Int?) -> FieldIssue {
    let subject = index.map { "\(name), item \($0 + 1)," } ?? name
    return FieldIssue(
      pointer: index.map { "\(pointer)/\($0)" } ?? pointer, code: breach.code,
      message: constraint?.message ?? "\(subject) \(breach.predicate).")
  }
}
