import RoostCore

extension Checker {
  /// What `@elements` says of a list of objects, checked against its field.
  ///
  /// A member of `rising` or `falling` is a name, or a name and an enum of the schema whose order
  /// counts: `"progress"`, `"status: ChallengeStatus"`.
  func elementOptions(
    _ use: CheckedDirective, _ shape: FieldShape, _ name: Name, _ merge: MergeStrategy
  ) -> ElementOptions? {
    guard shape.isList, shape.type == .json else {
      report.fault(
        use.location,
        "@elements speaks of the objects of a list, [JSON!], and \(name.text) is \(shape.text)")
      return nil
    }
    guard merge == .setUnion || merge == .mergeDeep else {
      report.fault(
        use.location,
        "@elements belongs to SET_UNION, which merges the elements of a list one by one: give "
          + "\(name.text) @merge(strategy: SET_UNION)")
      return nil
    }
    let idMember = use.string("id") ?? "id"
    if idMember.isEmpty {
      report.fault(use.location(of: "id"), "id of @elements names the member that tells them apart")
    }
    var ordered: [ElementOptions.Ordered] = []
    for (argument, isRising) in [("rising", true), ("falling", false)] {
      for text in use.names(argument) ?? [] {
        guard let member = orderedMember(text, isRising: isRising) else { continue }
        if member.member == idMember {
          report.fault(text.location, "\(idMember) tells the elements apart, so it never changes")
        } else if ordered.contains(where: { $0.member == member.member }) {
          report.fault(text.location, "the member \(member.member.excerpt) is named twice")
        }
        ordered.append(member)
      }
    }
    return ElementOptions(idMember: idMember, ordered: ordered)
  }

  private func orderedMember(_ text: Name, isRising: Bool) -> ElementOptions.Ordered? {
    let parts = text.text.split(separator: ":", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else {
      report.fault(
        text.location,
        "a member is written as its name, or as its name and an enum: \"status: Status\"")
      return nil
    }
    guard parts.count == 2 else {
      return ElementOptions.Ordered(member: parts[0], values: nil, isRising: isRising)
    }
    guard case .enumeration(_, let values)? = enumTypes[parts[1]] else {
      report.fault(
        text.location,
        "there is no enum \(parts[1].excerpt)"
          + didYouMean(parts[1], among: enumTypes.keys.sorted()))
      return nil
    }
    return ElementOptions.Ordered(member: parts[0], values: values, isRising: isRising)
  }
}
