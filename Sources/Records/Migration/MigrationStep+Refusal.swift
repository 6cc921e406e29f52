import RoostCore
import Schema

/// Why a step is not done, in the words of the plan, of an application and of a start.
extension MigrationStep {
  /// Rows that stand in the way; `isAgain` for the look that is repeated at the switch.
  func inTheWay(isAgain: Bool = false) -> String {
    var text = "\(self.text): \(count) in the way"
    if isAgain { text += ", written since they were looked at" }
    if case .addField = action { return text + "; give it @default(value:), or leave the ! out" }
    let them = breaking == 1 ? "it" : "them"
    let lists = breaking == 1 ? "lists it" : "lists them"
    return text + "; mend \(them) first (--export FILE of roost migrate plan \(lists))"
  }

  /// `1 row stands`, `2 rows stand`.
  var count: String { breaking == 1 ? "1 row stands" : "\(breaking) rows stand" }

  /// What it would lose, and how that is allowed.
  var loss: String {
    if case .retain = action {
      return "\(text): allow it with --allow-data-loss \(item)"
    }
    return "\(item) would be gone from the schema with what it holds: allow it with "
      + "--allow-data-loss \(item); it is kept aside until roost migrate forget"
  }

  /// Why a start does not do it; nil where it does.
  var refusalAtStart: String? {
    switch kind {
    case .additive: return breaking > 0 ? inTheWay() : nil
    case .explicit:
      return "\(text): not done by a start, but by roost migrate apply"
    case .destructive:
      if case .retain = action {
        return "\(text): not done by a start, but by roost migrate apply --allow-data-loss \(item)"
      }
      var what = item
      if case .retireCollection(_, let name) = action { what = "\(item) (\(name))" }
      return "\(what) is in the database but not in the schema: put it back (it may be marked "
        + "@deprecated), or let it go by roost migrate apply --allow-data-loss \(item)"
    }
  }
}
